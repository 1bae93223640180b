"""TAT-QA (CC BY 4.0): questions over a table and paragraphs of a real annual report.

The candidates of a question are the units of its own document and of the three that follow it.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

from ragopt_tui.knowledge.passage import Passage, Profile
from ragopt_tui.knowledge.units import Unit, passage_units

NEIGHBOURS = 3


def tatqa_questions(file: Path, most: int) -> Iterator[tuple[str, str, list[Unit], int]]:
    """Give single-span questions, answers, at most `most` units, how many of the first are right.

    Each stands once with its answer, and once with every passage that holds it taken away.
    """
    documents = json.loads(file.read_text(encoding="utf-8"))
    passages = [_passages(d, number) for number, d in enumerate(documents)]
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
            right = [units[i] for i in sorted(gold)]
            rest = [u for i, u in enumerate(units) if i not in gold]
            random.Random(entry["question"]).shuffle(rest)
            question, answer = entry["question"], entry["answer"][0]
            yield question, answer, [*right, *rest][:most], len(right)
            yield question, answer, [u for u in rest if u.passage.id not in held][:most], 0


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
