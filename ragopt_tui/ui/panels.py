"""Which side panels are shown: by the width of the terminal, or because the user says so."""

from __future__ import annotations

from typing import Literal

PanelState = Literal["beside", "over", "hidden"]


class Panel:
    """A side panel that stands beside the chat from `room` columns on, and else can lie over it.

    `wanted` is what the user chose last, None while the width alone decides.
    """

    def __init__(self, room: int) -> None:
        self.room = room
        self.wanted: bool | None = None
        self.width = 0

    @property
    def state(self) -> PanelState:
        """How the panel is shown at the width last given."""
        if self.width >= self.room:
            return "hidden" if self.wanted is False else "beside"
        return "over" if self.wanted else "hidden"

    def resize(self, width: int) -> None:
        """Take a new width; a choice made on the other side of `room` is forgotten."""
        if (width >= self.room) != (self.width >= self.room):
            self.wanted = None
        self.width = width

    def toggle(self) -> None:
        """Show the panel if it is hidden, hide it if it is shown."""
        self.wanted = self.state == "hidden"
