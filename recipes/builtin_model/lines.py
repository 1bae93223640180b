"""Cases as data: a question and the lines that compete for it, as JSON holds them."""

from __future__ import annotations

import json
import lzma
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ragopt_tui.chat.builtin_prompt import LONGEST_WORDS, beginning
from ragopt_tui.chat.builtin_rows import asked_columns, said_of_row


@dataclass(frozen=True, slots=True)
class Line:
    """A unit as the prompt shows it.

    `passage` numbers passages within a case. `statement` answers the case's question, "" where the
    unit does not answer. `cells` are a row's columns and values as a statement says them.
    """

    passage: int
    about: str
    words: str
    statement: str
    label: str = ""
    cells: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """`asked` are the columns of the cells that the question is about, of its first gold row."""

    origin: str
    question: str
    lines: tuple[Line, ...]
    asked: tuple[str, ...] = ()


def words_shown(line: Line, question: str) -> str:
    """Give a line's words as the prompt shows them, of a row the columns that are asked for."""
    if not line.cells:
        return line.words
    return beginning(said_of_row(line.label, asked_columns(question, line.cells)), LONGEST_WORDS)


def case_from_json(values: dict[str, Any]) -> Case:
    """Rebuild a case from its fields as JSON holds them."""
    lines = tuple(
        Line(**(line | {"cells": tuple(map(tuple, line["cells"]))})) for line in values["lines"]
    )
    return Case(values["origin"], values["question"], lines, tuple(values["asked"]))


def write_cases(cases: Iterable[Case], file: Path) -> None:
    """Write cases in a line each, strings that repeat once, in the last line."""
    texts: dict[str, int] = {}

    def number(text: str) -> int:
        return texts.setdefault(text, len(texts))

    with lzma.open(file, "wt", encoding="utf-8", preset=6) as out:
        for case in cases:
            rows = [
                [x.passage, *map(number, (x.about, x.words, x.statement, x.label)), x.cells]
                for x in case.lines
            ]
            out.write(json.dumps([case.origin, case.question, case.asked, rows]) + "\n")
        out.write(json.dumps(list(texts)) + "\n")


def read_cases(file: Path) -> list[Case]:
    """Read what `write_cases` wrote."""
    with lzma.open(file, "rt", encoding="utf-8") as stored:
        *rows, texts = [json.loads(line) for line in stored]
    cases = []
    for origin, question, asked, lines in rows:
        read = (
            Line(p, texts[about], texts[words], texts[said], texts[label], tuple(map(tuple, cells)))
            for p, about, words, said, label, cells in lines
        )
        cases.append(Case(origin, question, tuple(read), tuple(asked)))
    return cases
