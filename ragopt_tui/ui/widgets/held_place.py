"""The reader's place in a scrolled widget, kept while things above it come, go or grow."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from textual.widget import Widget

if TYPE_CHECKING:
    from textual.geometry import Region
    from textual.layout import DockArrangeResult


class HeldPlace:
    """Holds one child of `scrolled` at its row on the screen.

    The place is corrected within the layout, as Textual does for anchored widgets, so that no
    frame shows the content shifted.
    """

    def __init__(self, scrolled: Widget) -> None:
        self._scrolled = scrolled
        self._regions: dict[Widget, Region] = {}
        self._child: Widget | None = None
        self._row = 0.0

    def rows_of(self, child: Widget) -> tuple[int, int] | None:
        """Give the first row of a child and the one after its last, in what is scrolled.

        None before it was laid out.
        """
        region = self._regions.get(child)
        return (region.y, region.bottom) if region else None

    def hold(self, children: Iterable[Widget]) -> None:
        """Hold the first of these children that reaches to where the reader is."""
        top = self._scrolled.scroll_y
        self._child = None
        for child in children:
            rows = self.rows_of(child)
            if rows and rows[1] > top:
                self._child, self._row = child, rows[0] - top
                return

    def forget(self) -> None:
        """Hold nothing."""
        self._child = None

    def keep(self, arranged: DockArrangeResult) -> None:
        """Set the scroll position so that the child stands where it stood."""
        self._regions = {placement.widget: placement.region for placement in arranged.placements}
        rows = self.rows_of(self._child) if self._child is not None else None
        if rows is None:
            return
        position = max(0, round(rows[0] - self._row))
        if position != self._scrolled.scroll_y:
            self._scrolled.set_reactive(Widget.scroll_y, position)
            self._scrolled.set_reactive(Widget.scroll_target_y, position)
            self._scrolled.vertical_scrollbar.position = position
