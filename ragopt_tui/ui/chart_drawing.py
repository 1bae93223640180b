"""A chart as rows of text: its title with the values read, the axis, the lines and the steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.content import Content

from ragopt_tui.ui.chart_canvas import DOTS_ACROSS, DOTS_DOWN, EMPTY, Canvas, Cell
from ragopt_tui.ui.chart_lines import Column, DrawnLine, Window
from ragopt_tui.ui.chart_scale import Scale, Unit, scale_over, ticks, written
from ragopt_tui.ui.wording import MUTED

LABELS = 9
"""The width of the axis at the left, in characters."""

_MARK_EVERY = 24
_ROWS_A_TICK, _ROOM_A_STEP = 3, 10
_SAMPLES = {"line": "━", "dots": "⠢", "points": "◆"}


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything that a chart shows; `cursor` is the step that is read, None where none is.

    `empty` is said where no line has a point, `right` at the end of the title.
    """

    title: str
    window: Window
    lines: tuple[DrawnLine, ...]
    unit: Unit = ""
    log: bool = False
    cursor: float | None = None
    empty: str = "nothing logged yet"
    right: str = ""

    def scale(self, columns: int) -> Scale:
        """Give the axis over all that is within the window, drawn in `columns` of dots."""
        shown = [column for line in self.lines for column in line.columns]
        inside = [column for column in shown if 0 <= column.at < columns]
        # Between two points a line goes through the window with neither of them in it.
        return scale_over(
            (value for column in inside or shown for value in (column.low, column.high)), self.log
        )


def plot_columns(width: int) -> int:
    """Give the columns of dots of a chart that is `width` characters wide."""
    return max(1, width - LABELS) * DOTS_ACROSS


def drawn(picture: Picture, width: int, height: int, colours: Sequence[str]) -> list[Content]:
    """Draw a chart as `height` rows; `colours` are those of its lines."""
    rows = max(1, height - 2)
    head = _head(picture, width, colours)
    if not any(line.columns for line in picture.lines):
        said = Content.styled(f"{'':{LABELS}}{picture.empty}", MUTED)
        return [head, said, *[Content("")] * (height - 2)][:height]
    scale = picture.scale(plot_columns(width))
    canvas = plotted(picture, scale, max(1, width - LABELS), rows)
    labels = _labels(scale, rows, picture.unit)
    cursor = _cursor_at(picture, canvas)
    body = [
        Content.assemble(
            (f"{labels.get(row, ''):>{LABELS - 1}}", MUTED),
            ("┤" if row in labels else "│", MUTED),
            *_pieces(canvas.cells(row), cursor, picture, colours),
        )
        for row in range(rows)
    ]
    return [head, *body, _steps(picture, width)][:height]


def plotted(picture: Picture, scale: Scale, width: int, rows: int) -> Canvas:
    """Draw the lines on a canvas of `width` x `rows` characters."""
    canvas = Canvas(width, rows)
    # What is loose lies under what is drawn through.
    order = {"dots": 0, "line": 1, "points": 2}
    numbered = sorted(enumerate(picture.lines), key=lambda each: order[each[1].form])
    for number, line in numbered:
        shown = [column for column in line.columns if scale.shows(column.low)]
        if line.form == "dots":
            _draw_dots(canvas, scale, shown, number)
        elif line.form == "line" or _crowded(canvas, shown):
            _draw_line(canvas, scale, shown, number)
    for number, line in numbered:
        _put_marks(canvas, scale, line, number)
    return canvas


def row_of(scale: Scale, value: float, rows: int) -> int:
    """Give the row of dots, from 0 at the top, of a value among `rows` of them."""
    # A value far outside would make a span of millions of rows.
    place = max(-2.0, min(3.0, scale.place(value)))
    return round((1 - place) * (rows - 1))


def _draw_dots(canvas: Canvas, scale: Scale, columns: Sequence[Column], line: int) -> None:
    for column in columns:
        for value in {column.low, column.high}:
            canvas.dot(column.at, row_of(scale, value, canvas.rows), line)


def _draw_line(canvas: Canvas, scale: Scale, columns: Sequence[Column], line: int) -> None:
    before: Column | None = None
    for column in columns:
        low, high = (row_of(scale, value, canvas.rows) for value in (column.low, column.high))
        canvas.span(column.at, low, high, line)
        if before is not None:
            start = (before.at, row_of(scale, before.last, canvas.rows))
            canvas.segment(start, (column.at, row_of(scale, column.first, canvas.rows)), line)
        before = column


def _crowded(canvas: Canvas, points: Sequence[Column]) -> bool:
    """Whether separate points would run into each other."""
    return len(points) > canvas.width // 2


def _put_marks(canvas: Canvas, scale: Scale, line: DrawnLine, number: int) -> None:
    """Name a line on itself: each of a few points, or now and then along a line."""
    shown = [c for c in line.columns if scale.shows(c.last) and 0 <= c.at < canvas.columns]
    if not line.mark or not shown:
        return
    if line.form == "points":
        chosen = [] if _crowded(canvas, shown) else shown
    else:
        offset = (number * 7 + 6) * DOTS_ACROSS
        wanted = range(offset, canvas.columns, _MARK_EVERY * DOTS_ACROSS)
        chosen = [min(shown, key=lambda column: abs(column.at - at)) for at in wanted]
        chosen.append(shown[-1])
    for column in chosen:
        row = row_of(scale, column.last, canvas.rows)
        canvas.mark(column.at, max(0, min(canvas.rows - 1, row)), line.mark, number)


def _labels(scale: Scale, rows: int, unit: Unit) -> dict[int, str]:
    """Give the labels of the axis by row."""
    found: dict[int, str] = {}
    for value in ticks(scale, max(3, rows // _ROWS_A_TICK)):
        row = row_of(scale, value, rows * DOTS_DOWN) // DOTS_DOWN
        label = written(value, unit)
        if label not in found.values():
            found.setdefault(max(0, min(rows - 1, row)), label)
    return found


def _cursor_at(picture: Picture, canvas: Canvas) -> int | None:
    if picture.cursor is None:
        return None
    at = picture.window.column(picture.cursor, canvas.columns) // DOTS_ACROSS
    return at if 0 <= at < canvas.width else None


def _pieces(
    cells: Sequence[Cell], cursor: int | None, picture: Picture, colours: Sequence[str]
) -> list[tuple[str, str]]:
    """Give the cells of a row as runs of one style."""
    pieces: list[tuple[str, str]] = []
    for at, cell in enumerate(cells):
        style = colours[picture.lines[cell.line].colour % len(colours)] if cell.line >= 0 else ""
        text = cell.text
        if at == cursor:
            text, style = ("│", MUTED) if cell is EMPTY else (text, f"{style} reverse")
        if pieces and pieces[-1][1] == style:
            pieces[-1] = (pieces[-1][0] + text, style)
        else:
            pieces.append((text, style))
    return pieces


def _head(picture: Picture, width: int, colours: Sequence[str]) -> Content:
    """Name the chart and its lines with the values at the cursor, or else the last ones."""
    title = Content.styled(picture.title, "bold")
    for line in picture.lines:
        colour = colours[line.colour % len(colours)]
        read = line.reading
        late = read is not None and picture.cursor is not None and line.form == "points"
        at = f" at {read.step:,}" if read is not None and late else ""
        value = written(read.value, picture.unit) if read is not None else "–"
        sample = line.mark or _SAMPLES[line.form]
        name = f" {line.name}" if line.name else ""
        title = title.append(
            Content.assemble("  ", (sample, colour), (name, MUTED), f" {value}", (at, MUTED))
        )
    right = Content.styled(picture.right, MUTED)
    room = width - right.cell_length - 1
    if room < title.cell_length:
        return title.truncate(width, ellipsis=True)
    return title.append(Content(" " * (room - title.cell_length + 1))).append(right)


def _steps(picture: Picture, width: int) -> Content:
    """Give the row of steps below a chart."""
    room = max(1, width - LABELS)
    row = [" "] * (room + LABELS)
    window = picture.window
    if window.last > window.first:
        wanted = ticks(Scale(window.first, window.last), max(2, room // _ROOM_A_STEP))
    else:
        wanted = [window.first]
    for step in wanted:
        if step != int(step):
            continue
        text = f"{int(step):,}"
        at = LABELS + window.column(step, room) - len(text) // 2
        at = max(LABELS - 1, min(LABELS + room - len(text), at))
        if all(each == " " for each in row[max(0, at - 1) : at + len(text) + 1]):
            row[at : at + len(text)] = text
    return Content.styled("".join(row), MUTED)
