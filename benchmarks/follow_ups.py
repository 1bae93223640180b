"""Follow-ups on the sample documents: how often the gold passage is among the first five.

usage: python -m benchmarks.follow_ups [--verbose]

Each follow-up is searched for as it is read after the question before it (with that question's
answer by quotes), as it was typed, and in the stand-alone form that a person wrote.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.questions import GoldQuestion, load_questions, share

if TYPE_CHECKING:
    from ragopt_tui.chat.assistant import Assistant

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "sample_docs"
PAIRS = ROOT / "tests" / "questions" / "follow_ups"
FIRST = 5


@dataclass(frozen=True, slots=True)
class Pair:
    """A question, what is asked after it, and the latter as a stand-alone question with gold."""

    first: str
    follow_up: str
    alone: GoldQuestion


def load_pairs() -> list[Pair]:
    """Read the pairs; lines have `first` and `follow_up` beside the fields of question files."""
    lines = [
        json.loads(line)
        for file in sorted(PAIRS.glob("*.jsonl"))
        for line in file.read_text(encoding="utf-8").splitlines()
    ]
    alone = load_questions(PAIRS)
    return [
        Pair(values["first"], values["follow_up"], question)
        for values, question in zip(lines, alone, strict=True)
    ]


def main() -> None:
    """Index the sample documents in a home of their own and print the three shares."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--verbose", action="store_true", help="print how each was read")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        os.environ["RAGOPT_HOME"] = home
        os.environ["HF_HUB_OFFLINE"] = "1"
        measure(options.verbose)


def measure(verbose: bool) -> None:
    """Print hit@5 of the follow-ups resolved, unresolved, and in their stand-alone form."""
    from ragopt_tui.chat.assistant import Assistant
    from ragopt_tui.chat.follow_up import Earlier, first_sentence
    from ragopt_tui.knowledge.sync import synchronise
    from ragopt_tui.settings import Settings

    synchronise(DOCS, "builtin", lambda _: None)
    assistant = Assistant(DOCS, Settings())
    found: dict[str, list[bool]] = {"resolved": [], "unresolved": [], "stand-alone": []}
    for pair in load_pairs():
        answer = assistant.ask(pair.first, "quotes", 6, lambda *_: None, lambda: False)
        before = Earlier(pair.first, first_sentence(answer.text))
        resolved = assistant.read_as(pair.follow_up, [before])
        forms = zip(found, (resolved, pair.follow_up, pair.alone.question), strict=True)
        hits = {name: _finds(assistant, form, pair.alone) for name, form in forms}
        for name, hit in hits.items():
            found[name].append(hit)
        if verbose:
            print(f"  {pair.alone.id} {pair.follow_up} -> {resolved} {hits}")
    for name, flags in found.items():
        print(f"{name:12} gold passage among the first {FIRST}: {share(flags)}")


def _finds(assistant: Assistant, question: str, gold: GoldQuestion) -> bool:
    return any(gold.holds_gold(hit.passage) for hit in assistant.search(question, FIRST).hits)


if __name__ == "__main__":
    main()
