"""An HTML table as rows of text: spans laid out, signs joined to figures, empty columns dropped."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

from ragopt_tui.knowledge.structure import without_marks
from ragopt_tui.knowledge.table_lines import is_figure_cell, is_year

_MOST_COLUMNS = 200
_BEFORE_FIGURE = frozenset({"$", "€", "£", "¥", "US$", "(", "$(", "($", "-$"})
_AFTER_FIGURE = frozenset({")", "%", ")%", "%)", "x", "bps"})


@dataclass(slots=True)
class Cell:
    """A cell as written: its text, the file's line it begins at, and the columns and rows it spans."""

    line: int
    is_heading: bool = False
    columns: int = 1
    rows: int = 1
    parts: list[str] = field(default_factory=list)

    def add(self, data: str, line: int) -> None:
        """Take a piece of text that begins at `line` of the file."""
        if data.strip() and not "".join(self.parts).strip():
            self.line = line + data[: len(data) - len(data.lstrip())].count("\n")
        self.parts.append(data)

    @property
    def text(self) -> str:
        """The cell's words on one line, with pipes escaped."""
        return " ".join("".join(self.parts).split()).replace("|", "\\|")


@dataclass(slots=True)
class _Row:
    line: int
    in_head: bool
    cells: list[Cell] = field(default_factory=list)


class TableGrid:
    """Rows and cells of one table while they are read."""

    def __init__(self) -> None:
        self.cell: Cell | None = None
        self.in_head = False
        self.is_layout = False
        self.columns = 0
        self._rows: list[_Row] = []

    def open_row(self, line: int) -> None:
        """Begin a row at a line of the file."""
        self.close_cell()
        self._rows.append(_Row(line, self.in_head))

    def open_cell(self, is_heading: bool, attributes: dict[str, str | None]) -> None:
        """Begin a cell of the current row."""
        if not self._rows:
            self._rows.append(_Row(1, self.in_head))
        row = self._rows[-1]
        columns = _span(attributes.get("colspan"))
        self.cell = Cell(row.line, is_heading, columns, _span(attributes.get("rowspan")))
        row.cells.append(self.cell)

    def close_cell(self) -> None:
        """End the current cell, if there is one."""
        self.cell = None

    def turn_to_layout(self) -> None:
        """Forget the rows: what follows in this table is text, not a grid."""
        self.is_layout = True
        self._rows = []

    def rendered(self) -> tuple[list[tuple[str, int]], int]:
        """Give the rows as `| a | b | c |` with the file's line of each, and how many are headers."""
        if self.is_layout:
            return [], 0
        grid = _laid_out(self._rows)
        _join_signs(grid)
        kept = _kept_columns(grid)
        self.columns = len(kept)
        lines: list[tuple[str, int]] = []
        rows: list[tuple[_Row, list[str]]] = []
        for row, placed in zip(self._rows, grid, strict=True):
            cells = [placed[column].text if column in placed else "" for column in kept]
            if any(cells):
                first = next((cell.line for cell in row.cells if cell.text), row.line)
                lines.append((f"| {' | '.join(cells)} |", first))
                rows.append((row, cells))
        return lines, _header_rows(rows)


@dataclass(slots=True)
class _Placed:
    text: str
    spans: int
    is_origin: bool
    is_heading: bool


def _span(value: str | None) -> int:
    try:
        return min(max(int(value or 1), 1), _MOST_COLUMNS)
    except ValueError:
        return 1


def _laid_out(rows: list[_Row]) -> list[dict[int, _Placed]]:
    """Give each row's cells by column; a cell that spans rows stands in each of them."""
    grid: list[dict[int, _Placed]] = [{} for _ in rows]
    for number, row in enumerate(rows):
        column = 0
        for cell in row.cells:
            while column in grid[number]:
                column += 1
            repeats = row.in_head or cell.is_heading or number < 3
            for below in range(number, min(number + cell.rows, len(rows))):
                for index in range(min(cell.columns, _MOST_COLUMNS)):
                    text = cell.text if index == 0 or repeats else ""
                    grid[below][column + index] = _Placed(
                        text, cell.columns, index == 0, cell.is_heading
                    )
            column += cell.columns
    return grid


def _join_signs(grid: list[dict[int, _Placed]]) -> None:
    """Put `$`, `(`, `)` and `%` that stand in cells of their own to the figure beside them."""
    for row in grid:
        columns = sorted(row)
        for left, right in pairwise(columns):
            if row[left].text in _BEFORE_FIGURE and row[right].text:
                row[right].text = row[left].text + row[right].text
                row[left].text = ""
        for column in columns:
            if row[column].text not in _AFTER_FIGURE:
                continue
            before = [left for left in columns if left < column and row[left].text]
            if before and any(letter.isdigit() for letter in row[before[-1]].text):
                row[before[-1]].text += row[column].text
                row[column].text = ""


def _kept_columns(grid: list[dict[int, _Placed]]) -> list[int]:
    """The columns that hold something of their own, or the only place of a spanning cell."""
    kept = {
        column
        for row in grid
        for column, placed in row.items()
        if placed.text and placed.spans == 1
    }
    for row in grid:
        for column, placed in row.items():
            if placed.is_origin and placed.text:
                own = range(column, column + placed.spans)
                if not kept.intersection(own):
                    kept.add(column)
    for row in grid:
        for column, placed in row.items():
            if placed.is_origin and placed.text and placed.spans > 1 and column not in kept:
                target = min(kept.intersection(range(column, column + placed.spans)))
                if not row[target].text:
                    row[target].text = placed.text
    return sorted(kept)


def _header_rows(rows: list[tuple[_Row, list[str]]]) -> int:
    """How many first rows name the columns: those marked so, else those above the first figures."""
    marked = 0
    for row, _ in rows:
        if not (row.in_head or all(cell.is_heading for cell in row.cells)):
            break
        marked += 1
    if marked:
        return marked if marked < len(rows) else 0
    for number, (_, cells) in enumerate(rows[:5]):
        if _holds_figures(cells) or (number and sum(map(bool, cells)) == 1):
            return number
    return 1 if len(rows) > 1 else 0


def _holds_figures(cells: list[str]) -> bool:
    figures = [cell for cell in cells[1:] if is_figure_cell(without_marks(cell))]
    return not all(is_year(cell) for cell in figures)
