"""The Train tab: the runs there are, and the curves of the one that is marked or of those compared."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from ragopt_tui.errors import RagoptError
from ragopt_tui.ui.keys import bindings
from ragopt_tui.ui.train_pictures import (
    LETTERS,
    SMOOTHINGS,
    chart_count,
)
from ragopt_tui.ui.train_reader import Look, TrainReader, Wanted
from ragopt_tui.ui.train_rows import RunRow
from ragopt_tui.ui.train_words import headline, row_of_run
from ragopt_tui.ui.widgets.chart_board import ChartBoard
from ragopt_tui.ui.widgets.split_line import SplitLine
from ragopt_tui.ui.widgets.train_looking import LookingPane
from ragopt_tui.ui.wording import MUTED, count

_EMPTY = (
    "No training runs yet.\n\nPress n for a first one: it starts from a preset, asks for a base "
    "model and a data set, and says before the start what memory and time it takes. A run goes on "
    "when this program is closed.\n\nPress d for data sets: questions with answers and evidence, "
    "dialogues, or plain text to read on."
)
_LOOK_SECONDS, _LOOK_SECONDS_AT_REST = 0.5, 2.0
_PAUSE_SHARE = 4.0
_OF_A_RUN = ("open_run", "mark_run", "repeat_run", "next_chart")


class TrainPane(LookingPane):
    """Runs as a list; the keys beside Up and Down are for the charts below."""

    # Without runs there is nothing else that keys could go to.
    can_focus = True

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings("training"),
        Binding("escape", "leave_cursor", show=False),
    ]

    def __init__(self, clock: Callable[[], datetime], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.clock = clock
        self._reader = TrainReader()
        self._rows: tuple[RunRow, ...] = ()
        self._marked: list[str] = []
        self._drawn: list[Content] = []
        self._followed: set[str] = set()
        self._go_to = ""
        self._again = asyncio.Event()

    def compose(self) -> ComposeResult:
        """Draw the head, the runs, what is to be said of one, the charts, and the empty state."""
        yield SplitLine(id="training-head")
        yield OptionList(id="runs")
        yield Static("", id="run-headline", markup=False)
        yield ChartBoard(id="charts")
        yield Static(_EMPTY, classes="empty", markup=False)

    def on_mount(self) -> None:
        """Read the runs, and go on reading while they are looked at."""
        self._follow()

    def focus_runs(self) -> None:
        """Go to the list of runs."""
        runs = self.query_one("#runs")
        (runs if runs.display else self).focus()

    def begun(self, job: str) -> None:
        """Go to a run that was started, once it is listed."""
        self._go_to = job
        self.look_again()

    def look_again(self) -> None:
        """Read at once what there is."""
        self._again.set()

    def marked_row(self) -> RunRow | None:
        """Give the run under the cursor."""
        at = self.query_one(OptionList).highlighted
        return self._rows[at] if at is not None and at < len(self._rows) else None

    def row_of(self, id: str) -> RunRow | None:
        """Give a run by its id."""
        return next((row for row in self._rows if row.id == id), None)

    def compared(self) -> list[str]:
        """Give the ids of the runs whose curves are shown, in the order of their letters."""
        row = self.marked_row()
        here = {each.id for each in self._rows}
        shown = [each for each in self._marked if each in here]
        if row is not None and row.id not in shown and len(shown) < len(LETTERS):
            shown.append(row.id)
        return shown

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Take away what has no effect on the run that is marked."""
        row = self.marked_row()
        if action == "stop_run":
            return row is not None and row.under_way
        if action == "resume_run":
            return row is not None and row.resumable
        if action == "remove_run":
            return row is not None and not row.under_way
        if action in _OF_A_RUN:
            return row is not None
        if action == "leave_cursor":
            return self.view.cursor is not None
        return True

    def action_mark_run(self) -> None:
        """Compare the curves of this run with those of others, or no longer."""
        row = self.marked_row()
        if row is None:
            return
        if row.id in self._marked:
            self._marked.remove(row.id)
        elif len(self._marked) < len(LETTERS):
            self._marked.append(row.id)
        else:
            self.notify(f"At most {len(LETTERS)} runs can be compared.")
        self.view = replace(self.view, window=None, cursor=None)
        self._fill()
        self.look_again()

    @on(OptionList.OptionHighlighted, "#runs")
    def _moved(self) -> None:
        self._draw_rows()
        self._show_headline()
        self.refresh_bindings()
        self.look_again()

    @on(OptionList.OptionSelected, "#runs")
    async def _opened(self) -> None:
        await self.run_action("open_run")

    @on(ChartBoard.Resized)
    def _resized(self) -> None:
        self._fill()
        self.look_again()

    @work(group="training")
    async def _follow(self) -> None:
        """Look at the runs again and again while they are on the screen."""
        while True:
            self._again.clear()
            begun = time.monotonic()
            if self.display and self.screen.is_current:
                try:
                    self._show(await asyncio.to_thread(self._reader.look, self._wanted()))
                except RagoptError as error:
                    self.query_one("#run-headline", Static).update(Content(str(error)))
            busy = any(row.under_way for row in self._rows)
            pause = _LOOK_SECONDS if busy else _LOOK_SECONDS_AT_REST
            # A long run is drawn less often, so that most of the time is left for keys.
            pause = max(pause, _PAUSE_SHARE * (time.monotonic() - begun))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._again.wait(), pause)

    def _wanted(self) -> Wanted:
        board = self.query_one(ChartBoard)
        widths = {
            place.chart: place.width for place in board.places(chart_count(len(self.compared())))
        }
        return Wanted(tuple(self.compared()), self.view, widths)

    def _show(self, look: Look) -> None:
        if [row.id for row in look.rows] == [row.id for row in self._rows]:
            self._rows = look.rows
            self._draw_rows()
            self.refresh_bindings()
        else:
            marked = self.marked_row()
            self._rows = look.rows
            if self.row_of(self._go_to) is not None:
                self._fill(self._go_to)
                self._go_to = ""
            else:
                self._fill(marked.id if marked else "")
        self._follow_new_jobs()
        self.whole = look.whole
        board = self.query_one(ChartBoard)
        board.pictures = look.pictures
        if board.large >= max(1, len(look.pictures)):
            board.large = 0
        self._show_headline()
        self.show_head()

    def _follow_new_jobs(self) -> None:
        """Have the app follow runs that were begun elsewhere, such as by a command."""
        under_way = {row.job for row in self._rows if row.under_way}
        if under_way - self._followed:
            self.follow_jobs()
        self._followed = under_way

    def _fill(self, marked: str = "") -> None:
        shown = self.query_one("#runs", OptionList)
        row = self.marked_row()
        marked = marked or (row.id if row else "")
        shown.clear_options()
        self._drawn = [Content("")] * len(self._rows)
        shown.add_options(Option(each) for each in self._drawn)
        ids = [each.id for each in self._rows]
        if ids:
            shown.highlighted = ids.index(marked) if marked in ids else 0
        self._draw_rows()
        for selector in ("#runs", "#run-headline", "#charts"):
            self.query_one(selector).display = bool(ids)
        self.query_one(".empty").display = not ids
        if self.has_focus_within or self.has_focus:
            self.focus_runs()
        self.refresh_bindings()

    def _draw_rows(self) -> None:
        """Draw again the rows that are no longer what they were."""
        shown = self.query_one("#runs", OptionList)
        compared = self.compared()
        letters = dict(zip(compared, LETTERS, strict=False)) if len(compared) > 1 else {}
        room = max(30, shown.scrollable_content_region.width or self.size.width) - 2
        for place, row in enumerate(self._rows):
            drawn = row_of_run(row, letters.get(row.id, ""), room, self.clock())
            if drawn != self._drawn[place]:
                self._drawn[place] = drawn
                shown.replace_option_prompt_at_index(place, drawn)

    def _show_headline(self) -> None:
        row = self.marked_row()
        self.query_one("#run-headline", Static).update(
            headline(row, self.size.width) if row else Content("")
        )

    def show_head(self) -> None:
        """Say how many runs there are, and how the charts are looked at."""
        running = sum(row.state == "training" for row in self._rows)
        waiting = sum(row.state == "waiting" for row in self._rows)
        left = [
            count(len(self._rows), "training run") if self._rows else "Training",
            f"{running} under way" if running else "",
            f"{waiting} waiting" if waiting else "",
        ]
        view = self.view
        right = [
            f"comparing {len(self.compared())}" if self._marked else "",
            ""
            if view.window is None
            else f"steps {view.window.first:,.0f}–{view.window.last:,.0f}",
            "log" if view.log else "",
            "" if view.smoothing == SMOOTHINGS[0] else f"smoothing {view.smoothing:g}",
        ]
        self.query_one("#training-head", SplitLine).show(
            " · ".join(filter(None, left)),
            Content.styled(" · ".join(filter(None, right)), MUTED),
        )
