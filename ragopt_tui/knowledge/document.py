"""A file as read: its text, where each line of it stands in the file, and its structure."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Literal

BlockKind = Literal["heading", "paragraph", "table", "code"]


@dataclass(frozen=True, slots=True)
class Block:
    """A structural piece of a document: `text[start:end]` of it, whole lines without the last newline.

    `level` is a heading's depth (1 is the title; 0 for other kinds). `heading` is the heading's
    text without its marks. A table's `header_end` is the offset behind its header rows (equal to
    `start` where it has none) and `caption` names it: its title, period and unit as written near it.
    """

    kind: BlockKind
    start: int
    end: int
    level: int = 0
    heading: str = ""
    header_end: int = 0
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a document as a reader finds it: 1-based page (where the format has pages) and lines."""

    page: int | None
    line_start: int
    line_end: int


@dataclass(frozen=True, slots=True)
class Document:
    """The text of one file, with newlines as `\\n` and control characters replaced.

    `line_numbers[i]` and `pages[i]` say where line i of `text` stands in the file: its line
    number, from 1 (within the page where the format has pages), and its page, from 1, or 0 for
    formats without pages. Text formats count the file's own lines; others those of the extracted text.
    """

    file: str
    title: str
    text: str
    blocks: tuple[Block, ...]
    line_numbers: tuple[int, ...]
    pages: tuple[int, ...]
    _line_starts: tuple[int, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        starts = [0]
        at = self.text.find("\n")
        while at >= 0:
            starts.append(at + 1)
            at = self.text.find("\n", at + 1)
        if len(self.line_numbers) != len(starts) or len(self.pages) != len(starts):
            raise ValueError("line_numbers and pages need one entry for each line of text")
        object.__setattr__(self, "_line_starts", tuple(starts))

    def line_index(self, offset: int) -> int:
        """Give the 0-based line of `text` that holds the character at `offset`."""
        return bisect_right(self._line_starts, offset) - 1

    def span(self, start: int, end: int) -> Span:
        """Give the page and lines of `text[start:end]`; a span over several pages takes its first page."""
        first, last = self.line_index(start), self.line_index(max(start, end - 1))
        page = self.pages[first] or None
        while page is not None and last > first and self.pages[last] != page:
            last -= 1
        return Span(page, self.line_numbers[first], self.line_numbers[last])
