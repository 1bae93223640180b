"""Columns of a PDF's table rows, which come with single spaces between them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ragopt_tui.knowledge.structure import is_labelled
from ragopt_tui.knowledge.table_lines import is_figure_cell, trailing_figures

_CURRENCY = frozenset({"$", "€", "£", "¥", "US$"})
_DATE = re.compile(r"(?:[A-Z][a-z]{2,8}\.?\s+\d{1,2}|(?:19|20)\d\d)\)?$")
_PERIOD = r"(?:FY|Fiscal|fiscal|Q[1-4]|H[12]|[1-4]Q)\s*'?(?:19|20)?\d\d\b"
_WORDS = r"(?:% )?Change|%|\$|Variance|Total|Thereafter|Actual|Budget|Note"
_YEAR = r"(?:19|20)\d\d\b"
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|June?|July?|Aug|Sept?|Oct|Nov|Dec)[a-z]*\.?"
_CELL = re.compile(rf"(?:{_PERIOD}|{_YEAR}|{_WORDS})$")
_DATED_CELL = re.compile(rf"(?:{_MONTH}\s+\d{{1,2}},?\s+{_YEAR}|{_PERIOD}|{_WORDS})$")


def with_columns_apart(lines: Sequence[str]) -> list[str]:
    """Give the lines with two spaces between the columns of those that are rows of a table.

    A row is a line that ends with two figures or more beside another such line; the line above
    the first row is taken for column headings where it holds as many.
    """
    counts = [trailing_figures(line) if len(line.split()) <= 24 else 0 for line in lines]
    result = list(lines)
    for index, line in enumerate(lines):
        near = [
            counts[at]
            for at in (index - 2, index - 1, index + 1, index + 2)
            if 0 <= at < len(lines)
        ]
        below = counts[index + 1] if index + 1 < len(lines) else 0
        if "  " in line:
            continue
        if below >= 2 and (heading := _heading_row(line, below)):
            result[index] = heading
        elif _is_row(line, counts[index], max(near, default=0)):
            result[index] = _row(line)
    return result


def _is_row(line: str, figures: int, beside: int) -> bool:
    if is_labelled(line):
        return False
    if figures >= 2:
        return beside >= 1
    is_short = len(line.split()) <= 12 and not _DATE.search(line)
    return figures == 1 and beside >= 2 and is_short


def _row(line: str) -> str:
    words = line.split()
    figures: list[str] = []
    while words and is_figure_cell(words[-1]):
        figure = words.pop()
        if words and words[-1] in _CURRENCY:
            figure = f"{words.pop()} {figure}"
        figures.insert(0, figure)
    label = " ".join(words)
    return "  ".join([label, *figures] if label else figures)


def _heading_row(line: str, columns: int) -> str:
    """Divide a line into a label and up to as many column headings as the row below has figures.

    Give nothing for a line that ends with fewer than two headings: it heads no columns.
    """
    return max((_divided(line, columns, cell) for cell in (_DATED_CELL, _CELL)), key=_columns)


def _divided(line: str, columns: int, cell: re.Pattern[str]) -> str:
    rest = line.rstrip()
    cells: list[str] = []
    while rest and len(cells) < columns and (found := cell.search(rest)):
        cells.insert(0, found.group())
        rest = rest[: found.start()].rstrip()
    if len(cells) < 2:
        return ""
    return "  ".join([rest, *cells] if rest else cells)


def _columns(line: str) -> int:
    return line.count("  ")
