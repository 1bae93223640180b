"""Finding the tables of a PDF page: runs of lines whose figures stand in columns."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from ragopt_tui.knowledge.readers.pdf_lines import Cell, Line
from ragopt_tui.knowledge.structure import is_labelled

_ROW_GAP = 3.2
"""Baselines farther apart than this many times the size of letters end a table."""
_MOST_LABELS = 6
"""Lines without figures that may follow one another within a table."""
_HEADER_LINES = 7
_GROUP_WORDS = 7
_ALIGNED = 3.0
"""Points by which the beginnings of lines of one cell may differ."""
_DATE = (
    r"(?:\d{1,2}\s+)?(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\.?(?:\s+\d{1,2},?)?"
)
_PERIOD = re.compile(
    rf"^(?:(?:FY|Fiscal|fiscal|Q[1-4]|H[12]|[1-4]Q|{_DATE})[\s'-]*)*(?:(?:19|20)\d\d|['’]\d\d)?"
    r"(?:[AEP]|\s*\(\w\))?$"
)
_PERIOD_WORDS = re.compile(
    r"\b(?:years?|quarters?|months|weeks|period|half|ended|ending|as (?:of|at)|fiscal|"
    r"(?:19|20)\d\d|January|February|March|April|May|June|July|August|September|October|November|"
    r"December)\b",
    re.IGNORECASE,
)
_BULLET = re.compile(r"^(?:[•▪‣◦*–—-]|\(?(?:[a-z]|[ivx]{1,4}|\d{1,2})[.)])$", re.IGNORECASE)


@dataclass(frozen=True)
class Row:
    """A line as a row of a table."""

    line: Line

    @property
    def cells(self) -> tuple[Cell, ...]:
        """The line's cells."""
        return self.line.cells

    @cached_property
    def figures(self) -> list[Cell]:
        """The cells that hold figures."""
        return [cell for cell in self.cells if cell.is_figure]

    @cached_property
    def is_data(self) -> bool:
        """Whether a figure stands behind a label or between words, or two or more by themselves."""
        figures = self.figures
        if not figures or (len(self.cells) == 2 and _BULLET.match(self.cells[0].text)):
            return False
        is_last = len(self.cells) >= 2 and self.cells[-1].is_figure
        is_between = len(self.cells) >= 3 and not self.cells[0].is_figure
        return len(figures) >= 2 or is_last or is_between

    @cached_property
    def names_periods(self) -> bool:
        """Whether every figure is a year or part of a date: the line then heads columns."""
        periods = [cell for cell in self.cells if is_period(cell.text)]
        if any(cell.is_figure and not is_period(cell.text) for cell in self.cells):
            return False
        return len(periods) >= 2 or (bool(periods) and len(self.cells) <= 2)

    @cached_property
    def names_group(self) -> bool:
        """Whether it is one cell that names a period."""
        text = self.line.text
        is_short = len(self.cells) == 1 and len(self.line.words) <= _GROUP_WORDS
        return is_short and (is_period(text) or speaks_of_period(text))


@dataclass(frozen=True, slots=True)
class Region:
    """Rows `first` to `last` hold a table; those before `data` name its columns."""

    first: int
    data: int
    last: int


def is_period(text: str) -> bool:
    """Say whether a cell is nothing but a year, a part of one or a date."""
    text = text.strip(" ()*†‡")
    return bool(text) and _PERIOD.match(text) is not None


def speaks_of_period(text: str) -> bool:
    """Say whether words name a period or a date: "Year ended June 30,"."""
    return _PERIOD_WORDS.search(text) is not None


def find_regions(rows: Sequence[Row]) -> list[Region]:
    """Give the tables among the rows of a column of a page, from top to bottom."""
    found: list[Region] = []
    at = 0
    while at < len(rows):
        if not _is_body(rows[at]):
            at += 1
            continue
        last = _last_row(rows, at)
        data = [index for index in range(at, last + 1) if _is_body(rows[index])]
        region = _region(rows, at, found[-1].last + 1 if found else 0, last)
        if _is_table([rows[index] for index in data]) or _is_headed(rows, region):
            found.append(region)
        at = last + 1
    return found


def _is_body(row: Row) -> bool:
    return row.is_data and not row.names_periods and not is_labelled(row.line.text)


def _last_row(rows: Sequence[Row], first: int) -> int:
    """Go down while rows follow, over a few labels that stand clear of the figures."""
    last = first
    edge = _figures_edge(rows[first])
    for at in range(first + 1, len(rows)):
        row, above = rows[at], rows[at - 1]
        if _gap(above, row) > _ROW_GAP or at - last > _MOST_LABELS:
            break
        if _is_body(row):
            if not _shares_column(rows[first : last + 1], row):
                break
            last, edge = at, min(edge, _figures_edge(row))
        elif not _names_group(rows, at) and (_begins_anew(row) or not _fits(row, rows[last], edge)):
            break
    return last


def _names_group(rows: Sequence[Row], at: int) -> bool:
    """Say whether a line is nothing but a period, for the rows right below it."""
    return rows[at].names_group and at + 1 < len(rows) and _is_body(rows[at + 1])


def _begins_anew(row: Row) -> bool:
    """Say whether a row names the columns of another table."""
    return row.names_periods and len(row.figures or row.cells) >= 2


def _fits(row: Row, body: Row, edge: float) -> bool:
    """Say whether a line without figures stands clear of them, or goes on in columns of words."""
    if row.line.right <= edge:
        return True
    return _is_filled_by_words(row, edge) or _goes_on_in_words(row, body)


def _gap(above: Row, row: Row) -> float:
    return (row.line.base - above.line.base) / max(above.line.size, row.line.size)


def _figures_edge(row: Row) -> float:
    return min(cell.left for cell in row.figures[-_behind_label(row) :])


def _behind_label(row: Row) -> int:
    """How many figures stand behind the last cell of words."""
    count = 0
    for cell in reversed(row.cells):
        if not cell.is_figure and count:
            break
        count += cell.is_figure
    return count or 1


def _shares_column(above: Sequence[Row], row: Row) -> bool:
    """Say whether a figure stands below one of the last rows' figures."""
    bodies = [r for r in above if r.is_data][-6:]
    return any(
        figure.core < other.right and other.core < figure.right
        for body in bodies
        for other in body.figures
        for figure in row.figures
    )


def _goes_on_in_words(row: Row, body: Row) -> bool:
    """Say whether a line goes on where words stand in a column of the row above it."""
    starts = [cell.left for cell in body.cells[1:] if not cell.is_figure]
    return all(any(abs(cell.left - start) < _ALIGNED for start in starts) for cell in row.cells)


def _is_filled_by_words(row: Row, edge: float) -> bool:
    """Say whether a row is a label and short words such as "n/a" in the columns."""
    inside = [cell for cell in row.cells if cell.right > edge]
    return (
        len(row.cells) >= 2
        and all(cell.left >= edge for cell in inside)
        and all(len(cell.text.split()) <= 3 for cell in inside)
    )


def _is_table(rows: Sequence[Row]) -> bool:
    if len(rows) < 2:
        return False
    figures = sum(len(row.figures) for row in rows)
    return figures >= 4 or (len(rows) >= 3 and figures >= 3)


def _is_headed(rows: Sequence[Row], region: Region) -> bool:
    """Say whether a single row of figures stands below as many column headings."""
    figures = len(rows[region.last].figures)
    heads = rows[region.first : region.data]
    return (
        region.last == region.data
        and figures >= 3
        and any(len(row.cells) in (figures, figures + 1) for row in heads)
    )


def _region(rows: Sequence[Row], data: int, floor: int, last: int) -> Region:
    """Go up from the first figures over labels to the lines that name the columns."""
    bodies = [row for row in rows[data : last + 1] if _is_body(row)]
    left = min(_figures_edge(row) for row in bodies)
    right = max(row.line.right for row in bodies)
    first = top = data
    at = data
    while at > max(floor, data - _HEADER_LINES):
        row = rows[at - 1]
        if _gap(row, rows[at]) > _ROW_GAP:
            break
        if _heads_columns(row, rows[data], left, right):
            first = at - 1
        elif first == top and _is_label(row, left):
            first = top = at - 1
        else:
            break
        at -= 1
    if first == top:
        top = _own_label(rows, top, data)
        first = top
    groups = any(_names_group(rows, index) for index in range(data, last))
    if groups and top - 1 > first and rows[top - 1].names_group:
        top -= 1
    return Region(first, top, last)


def _is_label(row: Row, edge: float) -> bool:
    text = row.line.text
    return row.line.right <= edge and not text.endswith(".") and not is_labelled(text)


def _own_label(rows: Sequence[Row], top: int, data: int) -> int:
    """Of labels above rows without column headings, keep those that surely belong to them."""
    for at in range(top, data):
        label, below = rows[at].line, rows[at + 1].line
        is_open = label.text.count("(") > label.text.count(")")
        if label.text.endswith(":") or is_open or below.text[:1].islower():
            return at
        if 1 < below.left - label.left < 2 * label.size and not label.bold:
            return at
    return data


def _heads_columns(row: Row, body: Row, left: float, right: float) -> bool:
    size = row.line.size
    if is_labelled(row.line.text) or size > 1.15 * body.line.size:
        return False
    over = [cell for cell in row.cells if cell.middle > left - 2 * size]
    if not over or row.line.right > right + 6 * size:
        return False
    if len(row.cells) == 1 and over[0].left < left - 6 * size:
        return False
    if len(row.cells) == 1 and not speaks_of_period(row.line.text):
        return over[0].left > left - 3 * size and len(row.line.words) <= 6
    return all(len(cell.text) <= 60 for cell in over)
