"""Who can answer, as a tree of what was made from what, with a mark on the one that does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from rich.text import Text
from textual.binding import BindingType
from textual.widgets import Tree
from textual.widgets.tree import TreeNode

from ragopt_tui.models.variant import Variant
from ragopt_tui.plaintext import one_line
from ragopt_tui.ui.keys import bindings
from ragopt_tui.ui.messages import ChooseVariant, Command
from ragopt_tui.ui.wording import shorten

if TYPE_CHECKING:
    from ragopt_tui.ui.model_shelf import Entry, Shelf

_GUIDE = 2
_LEAST_NAME = 8
_WIDTH_BEFORE_LAYOUT = 30


class _Row(NamedTuple):
    """A variant, how deep it stands, and what is said behind its name."""

    variant: Variant
    depth: int = 0
    about: str = ""


class ModelTree(Tree[Variant]):
    """Enter chooses the variant under the cursor."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("sidebar")

    def __init__(self, variants: Sequence[Variant], answering: str) -> None:
        """Begin with these variants, of which no more is known yet."""
        super().__init__("models")
        self.show_root = False
        self.guide_depth = _GUIDE
        self.auto_expand = False
        self._rows = [_Row(variant) for variant in variants]
        self._answering = answering
        self._filled_room = 0
        self._drawn: dict[str, TreeNode[Variant]] = {}

    def on_mount(self) -> None:
        """Fill the tree, so that it is part of the first frame."""
        self._fill()

    def on_resize(self) -> None:
        """Give names and sizes the room there is."""
        self._fill()

    def watch_show_vertical_scrollbar(self) -> None:
        """Give names and sizes the room that the scrollbar leaves."""
        self.call_after_refresh(self._fit)

    def show(self, shelf: Shelf, answering: str) -> None:
        """Show the library, with a mark on the variant that answers (by its id)."""
        rows = [_Row(entry.variant, entry.depth, _about(entry)) for entry in shelf.entries]
        if (rows, answering) != (self._rows, self._answering):
            changed = answering != self._answering
            self._rows, self._answering = rows, answering
            self._fill()
            if changed and answering in self._drawn:
                self.move_cursor(self._drawn[answering])

    def on_tree_node_selected(self, event: Tree.NodeSelected[Variant]) -> None:
        """Pass the choice on."""
        event.stop()
        if event.node.data is not None:
            self.post_message(ChooseVariant(event.node.data.id))

    def action_pick_model(self) -> None:
        """Open the list of models."""
        self.post_message(Command("choose_model"))

    def _fit(self) -> None:
        # Filling takes the scrollbar away and brings it back.
        if self._room() != self._filled_room:
            self._fill()

    def _fill(self) -> None:
        self._filled_room = self._room()
        marked, top = self.cursor_node.data if self.cursor_node else None, self.scroll_offset.y
        folded = {id for id, node in self._drawn.items() if not node.is_expanded}
        self.clear()
        self._drawn.clear()
        path: list[TreeNode[Variant]] = [self.root]
        for row, following in zip(self._rows, (*self._rows[1:], None), strict=True):
            del path[row.depth + 1 :]
            has_more = following is not None and following.depth > row.depth
            path.append(self._add(path[-1], row, has_more, folded))
        # Nodes have their lines once one of these is asked for.
        self.get_node_at_line(0)
        if marked is not None and marked.id in self._drawn:
            self.move_cursor(self._drawn[marked.id])
        self.scroll_to(y=top, animate=False)

    def _add(
        self, parent: TreeNode[Variant], row: _Row, has_more: bool, folded: set[str]
    ) -> TreeNode[Variant]:
        variant, problem = row.variant, one_line(row.variant.problem)
        room = self._room() - _GUIDE * row.depth
        branch = has_more or bool(problem)
        label = self._label(row, room - (_GUIDE if branch else 0))
        node = parent.add(label, variant, expand=variant.id not in folded, allow_expand=branch)
        self._drawn[variant.id] = node
        if problem:
            reason = Text(problem, style="dim", no_wrap=True)
            reason.truncate(max(_LEAST_NAME, room - _GUIDE), overflow="ellipsis")
            node.add_leaf(reason, variant)
        return node

    def _room(self) -> int:
        """Give the width of a row."""
        return self.scrollable_content_region.width or _WIDTH_BEFORE_LAYOUT

    def _label(self, row: _Row, room: int) -> Text:
        answers = row.variant.id == self._answering
        width = max(_LEAST_NAME, room - _GUIDE - len(row.about) - 1)
        mark = "!" if row.variant.problem else "●" if answers else "○"
        bold = "bold" if answers else ""
        label = Text(f"{mark} ", style=bold or "dim")
        label.append(f"{shorten(row.variant.name, width):<{width}} ", style=bold)
        return label.append(row.about, style="dim")


def _about(entry: Entry) -> str:
    """Give the form of a variant, how it was verified or else its size, and whether it is too large."""
    from ragopt_tui.ui.variant_words import TOO_LARGE, form, size
    from ragopt_tui.verification.words import badge

    record, verified = entry.record, badge(entry.standing)
    # A measured divergence says more than the size, and there is no room for both.
    bytes = size(record.bytes) if record.files and len(verified) < 2 else ""
    return " ".join(filter(None, [form(record), verified, bytes, "" if entry.fits else TOO_LARGE]))
