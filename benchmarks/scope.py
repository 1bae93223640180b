"""Evidence of another period or company in first place: plain hybrid search beside retrieval.

usage: python -m benchmarks.scope [--verbose]

Asked are the answerable sample questions and variations of them for the other year, part of the
year or company that the sample documents hold. Evidence is of another company where its document
is and it does not name one that was asked for; it is of another period where what it says of
years (or, if it says nothing, its document's period) leaves out every year asked for, or what it
says of quarters and halves leaves out every part asked for. A gold passage is never wrong.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.questions import GoldQuestion, load_questions, share
from ragopt_tui.knowledge.passage import Hit, Passage
from ragopt_tui.knowledge.question import interim_parts, understand, years_in

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "sample_docs"
FIRST = 5
LEAST_HITS = 0.97
MOST_WRONG = 0.5
"""The share of plain search's wrong first places that retrieval may have."""

Search = Callable[[str], Sequence[Hit]]


def main() -> int:
    """Index the sample documents in a home of their own and print the table; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--verbose", action="store_true", help="print each wrong first place")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        os.environ["RAGOPT_HOME"] = home
        os.environ["HF_HUB_OFFLINE"] = "1"
        return measure(options.verbose)


def measure(verbose: bool) -> int:
    """Print for both searches how often evidence was wrong and the gold passage found."""
    from ragopt_tui.chat.assistant import Assistant
    from ragopt_tui.knowledge.index import Index
    from ragopt_tui.knowledge.location import IndexLocation
    from ragopt_tui.knowledge.sync import synchronise
    from ragopt_tui.settings import Settings

    synchronise(DOCS, "builtin", lambda _: None)
    assistant = Assistant(DOCS, Settings())
    embedder = assistant.load_embedder()
    index = Index.open(IndexLocation.of(DOCS))

    def plain(question: str) -> Sequence[Hit]:
        return index.search(embedder.embed_query(question), question, FIRST)

    def ours(question: str) -> Sequence[Hit]:
        return assistant.search(question, FIRST).hits

    folders = [ROOT / "tests" / "questions" / name for name in ("sample", "variations")]
    questions = [q for folder in folders for q in load_questions(folder) if q.answerable]
    print(f"{len(questions)} questions")
    wrong_plain, _ = report("plain hybrid search", plain, questions, index.companies(), verbose)
    wrong, hits = report("retrieval", ours, questions, index.companies(), verbose)
    index.close()
    assistant.close()
    return 0 if wrong <= MOST_WRONG * wrong_plain and hits >= LEAST_HITS else 1


def report(
    name: str,
    search: Search,
    questions: Sequence[GoldQuestion],
    companies: frozenset[str],
    verbose: bool,
) -> tuple[int, float]:
    """Print one search's table; gives its wrong first places and its share of gold passages."""
    found = [(question, search(question.question)) for question in questions]
    wrong = [is_wrong(question, hits[0].passage, companies) for question, hits in found]
    gold = [any(q.holds_gold(hit.passage) for hit in hits) for q, hits in found]
    print(f"{name}:")
    print(f"  another period or company in first place  {share(wrong)}")
    print(f"  gold passage in first place               {share([_is_gold(*f) for f in found])}")
    print(f"  gold passage among the first {FIRST}            {share(gold)}")
    for (question, hits), bad, held in zip(found, wrong, gold, strict=True):
        if verbose and (bad or not held):
            what = "wrong first" if bad else "no gold"
            first = hits[0].passage
            print(f"    {what}: {question.id} {question.question}")
            print(f"      {first.file} l.{first.line_start} {first.text[:80]!r}")
    return sum(wrong), sum(gold) / len(gold)


def _is_gold(question: GoldQuestion, hits: Sequence[Hit]) -> bool:
    return question.holds_gold(hits[0].passage)


def is_wrong(question: GoldQuestion, passage: Passage, companies: frozenset[str]) -> bool:
    """Say whether a passage is about another company, year or part of a year than asked for."""
    if question.holds_gold(passage):
        return False
    asked = understand(question.question, companies)
    said = f"{' '.join(passage.headings)} {passage.lead} {passage.text}"
    if asked.companies and passage.profile.company not in asked.companies:
        return not understand(said, asked.companies).companies
    years = years_in(said) or years_in(passage.profile.period)
    if asked.years and years and not asked.years & years:
        return True
    parts = interim_parts(said) or interim_parts(passage.profile.period)
    return bool(asked.interim and parts and not asked.interim & parts)


if __name__ == "__main__":
    sys.exit(main())
