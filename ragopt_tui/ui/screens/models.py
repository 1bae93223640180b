"""The model library: found while typing, chosen, described, and cared for."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from ragopt_tui.errors import RagoptError
from ragopt_tui.ui.keys import bindings
from ragopt_tui.ui.model_jobs import ModelJob
from ragopt_tui.ui.model_library import ModelLibrary
from ragopt_tui.ui.model_rows import summary, variant_row
from ragopt_tui.ui.model_shelf import Entry, Shelf
from ragopt_tui.ui.screens.model_verifying import ModelVerifyingScreen
from ragopt_tui.ui.widgets.job_line import JobLine
from ragopt_tui.ui.widgets.key_bar import KeyBar
from ragopt_tui.ui.widgets.model_info import ModelInfo
from ragopt_tui.ui.widgets.split_line import SplitLine
from ragopt_tui.ui.wording import MUTED

if TYPE_CHECKING:
    from ragopt_tui.ui.app import RagoptApp

_ROOM_FOR_BOTH = 100
_ROOM_BEFORE_LAYOUT = 60


class Models(ModelVerifyingScreen):
    """Gives the id of the variant that is to answer, or None where the user went back."""

    CSS_PATH = "../models.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings("models"),
        Binding("up", "move(-1)", show=False, priority=True),
        Binding("down", "move(1)", show=False, priority=True),
        Binding("pageup", "leaf(-1)", show=False, priority=True),
        Binding("pagedown", "leaf(1)", show=False, priority=True),
    ]

    def __init__(self, library: ModelLibrary, answering: str) -> None:
        super().__init__()
        self.library = library
        self._answering = answering
        self._listed: list[Entry] = []
        self._filter = ""
        self._facts_wanted = False
        self._room = _ROOM_BEFORE_LAYOUT

    def compose(self) -> ComposeResult:
        """Draw the filter, the variants, what is known of one, jobs, and what can be done."""
        yield SplitLine(Content.styled("Models", "bold"), id="models-title")
        with Vertical(id="models"):
            yield Input(placeholder="Filter by name, format, tag, broken…", compact=True)
            with Horizontal(id="models-body"):
                yield OptionList(id="models-list")
                yield ModelInfo(id="models-info")
            yield Static("No variant holds all these words.", classes="empty", markup=False)
        yield JobLine(cast("RagoptApp", self.app).settings.keys, id="models-job")
        yield KeyBar()

    def on_mount(self) -> None:
        """List what is known, stand on the variant that answers, and look for what is new."""
        self.query_one(OptionList).can_focus = False
        self.library.changed.subscribe(self, self._show)
        self.library.working.subscribe(self, self._show_jobs)
        self._show_jobs(self.library.jobs.running)
        self.run_worker(self._load(), group="library")

    def on_resize(self, event: events.Resize) -> None:
        """Give the names the room there is."""
        self.set_class(event.size.width < _ROOM_FOR_BOTH, "-narrow")
        self.refresh_bindings()
        # Later, as the list has its new width only then.
        self.call_after_refresh(self._fit)

    @on(Input.Changed)
    def _typed(self) -> None:
        typed = self.query_one(Input).value
        if typed != self._filter:
            self._filter, marked = typed, self._highlighted()
            self._listed = self.library.shelf.matching(typed)
            self._fill(marked.variant.id if marked else "")

    @on(OptionList.OptionHighlighted)
    def _describe(self) -> None:
        self.query_one(ModelInfo).show(self.marked(), self.library.shelf)
        self.refresh_bindings()

    @on(OptionList.OptionSelected)
    def _clicked(self) -> None:
        self.action_use_variant()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Take away the facts where they stand beside the list, and what is not for the one marked."""
        if action == "ship_variant":
            return bool(self._listed) and self.can_ship()
        if action == "verify_variant":
            return bool(self._listed) and self.can_verify()
        if action == "show_report":
            return bool(self._listed) and self.has_report()
        return action != "show_facts" or self.has_class("-narrow")

    def action_move(self, by: int) -> None:
        """Mark another variant while the filter keeps the keys."""
        shown = self.query_one(OptionList)
        if self._listed:
            at = (shown.highlighted or 0) + by
            shown.highlighted = max(0, min(len(self._listed) - 1, at))

    def action_leaf(self, pages: int) -> None:
        """Go on by a page in the list, or in the facts where they take its place."""
        if self.has_class("-narrow") and self._facts_wanted:
            info = self.query_one(ModelInfo)
            info.scroll_relative(y=pages * info.size.height, animate=False)
        else:
            self.action_move(pages * max(1, self.query_one(OptionList).size.height - 1))

    def action_use_variant(self) -> None:
        """Let the marked variant answer."""
        entry = self.marked()
        if entry is None or self.ask_for_what_lacks(entry):
            return
        if entry.variant.problem:
            self.notify(entry.variant.problem, severity="warning", markup=False)
        else:
            self.dismiss(entry.variant.id)

    def action_show_facts(self) -> None:
        """Show what is known of the marked variant in place of the list, or the list again."""
        self._facts_wanted = not self._facts_wanted
        self.set_class(self._facts_wanted, "-facts")

    def action_close_models(self) -> None:
        """Go back."""
        self.dismiss(None)

    def marked(self) -> Entry | None:
        """Give the variant that is marked, among those that fit what has been typed."""
        self._typed()
        return self._highlighted()

    def _highlighted(self) -> Entry | None:
        at = self.query_one(OptionList).highlighted
        return self._listed[at] if at is not None and at < len(self._listed) else None

    async def _load(self) -> None:
        try:
            await self.library.load()
        except RagoptError as error:
            self.notify(str(error), severity="error", markup=False)

    def _fit(self) -> None:
        marked = self.marked()
        self._show_title()
        self._listed = self.library.shelf.matching(self._filter)
        self._fill(marked.variant.id if marked else self._answering)

    def _show(self, shelf: Shelf) -> None:
        before, marked = self._listed, self.marked()
        self._show_title()
        self._listed = shelf.matching(self._filter)
        if [_drawn(entry) for entry in before] == [_drawn(entry) for entry in self._listed]:
            # What is free in memory changes all the time.
            self._describe()
        else:
            self._fill(marked.variant.id if marked else "")

    def _show_jobs(self, jobs: tuple[ModelJob, ...]) -> None:
        self.query_one(JobLine).show(jobs)

    def _show_title(self) -> None:
        self.query_one("#models-title", SplitLine).show(
            Content.styled("Models", "bold"), Content.styled(summary(self.library.shelf), MUTED)
        )

    def _fill(self, marked: str = "") -> None:
        """List the variants again, with the one of the id `marked` marked, else the same place."""
        shown = self.query_one(OptionList)
        at = shown.highlighted or 0
        # It has no size while nothing is found or the facts take its place.
        self._room = shown.scrollable_content_region.width or self._room
        filtered = bool(self._filter.strip())
        shelf = self.library.shelf
        places = [n for n, entry in enumerate(self._listed) if entry.variant.id == marked]
        shown.clear_options()
        shown.add_options(
            Option(variant_row(entry, shelf, self._answering, self._room, filtered))
            for entry in self._listed
        )
        self.query_one("#models-body").display = bool(self._listed)
        self.query_one(".empty").display = not self._listed
        if self._listed:
            shown.highlighted = places[0] if places else min(at, len(self._listed) - 1)
        self._describe()


def _drawn(entry: Entry) -> tuple[object, ...]:
    """Give what the list shows of a variant."""
    return entry.record, entry.depth, entry.fits, entry.standing
