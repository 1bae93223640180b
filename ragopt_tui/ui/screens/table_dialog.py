"""A table in a dialog that scrolls, drawn for the room there is."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static


class TableDialog(ModalScreen[None]):
    """Shows `table` under `HEADING`."""

    HEADING: ClassVar[str]

    def compose(self) -> ComposeResult:
        """Draw the table."""
        with Vertical(classes="dialog -wide"):
            yield Static(self.HEADING, classes="dialog-title", markup=False)
            with VerticalScroll():
                yield Static(id="table", markup=False)
            yield Static("Esc goes back", classes="dialog-hint", markup=False)

    def on_mount(self) -> None:
        """Let the arrow keys scroll."""
        self.query_one(VerticalScroll).focus()

    def on_resize(self) -> None:
        """Draw the table for the room there is."""
        # Later, as what lies within has its new width only then.
        self.call_after_refresh(self._fill)

    @abstractmethod
    def table(self, width: int) -> Content:
        """Give the table in at most `width` columns."""

    def _fill(self) -> None:
        width = self.query_one(VerticalScroll).scrollable_content_region.width
        self.query_one("#table", Static).update(self.table(width))
