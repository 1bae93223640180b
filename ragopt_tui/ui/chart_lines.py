"""Lines of a chart: their points, what of them is drawn in each column, and the value at a step."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

Form = Literal["line", "dots", "points"]


class Numbers(Protocol):
    """Numbers in a row: a list, an array, or one of numpy."""

    def __len__(self) -> int: ...
    def __getitem__(self, place: Any, /) -> Any: ...  # noqa: ANN401 - a number or a part


class Column(NamedTuple):
    """What of a line falls into a column of dots; columns beside the chart hold the neighbours."""

    at: int
    first: float
    last: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Reading:
    """The value of a line at a step: that of the last point at or before it, and its own step."""

    step: int
    value: float


@dataclass(frozen=True, slots=True)
class DrawnLine:
    """A line as the chart draws it; `mark` names it without colour, `reading` is at the cursor.

    `form` is a line, loose dots, or separate points that are drawn as the mark.
    """

    name: str
    colour: int
    form: Form
    mark: str
    columns: tuple[Column, ...]
    reading: Reading | None


@dataclass(frozen=True, slots=True)
class Window:
    """The steps that a chart shows, from `first` to `last`, both included."""

    first: float
    last: float

    @property
    def width(self) -> float:
        """How many steps lie between its ends; at least one, so that it can be divided by."""
        return max(1.0, self.last - self.first)

    def column(self, step: float, columns: int) -> int:
        """Give the column of a step among `columns`."""
        return math.floor((step - self.first) / self.width * (columns - 1) + 0.5)

    def step(self, column: float, columns: int) -> float:
        """Give the step that a column among `columns` stands for."""
        return self.first + column / max(1, columns - 1) * self.width


def reduced(steps: Numbers, values: Numbers, window: Window, columns: int) -> tuple[Column, ...]:
    """Give what of a line falls into each column: 100,000 points become a few hundred.

    `steps` rise; a value that is not finite makes no point. A point at either side of the window
    is kept, so that the line goes on to the edge.
    """
    start = max(0, _left(steps, window.first) - 1)
    end = min(len(steps), _right(steps, window.last) + 1)
    at, of = _plain(steps, start, end), _plain(values, start, end)
    found: list[Column] = []
    place = 0
    while place < len(at):
        column = window.column(at[place], columns)
        beyond = max(place + 1, bisect_left(at, window.step(column + 0.5, columns), place))
        points = of[place:beyond]
        # One sum tells whether all of them are finite.
        if not math.isfinite(sum(points)):
            points = [value for value in points if math.isfinite(value)]
        if points:
            whole = Column(column, points[0], points[-1], min(points), max(points))
            # Rounding may part what belongs to one column.
            joins = bool(found) and found[-1].at == column
            found.append(_joined(found.pop(), whole) if joins else whole)
        place = beyond
    return tuple(found)


def _joined(left: Column, right: Column) -> Column:
    low, high = min(left.low, right.low), max(left.high, right.high)
    return Column(left.at, left.first, right.last, low, high)


def reading(steps: Numbers, values: Numbers, step: float) -> Reading | None:
    """Give the value of the last point at or before a step; None where there is none."""
    at = _right(steps, step)
    if at == 0:
        return None
    [its_step], [value] = _plain(steps, at - 1, at), _plain(values, at - 1, at)
    return Reading(int(its_step), value)


def _left(numbers: Numbers, value: float) -> int:
    return bisect_left(range(len(numbers)), value, key=lambda place: float(numbers[place]))


def _right(numbers: Numbers, value: float) -> int:
    return bisect_right(range(len(numbers)), value, key=lambda place: float(numbers[place]))


def _plain(numbers: Numbers, start: int, end: int) -> list[float]:
    """Give a part as a list of Python's numbers, which are quicker to go through than numpy's."""
    part = numbers[start:end]
    return list(part.tolist() if hasattr(part, "tolist") else part)
