"""The companies and periods that a question was read to ask about, each to be taken away."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.style import Style
from textual.widget import Widget

from ragopt_tui.knowledge.scope import Filter
from ragopt_tui.ui.wording import MUTED, shorten

_META = "chip"
_GAP = "  "


def chip(filter: Filter, room: int = 60) -> Content:
    """Draw one: plain where it is kept to, dim where it only orders, struck where it was removed."""
    value = shorten(filter.value, room)
    if filter.state == "removed":
        return Content.assemble((value, f"strike {MUTED}"), (" removed +", MUTED))
    if filter.state == "relaxed":
        return Content.styled(f"{value} (too little there) ✕", MUTED)
    return Content.assemble((value, "bold $text-accent"), (" ✕", MUTED))


class ScopeChips(Widget):
    """As many lines of chips as they need; a click takes one away or puts it back."""

    class Picked(Message):
        """The user clicked a chip."""

        def __init__(self, filter: Filter) -> None:
            super().__init__()
            self.filter = filter

    def __init__(self, filters: Sequence[Filter]) -> None:
        super().__init__()
        self._filters: Sequence[Filter] = ()
        self.show(filters)

    def show(self, filters: Sequence[Filter]) -> None:
        """Show these in place of those before; none take no line."""
        self._filters = filters
        self.display = bool(filters)
        self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Count the lines that the chips need."""
        return len(self._lines(width))

    def render(self) -> Content:
        """Draw the chips."""
        return Content("\n").join(self._lines(self.content_size.width))

    def on_click(self, event: events.Click) -> None:
        """Pass on which chip was clicked."""
        at = event.style.meta.get(_META)
        if at is not None:
            event.stop()
            self.post_message(self.Picked(self._filters[at]))

    def _lines(self, width: int) -> list[Content]:
        lines = [Content()]
        for at, filter in enumerate(self._filters):
            room = max(12, width - 22)
            drawn = chip(filter, room).stylize(Style.from_meta({_META: at}))
            longer = Content(_GAP).join([lines[-1], drawn]) if lines[-1] else drawn
            if longer.cell_length <= width or not lines[-1]:
                lines[-1] = longer
            else:
                lines.append(drawn)
        return lines
