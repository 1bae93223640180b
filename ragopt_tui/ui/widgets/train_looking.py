"""How the charts of training runs are looked at: where the cursor is, and which steps are shown."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ragopt_tui.ui.chart_lines import Window
from ragopt_tui.ui.train_pictures import SMOOTHINGS, View, moved, panned, zoomed
from ragopt_tui.ui.widgets.chart_board import ChartBoard
from ragopt_tui.ui.widgets.train_acting import ActingPane

_ZOOM, _PAN = 0.5, 0.25


class LookingPane(ActingPane):
    """The actions of the Train tab that only change what is seen; `whole` holds all steps."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.view = View()
        self.whole = Window(0, 1)

    def show_head(self) -> None:
        """Say how many runs there are, and how the charts are looked at."""
        raise NotImplementedError

    def action_next_chart(self) -> None:
        """Have the next chart be the large one."""
        board = self.query_one(ChartBoard)
        board.large = (board.large + 1) % max(1, len(board.pictures))
        self.look_again()

    def action_cursor_back(self) -> None:
        """Read the values at the step before."""
        self._move_cursor(-1)

    def action_cursor_on(self) -> None:
        """Read the values at the next step."""
        self._move_cursor(1)

    def action_zoom_in(self) -> None:
        """Show fewer steps around the cursor."""
        self._zoom(_ZOOM)

    def action_zoom_out(self) -> None:
        """Show more steps around the cursor."""
        self._zoom(1 / _ZOOM)

    def action_earlier_steps(self) -> None:
        """Show the steps before those shown."""
        self._pan(-_PAN)

    def action_later_steps(self) -> None:
        """Show the steps after those shown."""
        self._pan(_PAN)

    def action_whole_curve(self) -> None:
        """Show all steps again."""
        self.change(window=None)

    def action_log_scale(self) -> None:
        """Draw on a logarithmic axis, or a linear one again."""
        self.change(log=not self.view.log)

    def action_smoothing(self) -> None:
        """Smooth the loss more or less."""
        at = SMOOTHINGS.index(self.view.smoothing)
        self.change(smoothing=SMOOTHINGS[(at + 1) % len(SMOOTHINGS)])

    def action_leave_cursor(self) -> None:
        """Read the last values again."""
        self.change(cursor=None)

    def _move_cursor(self, by: int) -> None:
        """Move the cursor of the charts; it begins at the last step."""
        window = self.view.window or self.whole
        if self.view.cursor is None:
            self.change(cursor=window.last)
        else:
            width = self.query_one(ChartBoard).size.width
            self.change(cursor=moved(self.view.cursor, window, width, by))

    def _zoom(self, factor: float) -> None:
        window = self.view.window or self.whole
        around = window.last if self.view.cursor is None else self.view.cursor
        self.change(window=zoomed(window, self.whole, factor, around))

    def _pan(self, share: float) -> None:
        if self.view.window is not None:
            self.change(window=panned(self.view.window, self.whole, share))

    def change(self, **changed: Any) -> None:  # noqa: ANN401 - fields of View
        """Look at the charts in another way."""
        self.view = replace(self.view, **changed)
        self.refresh_bindings()
        self.show_head()
        self.look_again()
