"""The YAML of a training run, its wrong lines told apart."""

from __future__ import annotations

from collections.abc import Iterable

from rich.text import Text
from textual.widgets import TextArea


class TrainYaml(TextArea):
    """A text area in which lines can be marked as wrong."""

    def __init__(self, text: str, *, id: str) -> None:
        super().__init__(text, compact=True, tab_behavior="focus", soft_wrap=False, id=id)
        self._wrong: frozenset[int] = frozenset()

    def get_line(self, line_index: int) -> Text:
        """Give a line as it is drawn."""
        line = super().get_line(line_index)
        if line_index + 1 in self._wrong:
            line.stylize("bold underline")
        return line

    def mark_wrong(self, lines: Iterable[int]) -> None:
        """Mark these lines, counted from 1, and no others."""
        wrong = frozenset(lines)
        if wrong != self._wrong:
            self._wrong = wrong
            self._line_cache.clear()
            self.refresh()

    def put(self, text: str) -> None:
        """Replace the text; the cursor and what is in view stay."""
        if text != self.text:
            at, scroll = self.cursor_location, self.scroll_offset
            self.load_text(text)
            last = self.document.line_count - 1
            row = min(at[0], last)
            self.move_cursor((row, min(at[1], len(self.document.get_line(row)))))
            self.scroll_to(scroll.x, scroll.y, animate=False)
