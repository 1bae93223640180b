"""A canvas of braille dots: two columns and four rows of them in each character of a terminal."""

from __future__ import annotations

from dataclasses import dataclass

DOTS_ACROSS, DOTS_DOWN = 2, 4
_BRAILLE = 0x2800
_BITS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
_STRAIGHT = 0.5


@dataclass(frozen=True, slots=True)
class Cell:
    """A character and the number of the line that it belongs to, -1 where it is empty."""

    text: str
    line: int


EMPTY = Cell(" ", -1)


class Canvas:
    """`width` x `height` characters; a later line takes the character where two lines meet."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.columns, self.rows = width * DOTS_ACROSS, height * DOTS_DOWN
        self._bits = [0] * (width * height)
        self._lines = [-1] * (width * height)
        self._marks: dict[int, str] = {}

    def dot(self, column: int, row: int, line: int) -> None:
        """Set a dot; one outside of the canvas is left out."""
        self.span(column, row, row, line)

    def span(self, column: int, top: int, bottom: int, line: int) -> None:
        """Set the dots of a column from one row to another, both included."""
        if not 0 <= column < self.columns:
            return
        if top > bottom:
            top, bottom = bottom, top
        bits = _BITS[column % DOTS_ACROSS]
        x = column // DOTS_ACROSS
        for row in range(max(0, top), min(self.rows - 1, bottom) + 1):
            at = row // DOTS_DOWN * self.width + x
            if self._lines[at] != line:
                self._lines[at], self._bits[at] = line, 0
            self._bits[at] |= bits[row % DOTS_DOWN]

    def segment(self, start: tuple[int, int], end: tuple[int, int], line: int) -> None:
        """Draw without a gap from one (column, row) to another that is not left of it."""
        (x0, y0), (x1, y1) = start, end
        if x0 == x1:
            self.span(x0, y0, y1, line)
            return
        slope = (y1 - y0) / (x1 - x0)
        for x in range(max(0, x0), min(self.columns - 1, x1) + 1):
            near = y0 + slope * max(0.0, x - x0 - _STRAIGHT)
            far = y0 + slope * min(float(x1 - x0), x - x0 + _STRAIGHT)
            self.span(x, round(near), round(far), line)

    def mark(self, column: int, row: int, text: str, line: int) -> None:
        """Put a character where a dot would stand, in place of the dots around it."""
        if 0 <= column < self.columns and 0 <= row < self.rows:
            at = row // DOTS_DOWN * self.width + column // DOTS_ACROSS
            self._marks[at], self._lines[at] = text, line

    def cells(self, row: int) -> list[Cell]:
        """Give the characters of a row, from 0 at the top."""
        return [self._cell(row * self.width + x) for x in range(self.width)]

    def dots(self) -> set[tuple[int, int]]:
        """Give all dots that are set, as (column, row)."""
        return {
            (at % self.width * DOTS_ACROSS + across, at // self.width * DOTS_DOWN + down)
            for at, bits in enumerate(self._bits)
            for across in range(DOTS_ACROSS)
            for down in range(DOTS_DOWN)
            if bits & _BITS[across][down]
        }

    def _cell(self, at: int) -> Cell:
        if at in self._marks:
            return Cell(self._marks[at], self._lines[at])
        bits = self._bits[at]
        return Cell(chr(_BRAILLE | bits), self._lines[at]) if bits else EMPTY
