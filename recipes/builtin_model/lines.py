"""Cases as data: a question and the lines that compete for it, as JSON lines."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Line:
    """A unit as the prompt shows it and as a cross-encoder reads it.

    `passage` numbers passages within a case. `statement` answers the case's question, "" where the
    unit does not answer. `cells` are a row's columns and values as a statement says them.
    """

    passage: int
    about: str
    words: str
    context: str
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


def write_cases(cases: Iterable[Case], file: Path) -> None:
    """Write cases as JSON lines."""
    with file.open("w", encoding="utf-8") as out:
        for case in cases:
            out.write(json.dumps(asdict(case), ensure_ascii=False) + "\n")


def read_cases(file: Path) -> list[Case]:
    """Read what `write_cases` wrote."""
    texts = file.read_text(encoding="utf-8").splitlines()
    return [case_from_json(json.loads(text)) for text in texts]


def case_from_json(values: dict[str, Any]) -> Case:
    """Rebuild a case from its fields as JSON holds them."""
    lines = tuple(
        Line(**(line | {"cells": tuple(map(tuple, line["cells"]))})) for line in values["lines"]
    )
    return Case(values["origin"], values["question"], lines, tuple(values["asked"]))
