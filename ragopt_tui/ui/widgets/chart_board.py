"""Several charts of one run, or of several to compare: one large, the others below where they fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from ragopt_tui.ui.chart_drawing import Picture, drawn

_ROOM_FOR_ALL = (70, 24)
_LARGE_SHARE = 0.5
_GAP, _ACROSS = 2, 2
_LEAST_HEIGHT = 6
# Okabe and Ito's colours, which stay apart for every kind of sight, in the order for each theme.
_ON_DARK = ("#56B4E9", "#E69F00", "#2FC79A", "#CC79A7", "#F0E442", "#D55E00")
_ON_LIGHT = ("#0072B2", "#D55E00", "#00805F", "#B0568A", "#8A6D00", "#333333")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a chart is drawn, in characters: the number of the chart, its row, column and size."""

    chart: int
    row: int
    column: int
    width: int
    height: int


def places(width: int, height: int, charts: int, large: int) -> list[Place]:
    """Lay charts out, the one of number `large` on top and as many others below as have room."""
    if charts < 2 or width < _ROOM_FOR_ALL[0] or height < _ROOM_FOR_ALL[1]:
        return [Place(large, 0, 0, width, height)]
    lines = min(-(-(charts - 1) // _ACROSS), height // 2 // _LEAST_HEIGHT)
    others = [chart for chart in range(charts) if chart != large][: lines * _ACROSS]
    top = max(round(height * _LARGE_SHARE), height - lines * (height // (lines + 1)))
    each = (height - top) // lines
    found = [Place(large, 0, 0, width, height - lines * each)]
    wide = (width - _GAP * (_ACROSS - 1)) // _ACROSS
    for number, chart in enumerate(others):
        line, column = divmod(number, _ACROSS)
        found.append(
            Place(chart, found[0].height + line * each, column * (wide + _GAP), wide, each)
        )
    return found


class ChartBoard(Widget):
    """Draws the pictures it is given; `large` is the number of the one that stands on top."""

    class Resized(Message):
        """The board has another size, so that the lines need other columns."""

    pictures: reactive[tuple[Picture, ...]] = reactive(())
    large: reactive[int] = reactive(0)

    def on_resize(self) -> None:
        """Ask for pictures of the size there is."""
        self.post_message(self.Resized())

    def places(self, charts: int) -> list[Place]:
        """Give where each chart is drawn now."""
        return places(self.size.width, self.size.height, charts, self.large)

    def render(self) -> Content:
        """Draw all charts that have a place."""
        colours = _ON_DARK if self.app.current_theme.dark else _ON_LIGHT
        rows: dict[int, list[tuple[int, Content]]] = {}
        for place in self.places(len(self.pictures)):
            if place.chart >= len(self.pictures):
                continue
            picture = self.pictures[place.chart]
            for down, row in enumerate(drawn(picture, place.width, place.height, colours)):
                rows.setdefault(place.row + down, []).append((place.column, row))
        height = max(rows, default=-1) + 1
        return Content("\n").join([_joined(rows.get(row, [])) for row in range(height)])


def _joined(parts: Sequence[tuple[int, Content]]) -> Content:
    row = Content("")
    for column, part in parts:
        row = row.append(Content(" " * (column - row.cell_length))).append(part)
    return row
