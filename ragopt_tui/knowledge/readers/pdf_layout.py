"""A PDF page laid out for reading: lines of text from top to bottom, tables as rows of cells."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from ragopt_tui.knowledge.readers.pdf_columns import in_reading_order
from ragopt_tui.knowledge.readers.pdf_lines import Line, Word, lines_of
from ragopt_tui.knowledge.readers.pdf_regions import Row, find_regions
from ragopt_tui.knowledge.readers.pdf_tables import Grid, grid_of

_MARGIN = 0.12
_MARGIN_GAP = 1.7
_MARGIN_LINES = 3
_PARAGRAPH_GAP = 1.3
_HEADING_GAP = 1.4
_INDENT = 1.0


@dataclass(frozen=True, slots=True)
class TextLine:
    """A line of a page: its text, the size and weight of its letters, and what begins with it.

    `edge` marks those in the page's margins, apart from what it tells. Of a table's lines `table`
    counts its number on the page from 1, and `heads` marks the one that names its columns.
    """

    text: str
    size: float
    bold: bool
    opens: bool = False
    edge: bool = False
    table: int = 0
    heads: bool = False


@dataclass(frozen=True, slots=True)
class Layout:
    """A page's lines, and the right edges of the columns of each of its tables.

    `tables_before` is how many tables the page has besides.
    """

    lines: list[TextLine]
    tables: list[tuple[float, ...]]
    tables_before: int = 0


def lay_out(words: Sequence[Word], top: float, bottom: float, *, tables_before: int = 0) -> Layout:
    """Lay out the words of a page that reaches from `top` to `bottom`."""
    lines = lines_of(words)
    above, body, below = _margins(lines, top, bottom)
    result = Layout([_edge_line(line) for line in above], [], tables_before)
    for group in in_reading_order(body):
        _add(result, group)
    result.lines.extend(_edge_line(line) for line in below)
    return result


def _margins(
    lines: Sequence[Line], top: float, bottom: float
) -> tuple[Sequence[Line], Sequence[Line], Sequence[Line]]:
    """Part off lines in the upper and lower margin that a gap keeps from the rest."""
    room = _MARGIN * (bottom - top)
    first = last = 0
    for at in range(1, min(_MARGIN_LINES + 1, len(lines))):
        if lines[at - 1].base > top + room:
            break
        if _gap(lines[at - 1], lines[at]) > _MARGIN_GAP:
            first = at
    for at in range(1, min(_MARGIN_LINES + 1, len(lines) - first)):
        if lines[-at].base < bottom - room:
            break
        if _gap(lines[-at - 1], lines[-at]) > _MARGIN_GAP:
            last = at
    end = len(lines) - last
    return lines[:first], lines[first:end], lines[end:]


def _gap(above: Line, line: Line) -> float:
    return (line.base - above.base) / max(above.size, line.size)


def _edge_line(line: Line) -> TextLine:
    return TextLine(line.text, line.size, line.bold, opens=True, edge=True)


def _add(layout: Layout, lines: Sequence[Line]) -> None:
    """Add a column of lines, the tables in it as rows of cells."""
    rows = [Row(line) for line in lines]
    usual = _usual_gap(lines)
    left = min(line.left for line in lines)
    at = 0
    for region in find_regions(rows):
        grid = grid_of(rows, region)
        if grid is None:
            continue
        _add_text(layout, lines, at, region.first, usual, left)
        _add_grid(layout, grid, lines[region.data])
        at = region.last + 1
    _add_text(layout, lines, at, len(lines), usual, left)


def _add_text(
    layout: Layout, lines: Sequence[Line], first: int, end: int, usual: float, left: float
) -> None:
    for at in range(first, end):
        line = lines[at]
        above = lines[at - 1] if at > first else None
        opens = (
            above is None
            or _gap(above, line) > (_HEADING_GAP if line.bold else _PARAGRAPH_GAP * usual)
            or line.left - above.left > _INDENT * line.size > above.left - left
            or abs(line.size - above.size) > 0.1 * line.size
            or line.words[0].bold != above.words[-1].bold
        )
        layout.lines.append(TextLine(line.text, line.size, line.bold, opens))


def _usual_gap(lines: Sequence[Line]) -> float:
    gaps = sorted(_gap(above, line) for above, line in itertools.pairwise(lines))
    return gaps[len(gaps) // 2] if gaps else 1.2


def _add_grid(layout: Layout, grid: Grid, line: Line) -> None:
    layout.tables.append(grid.edges)
    number = layout.tables_before + len(layout.tables)
    rows = [(grid.names, True)] if grid.names else []
    for cells, heads in [*rows, *((cells, False) for cells in grid.rows)]:
        text = f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
        layout.lines.append(TextLine(text, line.size, False, table=number, heads=heads))
