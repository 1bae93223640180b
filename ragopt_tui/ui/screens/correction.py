"""A better answer in the user's words."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static, TextArea

from ragopt_tui.plaintext import one_line


class Correction(ModalScreen[str | None]):
    """Gives the corrected answer, empty to take it back, or None where nothing is to change."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Back"),
        Binding("ctrl+s", "save", "Save", priority=True),
    ]

    def __init__(self, question: str, text: str) -> None:
        super().__init__()
        self._question, self._text = question, text

    def compose(self) -> ComposeResult:
        """Draw the question and the answer to be corrected."""
        with Vertical(classes="dialog -wide"):
            yield Static(one_line(self._question), classes="dialog-title", markup=False)
            yield TextArea(self._text, soft_wrap=True, compact=True, tab_behavior="focus")
            yield Static(
                "Ctrl+S keeps it beside the answer; an empty one is taken back · Esc goes back",
                classes="dialog-hint",
                markup=False,
            )

    def action_save(self) -> None:
        """Close with what stands there."""
        self.dismiss(self.query_one(TextArea).text.strip())
