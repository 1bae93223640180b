"""Columns of a PDF's table rows, which come with single spaces between them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ragopt_tui.knowledge.table_lines import is_figure_cell, trailing_figures

_CURRENCY = frozenset({"$", "€", "£", "¥", "US$"})
_DATE = re.compile(r"(?:[A-Z][a-z]{2,8}\.?\s+\d{1,2}|(?:19|20)\d\d)$")
_HEADING_CELL = re.compile(
    r"(?:FY|Fiscal|fiscal|Q[1-4]|H[12]|[1-4]Q)\s*'?(?:19|20)?\d\d\b|"
    r"(?:(?:Jan|Feb|Mar|Apr|May|June?|July?|Aug|Sept?|Oct|Nov|Dec)[a-z]*\.?\s+\d{1,2},?\s+)?(?:19|20)\d\d\b|"
    r"Change|% Change|%|\$|Variance|Total|Actual|Budget|Note"
)


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
        if _is_row(line, counts[index], max(near, default=0)):
            result[index] = _row(line)
        elif index + 1 < len(lines) and counts[index + 1] >= 2:
            result[index] = _heading_row(line, counts[index + 1])
    return result


def _is_row(line: str, figures: int, beside: int) -> bool:
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
    """Divide a line into a label and as many column headings as the row below has figures."""
    rest = line.rstrip()
    cells: list[str] = []
    while rest and len(cells) < columns:
        found = [match for match in _HEADING_CELL.finditer(rest) if match.end() == len(rest)]
        if not found:
            break
        cells.insert(0, found[0].group())
        rest = rest[: found[0].start()].rstrip()
    if len(cells) < min(columns, 2):
        return line
    return "  ".join([rest, *cells] if rest else cells)
