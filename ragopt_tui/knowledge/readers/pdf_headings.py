"""Which columns of a PDF table the words of its heading lines stand over."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from ragopt_tui.knowledge.readers.pdf_hyphens import joined
from ragopt_tui.knowledge.readers.pdf_lines import Cell
from ragopt_tui.knowledge.readers.pdf_regions import is_period, speaks_of_period

_UNNAMED = 0.05
"""What a column without a name costs, in widths of a column."""
_TIE = 0.01
_COVERED = 0.25
_ROUNDS = 3
_DIVIDED = re.compile(r"([^\W\d_]+)- ([^\W\d_]+)")


@dataclass(frozen=True, slots=True)
class Column:
    """Where a column's cells stand, in points from the left."""

    left: float
    right: float

    def overlap(self, other: Column | Cell) -> float:
        """Give the points that both cover; negative is the distance between them."""
        return min(self.right, other.right) - max(self.left, other.left)


def named_columns(lines: Sequence[Sequence[Cell]], columns: Sequence[Column]) -> list[str]:
    """Give a name for each column from the cells of heading lines, from top to bottom."""
    wide = list(columns)
    for _ in range(_ROUNDS):
        for cells in reversed(lines):
            _widen(wide, cells)
    names: list[list[str]] = [[] for _ in columns]
    for cells in lines:
        for cell, group in zip(cells, _groups(cells, wide), strict=True):
            for column in group:
                names[column].append(cell.text)
    return [
        _DIVIDED.sub(lambda found: joined(found[1], found[2]), " ".join(parts)) for parts in names
    ]


def _widen(columns: list[Column], cells: Sequence[Cell]) -> None:
    """Let columns reach as far as the headings that stand over one of them alone."""
    if _spans(cells, columns):
        return
    for cell in cells:
        over = [at for at, column in enumerate(columns) if column.overlap(cell) > 0]
        if len(over) == 1:
            column = columns[over[0]]
            columns[over[0]] = Column(min(column.left, cell.left), max(column.right, cell.right))


def _spans(cells: Sequence[Cell], columns: Sequence[Column]) -> bool:
    return len(cells) < len(columns) and any(_is_spanning(cell.text) for cell in cells)


def _is_spanning(text: str) -> bool:
    """Say whether words head several columns by their sense: "Year ended June 30,"."""
    return speaks_of_period(text) and not is_period(text)


def _groups(cells: Sequence[Cell], columns: Sequence[Column]) -> list[range]:
    """Give for each cell of a line the columns that it heads."""
    if not columns:
        return [range(0) for _ in cells]
    if _spans(cells, columns):
        return _centred_groups(cells, columns)
    return [_group_below(cell, columns) for cell in cells]


def _group_below(cell: Cell, columns: Sequence[Column]) -> range:
    """Give the columns that a cell covers a good part of, or the nearest one."""
    over = [
        at
        for at, column in enumerate(columns)
        if column.overlap(cell) > _COVERED * min(column.right - column.left, cell.right - cell.left)
    ]
    nearest = max(range(len(columns)), key=lambda at: columns[at].overlap(cell))
    return range(over[0], over[-1] + 1) if over else range(nearest, nearest + 1)


def _centred_groups(cells: Sequence[Cell], columns: Sequence[Column]) -> list[range]:
    """Share the columns out: each cell has neighbours whose middle is nearest to its own."""
    pitch = (columns[-1].right - columns[0].left) / len(columns)

    @cache
    def best(cell: int, column: int) -> tuple[float, tuple[tuple[int, int], ...]]:
        if cell == len(cells):
            return _UNNAMED * (len(columns) - column), ()
        if column == len(columns):
            return 1e6 * (len(cells) - cell), ((column, column),) * (len(cells) - cell)
        skipped = best(cell, column + 1)
        choices = [(skipped[0] + _UNNAMED, skipped[1])]
        for end in range(column + 1, len(columns) + 1):
            cost, rest = best(cell + 1, end)
            own = _distance(cells[cell], columns[column:end], pitch)
            choices.append((own + cost, ((column, end), *rest)))
        return min(choices, key=lambda choice: choice[0])

    return [range(start, end) for start, end in best(0, 0)[1]]


def _distance(cell: Cell, columns: Sequence[Column], pitch: float) -> float:
    """How far a cell is from the middle of columns, in their width; several need a reason."""
    left, right = columns[0].left, columns[-1].right
    off = abs(cell.middle - (left + right) / 2)
    if len(columns) == 1:
        return min(off, abs(cell.right - right)) / pitch
    covers = columns[0].overlap(cell) > 0 and columns[-1].overlap(cell) > 0
    return off / pitch + (_TIE if covers or _is_spanning(cell.text) else 1.0)
