"""A table of a PDF page as rows of text: each figure in its column, wrapped labels joined."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ragopt_tui.knowledge.readers.pdf_headings import Column, named_columns
from ragopt_tui.knowledge.readers.pdf_lines import Cell
from ragopt_tui.knowledge.readers.pdf_regions import Region, Row, is_period

_MOST_COLUMNS = 40
_TIGHT = 0.9
_OPEN = re.compile(r"(?:,|-|–| and| of| the| to| in| for| by| from| on| or| with)$")
_LEAST_SHARE = 0.4
"""Cells of words make a column of their own where so many of the rows have one."""


@dataclass(frozen=True, slots=True)
class Grid:
    """A table's rows of cells; `names` heads the columns and is empty where nothing does.

    `edges` are the right edges of its columns, in points, by which a table goes on over the page.
    """

    names: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    edges: tuple[float, ...]


@dataclass(slots=True)
class _Filled:
    row: Row
    cells: list[str]
    left: float
    label_right: float = 0.0

    @property
    def is_label(self) -> bool:
        return not any(self.cells[1:])


def grid_of(rows: Sequence[Row], region: Region) -> Grid | None:
    """Give the grid of a region's rows; None where no columns can be told apart."""
    body = rows[region.data : region.last + 1]
    columns = _columns(body)
    if not 1 <= len(columns) < _MOST_COLUMNS:
        return None
    head = rows[region.first : region.data]
    labels = [_label_cells(row, columns) for row in head]
    over = [row.line.heading_cells[len(label) :] for row, label in zip(head, labels, strict=True)]
    names = [
        " ".join(cell.text for label in labels for cell in label),
        *named_columns(over, columns),
    ]
    filled = [tuple(row.cells) for row in _with_labels_joined([_filled(r, columns) for r in body])]
    edges = tuple(column.right for column in columns)
    return Grid(tuple(names) if any(names[1:]) else (), tuple(filled), edges)


def _columns(body: Sequence[Row]) -> list[Column]:
    """Give the columns behind the labels: where figures stand, and words beside them."""
    data = [row for row in body if row.is_data]
    figures = _figure_columns(data)
    words = [
        Column(cell.left, cell.right)
        for row in data
        for cell in row.cells[1:]
        if not cell.is_figure and not any(column.overlap(cell) > 0 for column in figures)
    ]
    apart = [
        column
        for column in _merged(words)
        if sum(column.overlap(word) > 0 for word in words) >= _LEAST_SHARE * len(data)
    ]
    return sorted([*figures, *apart], key=lambda column: column.left)


def _figure_columns(data: Sequence[Row]) -> list[Column]:
    """Give the columns of figures; one at the left edge that only years stand in is of labels."""
    columns = _merged(_core(cell) for row in data for cell in row.cells[1:] if cell.is_figure)
    firsts = [row.cells[0] for row in data if row.cells[0].is_figure]
    is_unlabelled = len(firsts) == len(data) and not all(is_period(cell.text) for cell in firsts)
    found = [c for c in firsts if is_unlabelled or any(column.overlap(c) > 0 for column in columns)]
    return _merged([*columns, *map(_core, found)])


def _core(cell: Cell) -> Column:
    return Column(cell.core, cell.right)


def _merged(columns: Iterable[Column]) -> list[Column]:
    merged: list[Column] = []
    for column in sorted(columns, key=lambda column: column.left):
        if merged and column.left < merged[-1].right:
            merged[-1] = Column(merged[-1].left, max(merged[-1].right, column.right))
        else:
            merged.append(column)
    return merged


def _label_cells(row: Row, columns: Sequence[Column]) -> Sequence[Cell]:
    """The first cells of a heading line that stand over the labels."""
    first = columns[0]
    room = 2 * row.line.size
    cells = row.line.heading_cells
    count = 0
    for cell in cells:
        if cell.middle >= first.left - room or cell.right > first.right:
            break
        count += 1
    return cells[:count]


def _filled(row: Row, columns: Sequence[Column]) -> _Filled:
    """Put a row's cells into its label and columns."""
    filled = _Filled(row, [""] * (len(columns) + 1), row.line.left)
    if row.names_group:
        filled.cells[0] = row.line.text
        return filled
    for number, cell in enumerate(row.cells):
        place = _place(cell, columns, is_first=number == 0)
        filled.cells[place] = f"{filled.cells[place]} {cell.text}".strip()
        if place == 0:
            filled.label_right = cell.right
    return filled


def _place(cell: Cell, columns: Sequence[Column], is_first: bool) -> int:
    """The column that a cell shares most with, from 1; 0 for a label."""
    shared = [column.overlap(cell) for column in columns]
    best = max(range(len(columns)), key=shared.__getitem__)
    if cell.is_figure and not (is_first and cell.right <= columns[0].left):
        if shared[best] <= 0:
            best = min(range(len(columns)), key=lambda n: abs(columns[n].right - cell.right))
        return best + 1
    if is_first and cell.left < columns[0].left:
        return 0
    if shared[best] <= 0:
        behind = [n for n, column in enumerate(columns) if column.left >= cell.right]
        return 0 if not behind or behind[0] == 0 else behind[0]
    return best + 1


def _with_labels_joined(rows: Sequence[_Filled]) -> list[_Filled]:
    """Join labels and other words that go on in the next line to the row of their figures."""
    edge = max((row.label_right for row in rows), default=0.0)
    gaps = sorted(row.row.line.base - above.row.line.base for above, row in pairwise(rows))
    tight = _TIGHT * gaps[len(gaps) // 2] if gaps else 0.0
    joined: list[_Filled] = []
    for row in rows:
        above = joined[-1] if joined else None
        if above and not row.row.figures and not row.cells[0]:
            pairs = zip(above.cells, row.cells, strict=True)
            above.cells = [f"{one} {other}".strip() for one, other in pairs]
            continue
        if above is None or not _goes_on(above, row, edge, tight):
            joined.append(row)
            continue
        values = row.cells[1:] if above.is_label else above.cells[1:]
        cells = [f"{above.cells[0]} {row.cells[0]}", *values]
        joined[-1] = _Filled(row.row, cells, above.left, row.label_right)
    return joined


def _goes_on(above: _Filled, row: _Filled, edge: float, tight: float) -> bool:
    """Say whether a label's words go on in the next line.

    They do in small letters, behind an open bracket, in a line that is set closer than rows are,
    and deeper in where the line above had no room for them.
    """
    text, label = above.cells[0], row.cells[0]
    if not (text and label and (above.is_label or row.is_label)) or text.endswith((":", ".")):
        return False
    if label[0].islower() or text.count("(") > text.count(")") or _OPEN.search(text):
        return True
    line, before = row.row.line, above.row.line
    if not above.is_label or line.left <= above.left + 1:
        return False
    word = line.words[0]
    is_full = edge - above.label_right < 1.25 * (word.right - word.left)
    return is_full or label[0] == "(" or line.base - before.base < tight
