"""Where questions are typed: Enter sends, the arrow keys at the edges go through earlier ones."""

from __future__ import annotations

from typing import ClassVar

from textual import events, on
from textual.binding import BindingType
from textual.message import Message
from textual.widgets import TextArea

from ragopt_tui.ui.keys import bindings

_HISTORY = 200


class Prompt(TextArea):
    """A text area that grows with its text and sends it."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("prompt")

    class Sent(Message):
        """The user sent the text."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Leaf(Message):
        """The user wants to read back (-1) or on (1) by a page."""

        def __init__(self, pages: int) -> None:
            super().__init__()
            self.pages = pages

    class CompletionKey(Message):
        """A key for the list of commands while it is open: up, down, tab or escape."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(
            id=id,
            soft_wrap=True,
            compact=True,
            highlight_cursor_line=False,
            tab_behavior="focus",
            show_line_numbers=False,
        )
        self.completing = False
        self._history: list[str] = []
        self._at = 0
        self._draft = "", False
        self.as_written = False
        """Whether what stands here is to be asked as it is, whatever was asked before."""

    def action_send(self) -> None:
        """Send what is typed; while commands are listed, take the one that is marked."""
        # Keys typed or pasted just before may still wait in this widget's queue.
        self.call_later(self._send)

    def _send(self) -> None:
        if self.completing:
            self.post_message(self.CompletionKey("enter"))
        elif self.text.strip():
            self.post_message(self.Sent(self.text.strip()))

    def action_newline(self) -> None:
        """Start a new line."""
        self.call_later(self.insert, "\n")

    def accept(self, text: str) -> None:
        """Empty the prompt and remember what was sent."""
        if not self._history or self._history[-1] != text:
            self._history = [*self._history, text][-_HISTORY:]
        self.put("")

    def put(self, text: str, as_written: bool = False) -> None:
        """Replace what is typed and stand at its end."""
        self._at = len(self._history)
        self._show(text, as_written)

    @on(TextArea.Changed)
    def _begin_anew(self) -> None:
        if not self.text:
            self.as_written = False

    async def _on_key(self, event: events.Key) -> None:
        if self.completing and event.key in ("up", "down", "tab", "escape"):
            event.stop()
            event.prevent_default()
            self.post_message(self.CompletionKey(event.key))
            return
        await super()._on_key(event)

    def action_cursor_up(self, select: bool = False) -> None:
        """Go up a line, or to the question before at the first one."""
        first = self.navigator.is_first_wrapped_line(self.cursor_location)
        if not select and first and self._at > 0:
            if self._at == len(self._history):
                self._draft = self.text, self.as_written
            self._show_history(self._at - 1)
        else:
            super().action_cursor_up(select)

    def action_cursor_down(self, select: bool = False) -> None:
        """Go down a line, or to the question after at the last one."""
        last = self.navigator.is_last_wrapped_line(self.cursor_location)
        if not select and last and self._at < len(self._history):
            self._show_history(self._at + 1)
        else:
            super().action_cursor_down(select)

    def action_cursor_page_up(self) -> None:
        """Read back in the conversation: a prompt is never a page long."""
        self.post_message(self.Leaf(-1))

    def action_cursor_page_down(self) -> None:
        """Read on in the conversation."""
        self.post_message(self.Leaf(1))

    def _show_history(self, at: int) -> None:
        self._at = at
        self._show(*((self._history[at], False) if at < len(self._history) else self._draft))

    def _show(self, text: str, as_written: bool) -> None:
        self.text, self.as_written = text, as_written
        self.move_cursor(self.document.end)
