"""Answers on the sample documents: retrieval, quotes, the built-in model and a plain baseline.

usage: python -m benchmarks.answers [sample|final] [--generate] [--verbose]

The baseline copies the sentence or table row of all documents with the highest embedding
similarity to the question; it never refuses.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.questions import GoldQuestion, Verdict, judge, load_questions, share

if TYPE_CHECKING:
    from ragopt_tui.chat.assistant import Assistant

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "sample_docs"


def main() -> None:
    """Index the sample documents in a home of their own and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("set", nargs="?", default="sample", choices=["sample", "final"])
    parser.add_argument("--generate", action="store_true", help="also ask the built-in model")
    parser.add_argument("--verbose", action="store_true", help="print each wrong answer")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        os.environ["RAGOPT_HOME"] = home
        os.environ["HF_HUB_OFFLINE"] = "1"
        measure(options.set, options.generate, options.verbose)


def measure(name: str, generate: bool, verbose: bool) -> None:
    """Print retrieval, quotes, baseline and (if asked) generated answers over a question set."""
    from ragopt_tui.chat.assistant import Assistant
    from ragopt_tui.knowledge.sync import synchronise
    from ragopt_tui.settings import Settings

    questions = load_questions(ROOT / "tests" / "questions" / name)
    synchronise(DOCS, "builtin", lambda _: None)
    assistant = Assistant(DOCS, Settings())
    answerable = [q for q in questions if q.answerable]
    unanswerable = len(questions) - len(answerable)
    print(f"{name}: {len(answerable)} answerable, {unanswerable} unanswerable questions")

    ranks = [_rank(assistant, q, verbose) for q in answerable]
    for k in (1, 5, 10):
        print(f"gold passage among the first {k:2}: {share([rank <= k for rank in ranks])}")
    variants = ["quotes", *(["builtin-q8_0"] if generate else [])]
    for variant in variants:
        verdicts = [_asked(assistant, q, variant, verbose) for q in questions]
        _report(variant, questions, verdicts)
    baseline = [Verdict(False, ok, ok) for ok in _baseline(assistant, questions)]
    _report("baseline: most similar sentence", questions, baseline)


def _rank(assistant: Assistant, question: GoldQuestion, verbose: bool) -> int:
    """Give the place, from 1, of the first gold passage; 11 where the first ten hold none."""
    hits = assistant.search(question.question, 10).hits
    rank = next((n for n, h in enumerate(hits, 1) if question.holds_gold(h.passage)), 11)
    if verbose and rank > 5:
        print(f"  not among the first 5: {question.id} {question.question}")
    return rank


def _asked(assistant: Assistant, question: GoldQuestion, variant: str, verbose: bool) -> Verdict:
    answer = assistant.ask(question.question, variant, 6, lambda *_: None, lambda: False)
    verdict = judge(question, answer)
    if verbose and verdict.right_and_cited != question.answerable:
        print(f"  {question.id} {question.question}\n    want {question.answers}")
        print(f"    got  {answer.text[:300]!r}")
    return verdict


def _report(name: str, questions: Sequence[GoldQuestion], verdicts: Sequence[Verdict]) -> None:
    answerable = [v for q, v in zip(questions, verdicts, strict=True) if q.answerable]
    unanswerable = [v for q, v in zip(questions, verdicts, strict=True) if not q.answerable]
    print(f"{name}:")
    print(f"  right and rightly cited   {share([v.right_and_cited for v in answerable])}")
    print(f"  right                     {share([v.right for v in answerable])}")
    print(f"  answerable refused        {share([v.refused for v in answerable])}")
    print(f"  unanswerable refused      {share([v.refused for v in unanswerable])}")


def _baseline(assistant: Assistant, questions: Sequence[GoldQuestion]) -> list[bool]:
    from ragopt_tui.knowledge.index import Index
    from ragopt_tui.knowledge.location import IndexLocation
    from ragopt_tui.knowledge.units import passage_units

    index = Index.open(IndexLocation.of(DOCS))
    files = sorted({p.name for p in DOCS.iterdir()})
    units = [u for f in files for p in index.passages_of(f) for u in passage_units(p)]
    embedder = assistant.load_embedder()
    vectors = embedder.embed([u.words for u in units])
    asked = embedder.embed([q.question for q in questions])
    best = np.argmax(asked @ vectors.T, axis=1)
    return [
        q.is_right(units[b].words) and q.holds_gold(units[b].passage)
        for q, b in zip(questions, best, strict=True)
    ]


if __name__ == "__main__":
    main()
