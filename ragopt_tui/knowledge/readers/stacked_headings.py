"""Column headings of a PDF table that come word under word, each line of a cell on its own."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ragopt_tui.knowledge.structure import is_labelled
from ragopt_tui.knowledge.table_lines import trailing_figures

_PERIOD = re.compile(
    r"Q[1-4](?: \([^)]*\)| (?:FY ?)?\d{2,4}\b)?|(?:FY|Fiscal|fiscal) ?\d{2,4}\b"
    r"|(?:(?:Jan|Feb|Mar|Apr|May|June?|July?|Aug|Sept?|Oct|Nov|Dec)[a-z]*\.? \d{1,2}, )?(?:19|20)\d\d\b"
)
_WIDEST_CELL = 30
_LINES_PER_COLUMN = 4


def joined_headings(lines: Sequence[str]) -> dict[int, tuple[int, str]]:
    """Give stacks of heading lines as one row each, by first line: last line and the row's text.

    A stack is understood where it names a period for each column of figures below it.
    """
    joined: dict[int, tuple[int, str]] = {}
    for index, line in enumerate(lines):
        columns = trailing_figures(line)
        is_first = index > 0 and trailing_figures(lines[index - 1]) < 2
        if columns < 2 or not is_first or _is_heading_line(lines, index):
            continue
        first = index
        while index - first < _LINES_PER_COLUMN * columns and _is_heading_line(lines, first - 1):
            first -= 1
        row = _row(lines[first:index], columns) if index - first >= 2 else ""
        if row:
            joined[first] = (index - 1, row)
    return joined


def _is_heading_line(lines: Sequence[str], index: int) -> bool:
    line = lines[index] if index >= 0 else ""
    if not line or len(line) > _WIDEST_CELL or is_labelled(line):
        return False
    if line.count(")") > line.count("("):
        above = lines[index - 1] if index else ""
        if "(" not in above or len(above) > _WIDEST_CELL:
            return False
    return trailing_figures(line) <= len(_PERIOD.findall(line)) + line.count(")")


def _row(stack: Sequence[str], columns: int) -> str:
    words = " ".join(stack)
    periods = list(_PERIOD.finditer(words))
    behind = words[periods[-1].end() :].strip() if periods else ""
    if len(periods) not in (columns, columns - 1) or (len(periods) < columns and not behind):
        return ""
    starts = [0, *(period.end() for period in periods)]
    before = [words[start : p.start()].strip() for start, p in zip(starts, periods, strict=False)]
    label, before[0] = _label(stack, before)
    cells = [f"{name} {period[0]}".strip() for name, period in zip(before, periods, strict=True)]
    if len(cells) < columns:
        cells.append(behind)
    elif behind:
        cells[-1] = f"{cells[-1]} {behind}"
    return "  ".join([label, *cells] if label else cells)


def _label(stack: Sequence[str], before: Sequence[str]) -> tuple[str, str]:
    """Divide what stands before the first period: the label column's heading and the first cell's."""
    first = before[0]
    second = before[1] if len(before) > 1 else ""
    if not second:
        return first, ""
    if first != second and first.endswith(f" {second}"):
        return first.removesuffix(second).strip(), second
    if first != second and first.startswith(f"{stack[0]} "):
        return stack[0], first.removeprefix(stack[0]).strip()
    return "", first
