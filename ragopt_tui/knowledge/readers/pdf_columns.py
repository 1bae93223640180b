"""The order in which a page is read: prose set in columns goes down one before the next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ragopt_tui.knowledge.readers.pdf_lines import Cell, Line, lines_of

_LEAST_LINES = 4
_LEAST_WORDS = 3
_LETTERS = 0.6
_EDGE = 0.25
"""A column of prose begins at least this share of the width away from the page's sides."""
_RASTER = 3.0


def in_reading_order(lines: Sequence[Line]) -> list[list[Line]]:
    """Give the lines in groups to be read one after another: columns of prose are apart."""
    gutter = _gutter(lines)
    if gutter is None:
        return [list(lines)] if lines else []
    groups: list[list[Line]] = []
    for is_columns, run in _runs(lines, gutter):
        if not is_columns:
            groups.append(run)
            continue
        words = [word for line in run for word in line.words]
        left = lines_of(word for word in words if word.right <= gutter)
        right = lines_of(word for word in words if word.right > gutter)
        groups += [*in_reading_order(left), *in_reading_order(right)]
    return groups


def _gutter(lines: Sequence[Line]) -> float | None:
    """Give a place that no word of many lines crosses, with prose beginning right of it."""
    if len(lines) < _LEAST_LINES:
        return None
    left, right = min(line.left for line in lines), max(line.right for line in lines)
    margin = _EDGE * (right - left)
    starts = Counter(
        round(cell.left / _RASTER)
        for line in lines
        for cell in line.cells
        if left + margin < cell.left < right - margin and _is_prose(cell)
    )
    for start, _ in starts.most_common(3):
        if starts[start - 1] + starts[start] + starts[start + 1] < _LEAST_LINES:
            continue
        gutter = (start - 1) * _RASTER - 1
        if any(is_columns for is_columns, _ in _runs(lines, gutter)):
            return gutter
    return None


def _runs(lines: Sequence[Line], gutter: float) -> list[tuple[bool, list[Line]]]:
    """Part the lines into runs that are columns on both sides of the gutter, and the others."""
    runs: list[tuple[bool, list[Line]]] = []
    for line in lines:
        crosses = _crosses(line, gutter)
        if runs and runs[-1][0] != crosses:
            runs[-1][1].append(line)
        else:
            runs.append((not crosses, [line]))
    checked: list[tuple[bool, list[Line]]] = []
    for is_free, run in runs:
        is_columns = is_free and _holds_columns(run, gutter)
        if checked and not checked[-1][0] and not is_columns:
            checked[-1][1].extend(run)
        else:
            checked.append((is_columns, run))
    return checked


def _crosses(line: Line, gutter: float) -> bool:
    if any(word.left < gutter < word.right for word in line.words):
        return True
    before = max((word.right for word in line.words if word.right <= gutter), default=None)
    after = min((word.left for word in line.words if word.left >= gutter), default=None)
    return before is not None and after is not None and after - before < 0.75 * line.size


def _holds_columns(run: Sequence[Line], gutter: float) -> bool:
    cells = [cell for line in run for cell in line.cells]
    sides = [
        sum(_is_prose(cell) for cell in cells if cell.right <= gutter),
        sum(_is_prose(cell) for cell in cells if cell.left >= gutter),
    ]
    figures = sum(cell.is_figure for cell in cells)
    return min(sides) >= _LEAST_LINES and figures < 0.4 * len(cells)


def _is_prose(cell: Cell) -> bool:
    letters = sum(letter.isalpha() for letter in cell.text)
    return len(cell.text.split()) >= _LEAST_WORDS and letters >= _LETTERS * len(cell.text)
