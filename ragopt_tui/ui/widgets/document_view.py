"""The text of a document with line numbers and pages, drawn row by row."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from ragopt_tui.knowledge.document import Document
from ragopt_tui.ui.wrapping import Rows, breaks

_AT_ONCE = 300_000
_CONTEXT = 3


@dataclass(frozen=True, slots=True)
class Mark:
    """Characters `start` to `end` of the text are marked; the current mark is the one looked at."""

    start: int
    end: int
    current: bool = False


class DocumentView(ScrollView, can_focus=True):
    """Shows a document; wraps at the width it has and draws only what is in view."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "document--gutter",
        "document--mark",
        "document--current",
    }

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._document: Document | None = None
        self._lines: list[str] = []
        self._starts: list[int] = []
        self._rows = Rows([], 80)
        self._marks: tuple[Mark, ...] = ()
        self._marked_lines: dict[int, list[Mark]] = {}
        self._gutter = 8

    async def show(self, document: Document, marks: Sequence[Mark]) -> None:
        """Show a document with its marks."""
        self._document = document
        self._lines = document.text.replace("\t", " ").split("\n")
        self._starts = list(accumulate((len(line) + 1 for line in self._lines), initial=0))
        number = max(3, len(str(max(document.line_numbers))))
        page = len(str(max(document.pages)))
        self._gutter = 2 + number + 2 + (page + 3 if any(document.pages) else 0)
        await self._wrap()
        self.mark(marks)

    def mark(self, marks: Sequence[Mark]) -> None:
        """Replace the marks and bring the current one into view."""
        self._marks = tuple(marks)
        self._marked_lines = {}
        if self._document is None:
            return
        for mark in marks:
            first = self._document.line_index(mark.start)
            for line in range(first, self._document.line_index(max(mark.start, mark.end - 1)) + 1):
                self._marked_lines.setdefault(line, []).append(mark)
        self.refresh()
        current = next((mark for mark in marks if mark.current), None)
        if current is not None:
            self.call_after_refresh(self._bring_into_view, current)

    async def on_resize(self) -> None:
        """Wrap again at the new width, staying at the same line."""
        if self._document is None or self._text_width == self._rows.width:
            return
        line, _ = self._rows.line_of(min(self.scroll_offset.y, max(0, len(self._rows) - 1)))
        await self._wrap()
        self.scroll_to(y=self._rows.starts[line], animate=False)

    def render_line(self, y: int) -> Strip:
        """Draw a row."""
        row = y + self.scroll_offset.y
        base = self.rich_style
        if self._document is None or row >= len(self._rows):
            return Strip.blank(self.size.width, base)
        line, nth = self._rows.line_of(row)
        text = self._lines[line]
        starts = [*breaks(text, self._rows.width), len(text)]
        start, end = starts[nth], starts[nth + 1]
        segments = [self._gutter_segment(line, nth), *self._text_segments(line, start, end)]
        return Strip(segments).adjust_cell_length(self.size.width, base).apply_style(base)

    @property
    def _text_width(self) -> int:
        return max(10, self.scrollable_content_region.width - self._gutter - 1)

    async def _wrap(self) -> None:
        lines, width = self._lines, 0
        while width != self._text_width and lines is self._lines:
            width = self._text_width
            if self._document is not None and len(self._document.text) > _AT_ONCE:
                # Meanwhile the width may change again.
                self._rows = await asyncio.to_thread(Rows, lines, width)
            else:
                self._rows = Rows(lines, width)
        self.virtual_size = Size(self._gutter + width, len(self._rows))
        self.refresh()

    def _bring_into_view(self, mark: Mark) -> None:
        if self._document is None:
            return
        line = self._document.line_index(mark.start)
        within = mark.start - self._starts[line]
        starts = breaks(self._lines[line], self._rows.width)
        row = self._rows.starts[line] + sum(1 for start in starts[1:] if start <= within)
        above = max(_CONTEXT, self.size.height // 3)
        self.scroll_to(y=max(0, row - above), animate=False, force=True)

    def _gutter_segment(self, line: int, nth: int) -> Segment:
        assert self._document is not None
        style = self.get_component_rich_style("document--gutter")
        mark = "▸ " if line in self._marked_lines else "  "
        if nth:
            return Segment(mark.ljust(self._gutter), style)
        pages, numbers = self._document.pages, self._document.line_numbers
        label = str(numbers[line])
        if any(pages[:1]) or pages[line]:
            # The page stands where it begins, so that it can be found without reading each row.
            first = line == 0 or pages[line - 1] != pages[line]
            page = f"p{pages[line]}" if first and pages[line] else ""
            label = f"{page} {label.rjust(self._gutter - 5 - len(page))}"
        return Segment(mark + label.rjust(self._gutter - 4) + "  ", style)

    def _text_segments(self, line: int, start: int, end: int) -> list[Segment]:
        text = self._lines[line]
        marks = self._marked_lines.get(line, ())
        offset = self._starts[line]
        cuts = {start, end}
        for mark in marks:
            cuts |= {min(end, max(start, at - offset)) for at in (mark.start, mark.end)}
        bounds = sorted(cuts)
        return [Segment(text[a:b], self._style_at(marks, offset + a)) for a, b in pairwise(bounds)]

    def _style_at(self, marks: Sequence[Mark], at: int) -> Style:
        covering = [mark for mark in marks if mark.start <= at < mark.end]
        if any(mark.current for mark in covering):
            return self.get_component_rich_style("document--current")
        return self.get_component_rich_style("document--mark") if covering else Style.null()
