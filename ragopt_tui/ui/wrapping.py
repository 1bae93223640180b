"""Lines of a document as rows of a given width, fast enough for 100,000 lines.

Only the number of rows is kept for each line; where a line breaks is found again when it is drawn.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

from rich.cells import cell_len

# Text of these ranges takes one cell a character, so that its length is its width.
_WIDE = re.compile("[^\x00-\u02ff\u0370-\u10ff\u1e00-\u20cf\u2100-\u22ff\u2500-\u25ff]")
_LONGEST_WORD = 4


def breaks(line: str, width: int) -> list[int]:
    """Give the offsets at which the rows of a line begin; the first is 0.

    Rows break behind spaces; a word that fills most of a row is cut.
    """
    if len(line) <= width and not _WIDE.search(line):
        return [0]
    return _wide_breaks(line, width) if _WIDE.search(line) else _plain_breaks(line, width)


class Rows:
    """Maps lines to rows: `starts[i]` is the first row of line i."""

    def __init__(self, lines: Sequence[str], width: int) -> None:
        counts = (1 if len(x) <= width // 2 else len(breaks(x, width)) for x in lines)
        self.starts = array("L", accumulate(counts, initial=0))
        self.width = width

    def __len__(self) -> int:
        """The number of rows in all."""
        return self.starts[-1]

    def line_of(self, row: int) -> tuple[int, int]:
        """Give the line that a row belongs to and which of that line's rows it is."""
        line = bisect_right(self.starts, row) - 1
        return line, row - self.starts[line]


def _plain_breaks(line: str, width: int) -> list[int]:
    starts, at, length = [0], 0, len(line)
    while length - at > width:
        space = line.rfind(" ", at + width // _LONGEST_WORD, at + width + 1)
        at = space + 1 if space >= 0 else at + width
        if at < length:
            starts.append(at)
    return starts


def _wide_breaks(line: str, width: int) -> list[int]:
    starts, cells, space = [0], 0, -1
    for i, character in enumerate(line):
        size = cell_len(character)
        if character == " ":
            space = i
        elif cells + size > width:
            at = space + 1 if space >= starts[-1] + width // _LONGEST_WORD else i
            starts.append(at)
            cells = cell_len(line[at:i])
        cells += size
    return starts
