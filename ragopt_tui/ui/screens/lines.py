"""Asks for several lines of text."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static, TextArea

from ragopt_tui.plaintext import one_line


class Lines(ModalScreen[str | None]):
    """Gives the text that was typed, or None where nothing is to change."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Back"),
        Binding("ctrl+s", "save", "Save", priority=True),
    ]

    def __init__(self, title: str, text: str, hint: str) -> None:
        super().__init__()
        self._title, self._text, self._hint = title, text, hint

    def compose(self) -> ComposeResult:
        """Draw what is asked for, the text, and what Ctrl+S does."""
        with Vertical(classes="dialog -wide"):
            yield Static(one_line(self._title), classes="dialog-title", markup=False)
            yield TextArea(self._text, soft_wrap=True, compact=True, tab_behavior="focus")
            yield Static(
                f"Ctrl+S {self._hint} · Esc goes back", classes="dialog-hint", markup=False
            )

    def action_save(self) -> None:
        """Close with what stands there."""
        self.dismiss(self.query_one(TextArea).text.strip())
