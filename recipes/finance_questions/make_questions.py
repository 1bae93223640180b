"""Questions, terse answers and evidence from the tables of the sample documents.

usage: python -m recipes.finance_questions.make_questions

Writes finance_questions.csv beside this file: a row for each chosen cell of a table. The answer is
the figure alone with currency, scale and sign; the evidence is the piece of the table as the index
has it. `group` is company and row, so that a split by it holds out rows in all years and reports.
"""

from __future__ import annotations

import csv
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ragopt_tui.knowledge.passage import Passage, Profile
from ragopt_tui.knowledge.readers.read import read_document
from ragopt_tui.knowledge.splitter import split
from ragopt_tui.knowledge.tables import Cell, Row, is_figure, table_caption, table_rows

ROOT = Path(__file__).parent
DOCS = ROOT.parent.parent / "sample_docs"
COMPANIES = {
    "corvane": "Corvane",
    "larkfield": "Larkfield",
    "tarnbrook": "Tarnbrook",
    "veldmark": "Veldmark",
}
EACH_COMPANY = 130
SEED = 11
_PASSAGE_CHARACTERS = 900

_UNIT = re.compile(r"([$€£])\s*(?:in\s+)?(million|thousand)s?\b|\b(?:in\s+)(million|thousand)s\b")
_PERIOD = re.compile(r"^(?P<measure>.*?)\s*(?P<period>(?:FY\s?)?(?:19|20)\d\d)$")
_OWN_UNIT = re.compile(r"\((?P<unit>[$€£]|%|€ million|\$ million|£ million)\)$")
_NO_UNIT = re.compile(r"number|tonnes|capacity|headcount|ratio|per cent|days|shares", re.IGNORECASE)
_VAGUE = {"total", "other", "eliminations", "other countries"}
_PLACES = {"Benelux", "Germany", "France", "Canada", "Mexico", "Bakery"}
_WORDINGS = (
    "What was {measure} in {period}?",
    "What did {company} report as {measure} for {period}?",
    "{company}: {measure}, {period}?",
    "How high was {measure} at {company} in {period}?",
    "{measure} for {period}, please.",
)


@dataclass(frozen=True, slots=True)
class Fact:
    """A cell of a table as question, answer and evidence."""

    question: str
    answer: str
    evidence: str
    document: str
    company: str
    group: str


def main() -> None:
    """Choose as many cells of each company and write them."""
    rng = random.Random(SEED)
    chosen: list[Fact] = []
    for key, company in COMPANIES.items():
        facts = [
            fact
            for file in sorted(DOCS.glob(f"{key}-annual-report-*.md"))
            for fact in _facts(file, company, rng)
        ]
        chosen += sorted(
            rng.sample(facts, min(EACH_COMPANY, len(facts))), key=lambda f: (f.document, f.question)
        )
    with (ROOT / "finance_questions.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(Fact.__slots__)
        writer.writerows([getattr(fact, name) for name in Fact.__slots__] for fact in chosen)
    print(f"{len(chosen)} rows, {len({fact.group for fact in chosen})} groups")


def _facts(file: Path, company: str, rng: random.Random) -> Iterator[Fact]:
    document = read_document(file, file.name)
    for passage in split(document, Profile(), _lengths, _PASSAGE_CHARACTERS):
        if passage.kind != "table":
            continue
        unit = _unit(table_caption(passage))
        if unit is None:
            continue
        for row in table_rows(passage):
            for cell in row.cells[1:]:
                fact = _fact(passage, row, cell, unit, company, file.name, rng)
                if fact:
                    yield fact


def _fact(
    passage: Passage,
    row: Row,
    cell: Cell,
    unit: tuple[str, str],
    company: str,
    file: str,
    rng: random.Random,
) -> Fact | None:
    period = _PERIOD.match(cell.column)
    figures = [each for each in row.cells[1:] if is_figure(each.text)]
    if not period or not is_figure(cell.text) or not re.search(r"\d", cell.text):
        return None
    if len(figures) < 2 or not re.fullmatch(r"[A-Za-z ]*", period["measure"]):
        return None
    label = _OWN_UNIT.sub("", row.label).strip()
    if is_figure(label):
        return None
    measure = f"{period['measure'].lower()} of {label}" if period["measure"] else _within(label)
    if label.lower() in _VAGUE:
        measure += f" in “{_topic(table_caption(passage))}”"
    answer = _answer(cell.text, row.label, unit)
    if answer is None:
        return None
    question = rng.choice(_WORDINGS).format(
        measure=measure, company=company, period=period["period"]
    )
    question = question[0].upper() + question[1:]
    evidence = f"{passage.lead}\n{passage.text}" if passage.lead else passage.text
    return Fact(question, answer, evidence, file, company, f"{company}: {label}")


def _within(label: str) -> str:
    """Give a label as it stands within a sentence: names and abbreviations keep their capitals."""
    first, _, rest = label.partition(" ")
    names = first[1:] != first[1:].lower() or rest != rest.lower() or first in _PLACES
    return label if names else label[0].lower() + label[1:]


def _topic(caption: str) -> str:
    return re.sub(r"^Table \d+\W+|\s*\(.*$", "", caption)


def _unit(caption: str) -> tuple[str, str] | None:
    """Give currency and scale of a table whose amounts are all in one, else None."""
    match = _UNIT.search(caption)
    if not match or _NO_UNIT.search(caption):
        return None
    return match[1] or "", match[2] or match[3]


def _answer(text: str, label: str, unit: tuple[str, str]) -> str | None:
    """Give a cell's figure as one would say it; None where its unit is not plain."""
    minus = "-" if text.startswith(("(", "-", "−")) else ""
    digits = text.strip("()−- ").rstrip(")")
    if "%" in text:
        return f"{minus}{digits.removesuffix('%')}%"
    own = _OWN_UNIT.search(label)
    if re.search(r"\b(?:shares|employees|per|margin|ratio|days|number)\b", label, re.IGNORECASE):
        return f"{minus}{own['unit']}{digits}" if own and own["unit"] in "$€£" else None
    currency, scale = unit
    if not currency or not re.fullmatch(r"[\d,.]+", digits):
        return None
    return f"{minus}{currency}{digits} {scale}"


def _lengths(texts: Sequence[str]) -> list[int]:
    return [len(text) for text in texts]


if __name__ == "__main__":
    main()
