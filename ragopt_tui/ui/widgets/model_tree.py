"""Who can answer, with a mark on the one that does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.binding import BindingType
from textual.widgets import Tree

from ragopt_tui.models.variant import Variant
from ragopt_tui.ui.keys import bindings
from ragopt_tui.ui.messages import ChooseVariant, Command
from ragopt_tui.ui.wording import shorten

_NAME_WIDTH = 16


class ModelTree(Tree[Variant]):
    """Enter chooses the variant under the cursor."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("sidebar")

    def __init__(self, variants: Sequence[Variant], answering: str) -> None:
        super().__init__("models")
        self.show_root = False
        self.guide_depth = 2
        self.auto_expand = False
        self._variants = variants
        self._answering = answering

    def on_mount(self) -> None:
        """Fill the tree."""
        self._fill()

    def show(self, variants: Sequence[Variant], answering: str) -> None:
        """Show these variants, with a mark on the one that answers (by its id)."""
        self._variants, self._answering = variants, answering
        self._fill()

    def on_tree_node_selected(self, event: Tree.NodeSelected[Variant]) -> None:
        """Pass the choice on."""
        event.stop()
        if event.node.data is not None:
            self.post_message(ChooseVariant(event.node.data.id))

    def action_pick_model(self) -> None:
        """Open the list of models."""
        self.post_message(Command("choose_model"))

    def _fill(self) -> None:
        self.clear()
        groups = (
            ("", [v for v in self._variants if v.kind == "quotes"]),
            ("built-in", [v for v in self._variants if v.builtin and v.kind != "quotes"]),
            ("yours", [v for v in self._variants if not v.builtin]),
        )
        for title, variants in groups:
            branch = self.root if not title else None
            for variant in variants:
                branch = branch or self.root.add(Text(title), expand=True)
                branch.add_leaf(self._label(variant), variant)

    def _label(self, variant: Variant) -> Text:
        answers = variant.id == self._answering
        kind = {"quotes": "verbatim", "base": "bf16", "gguf": "GGUF"}[variant.kind]
        name = variant.name.removeprefix("built-in ")
        if name == kind:
            name = "base"
        if not variant.builtin:
            kind = "GGUF" if variant.kind == "gguf" else ""
        label = Text("● " if answers else "○ ", style="bold" if answers else "dim")
        label.append(shorten(name, _NAME_WIDTH), style="bold" if answers else "")
        return label.append(f"  {kind}", style="dim")
