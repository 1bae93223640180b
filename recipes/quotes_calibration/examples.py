"""Calibration examples: questions, candidate units, which of them are right.

From the project's development questions over the sample documents, with the evidence that the
product retrieves; and from the TAT-QA dev set (CC BY 4.0).

Each TAT-QA document is a table and a few paragraphs. The candidates of a question are the units
of its own document and of the three that follow it. For the unanswerable form of a question
every passage that holds a gold unit is taken away.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from ragopt_tui.knowledge.passage import Passage, Profile
from ragopt_tui.knowledge.question import understand
from ragopt_tui.knowledge.units import Unit, passage_units

NEIGHBOURS = 3


@dataclass(frozen=True, slots=True)
class Example:
    """A question over candidate units; `gold` indexes those that hold the answer."""

    question: str
    units: tuple[Unit, ...]
    gold: frozenset[int]
    ranks: dict[str, int]


def development_examples(root: Path) -> list[Example]:
    """Retrieve for each development question; one whose answer is in no candidate is left out."""
    from benchmarks.questions import load_questions
    from ragopt_tui.chat.assistant import QUOTED_FROM, Assistant
    from ragopt_tui.chat.quotes import most_promising
    from ragopt_tui.knowledge.sync import synchronise
    from ragopt_tui.settings import Settings

    docs = root / "sample_docs"
    synchronise(docs, "builtin", lambda _: None)
    assistant = Assistant(docs, Settings())
    examples = []
    for question in load_questions(root / "tests" / "questions" / "development"):
        hits = assistant.search(question.question, QUOTED_FROM)
        asked = understand(question.question, {h.passage.profile.company for h in hits})
        units = most_promising(asked, [u for h in hits for u in passage_units(h.passage)])
        gold = frozenset(
            i
            for i, u in enumerate(units)
            if question.holds_gold(u.passage) and question.is_right(u.words)
        )
        if gold or not question.answerable:
            ranks = {hit.passage.id: rank for rank, hit in enumerate(hits, 1)}
            examples.append(Example(question.question, tuple(units), gold, ranks))
    return examples


def tatqa_examples(file: Path) -> list[Example]:
    """Read single-span questions whose answer stands verbatim in a unit, in both forms."""
    documents = json.loads(file.read_text(encoding="utf-8"))
    passages = [_passages(d, number) for number, d in enumerate(documents)]
    examples = []
    for number, document in enumerate(documents):
        around = [(number + k) % len(documents) for k in range(NEIGHBOURS + 1)]
        units = [u for n in around for p in passages[n] for u in passage_units(p)]
        own = {p.id for p in passages[number]}
        for entry in document["questions"]:
            if entry["answer_type"] != "span" or len(entry["answer"]) != 1:
                continue
            gold = _gold(entry, units, own)
            if not gold:
                continue
            held = {units[i].passage.id for i in gold}
            rest = [u for u in units if u.passage.id not in held]
            # The sets have no retrieval: every passage stands alike.
            ranks = {unit.passage.id: 3 for unit in units}
            examples.append(Example(entry["question"], tuple(units), gold, ranks))
            examples.append(Example(entry["question"], tuple(rest), frozenset(), ranks))
    return examples


def _gold(entry: dict[str, object], units: list[Unit], own: set[str]) -> frozenset[int]:
    answer = str(entry["answer"][0]).strip()  # type: ignore[index]
    wants_table = entry["answer_from"] == "table"
    candidates = {
        i
        for i, unit in enumerate(units)
        if unit.passage.id in own and answer in unit.text and bool(unit.row) >= wants_table
    }
    if not candidates or len(candidates) > 4:
        return frozenset()
    asked = set(str(entry["question"]).lower().split())
    shared = {i: len(asked & set(units[i].words.lower().split())) for i in candidates}
    best = max(shared.values())
    return frozenset(i for i in candidates if shared[i] == best)


def _passages(document: dict[str, object], number: int) -> list[Passage]:
    file = f"report-{number}.md"
    table = document["table"]["table"]  # type: ignore[index, call-overload]
    rows = "\n".join("| " + " | ".join(c.replace("|", "/") for c in row) + " |" for row in table)
    paragraphs = sorted(document["paragraphs"], key=lambda p: p["order"])  # type: ignore[call-overload]
    texts: list[tuple[str, str]] = [("table", rows)]
    texts += [("prose", p["text"]) for p in paragraphs if len(p["text"].split()) > 8]
    short = [p["text"] for p in paragraphs if len(p["text"].split()) <= 8]
    heading = tuple(short[:1])
    return [
        Passage(
            id=f"{file}#{n}",
            file=file,
            page=None,
            line_start=1,
            line_end=1,
            char_start=0,
            char_end=len(text),
            kind="table" if kind == "table" else "prose",
            headings=heading,
            lead="",
            text=text,
            profile=Profile(),
        )
        for n, (kind, text) in enumerate(texts)
    ]
