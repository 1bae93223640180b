"""One line with something at its left and something at its right end."""

from __future__ import annotations

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget


class SplitLine(Widget):
    """A line whose left text gives way with an ellipsis where the two do not fit."""

    left: reactive[Content] = reactive(Content)
    right: reactive[Content] = reactive(Content)

    def __init__(
        self,
        left: Content | str = "",
        right: Content | str = "",
        *,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self.set_reactive(SplitLine.left, _content(left))
        self.set_reactive(SplitLine.right, _content(right))

    def show(self, left: Content | str, right: Content | str = "") -> None:
        """Replace both texts."""
        self.left, self.right = _content(left), _content(right)

    def render(self) -> Content:
        """Put the two texts at the ends of the line."""
        width = self.size.width
        right = self.right.truncate(width, ellipsis=True)
        space = width - right.cell_length
        left = self.left.truncate(max(0, space - 1 if right else space), ellipsis=True)
        return Content("").join([left, Content(" " * (space - left.cell_length)), right])


def _content(text: Content | str) -> Content:
    return text if isinstance(text, Content) else Content(text)
