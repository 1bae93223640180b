"""The list of who can answer."""

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
from textual.widgets.option_list import Option

from ragopt_tui.models.variant import Variant
from ragopt_tui.ui.wording import MUTED, shorten

_ABOUT = {
    "quotes": "verbatim, cannot invent",
    "base": "writes the answer, with transformers",
    "gguf": "writes the answer, with llama.cpp",
}


class Models(ModalScreen[str | None]):
    """Gives the id of the chosen variant, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Back")]

    def __init__(self, variants: Sequence[Variant], answering: str) -> None:
        super().__init__()
        self._variants, self._answering = variants, answering

    def compose(self) -> ComposeResult:
        """Draw the variants, with a mark on the one that answers."""
        with Vertical(classes="dialog"):
            yield Static("Who answers", classes="dialog-title", markup=False)
            yield OptionList(*(Option(self._row(v), id=v.id) for v in self._variants))
            yield Static("Enter chooses · Esc goes back", classes="dialog-hint", markup=False)

    def on_mount(self) -> None:
        """Stand on the variant that answers."""
        ids = [variant.id for variant in self._variants]
        if self._answering in ids:
            self.query_one(OptionList).highlighted = ids.index(self._answering)

    @on(OptionList.OptionSelected)
    def _choose(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option_id)

    def _row(self, variant: Variant) -> Content:
        mark = "●" if variant.id == self._answering else "○"
        return Content.assemble(
            f"{mark} {shorten(variant.name, 22):<22}  ", (_ABOUT[variant.kind], MUTED)
        )
