"""Cases: a question, the lines that compete for it, and what a right answer says.

usage: python -m recipes.builtin_model.cases KIND SOURCE TARGET.jsonl

KIND and SOURCE are those of `recipes/cross_encoder/pools.py`. What competes in the large sets is
chosen by shared words, which takes a CPU minutes where embedding them takes an hour.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ragopt_tui.chat.builtin_prompt import about_unit, shown_words
from ragopt_tui.knowledge.tables import Cell
from ragopt_tui.knowledge.units import Unit
from ragopt_tui.knowledge.words import stems_of
from recipes.builtin_model.lines import Case, Line, write_cases
from recipes.builtin_model.statements import gold_cells, statement, value
from recipes.cross_encoder.pools import MAKERS, Pool


def case_of(
    origin: str, question: str, units: Sequence[Unit], gold: Iterable[int], answers: Sequence[str]
) -> Case | None:
    """Give a pool's case, None where its answer is uncertain (which cell of a row is meant)."""
    right = set(gold)
    passages: dict[str, int] = {}
    lines, asked = [], []
    for n, unit in enumerate(units):
        said, cells = "", list[Cell]()
        if n in right:
            cells = gold_cells(unit, question, answers)
            said = statement(unit, cells)
        number = passages.setdefault(unit.passage.id, len(passages))
        lines.append(line_of(unit, number, said))
        asked += [] if asked else [cell.column for cell in cells]
    if right and not any(line.statement for line in lines):
        return None
    if any(n in right and not line.statement for n, line in enumerate(lines)):
        kept = [line for n, line in enumerate(lines) if n not in right or line.statement]
        lines = kept
    return Case(origin, question, tuple(lines), tuple(asked))


def line_of(unit: Unit, passage: int, said: str) -> Line:
    """Give a unit's line; `said` is its statement."""
    label, cells = "", list[tuple[str, str]]()
    if unit.row:
        label = unit.row.named_label
        cells = [(cell.column, value(unit, cell)) for cell in unit.row.cells[1:] if cell.text]
    return Line(
        passage, about_unit(unit), shown_words(unit), unit.context, said, label, tuple(cells)
    )


def cases_of(pools: Iterable[Pool]) -> Iterable[Case]:
    """Give the cases of pools."""
    for pool in pools:
        case = case_of(pool.origin, pool.question, pool.units, pool.gold, pool.answers)
        if case:
            yield case


def by_words(texts: Sequence[str]) -> npt.NDArray[np.float32]:
    """Give vectors of (texts, 512): words hashed with a sign, rare ones of each text counting more."""
    vectors = np.zeros((len(texts), 512), np.float32)
    for row, text in enumerate(texts):
        for word in stems_of(text):
            number = zlib.crc32(word.encode())
            vectors[row, number % 512] += (1 if number & 512 else -1) * min(len(word), 8)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)


def main(kind: str, source: Path, target: Path) -> None:
    """Make the cases of one source."""
    options = {"embed": by_words} if kind in ("squad", "covid") else {}
    write_cases(cases_of(MAKERS[kind](source, **options)), target)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
