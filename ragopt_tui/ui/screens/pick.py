"""Asks for one of a few lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static


class Pick(ModalScreen[int | None]):
    """Gives the place of the line that was picked, from 0, or None where the user went back."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Back")]

    def __init__(self, title: str, rows: Sequence[Content], hint: str) -> None:
        super().__init__()
        self._title, self._rows, self._hint = title, rows, hint

    def compose(self) -> ComposeResult:
        """Draw the lines and what Enter does."""
        with Vertical(classes="dialog"):
            yield Static(self._title, classes="dialog-title", markup=False)
            yield OptionList(*self._rows)
            yield Static(f"{self._hint} · Esc goes back", classes="dialog-hint", markup=False)

    @on(OptionList.OptionSelected)
    def _give(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option_index)
