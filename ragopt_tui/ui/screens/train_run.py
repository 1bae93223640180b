"""One training run opened: its samples, checkpoints, settings and log, as they come."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, TypeVar, cast

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import ContentSwitcher, OptionList, Static
from textual.widgets.option_list import Option

from ragopt_tui.errors import RagoptError
from ragopt_tui.ui.keys import bindings
from ragopt_tui.ui.model_library import ModelLibrary
from ragopt_tui.ui.train_details import Details, Kept, RunDetails, Sample, Told
from ragopt_tui.ui.train_rows import RunRow
from ragopt_tui.ui.train_words import headline
from ragopt_tui.ui.variant_words import size
from ragopt_tui.ui.widgets.key_bar import KeyBar
from ragopt_tui.ui.widgets.split_line import SplitLine
from ragopt_tui.ui.wording import MUTED, count, shorten

if TYPE_CHECKING:
    from ragopt_tui.models.store import VariantStore
    from ragopt_tui.ui.app import RagoptApp

_T = TypeVar("_T")
_LOOK_SECONDS = 1.0
_PAGES = {
    "samples": "Samples",
    "checkpoints": "Checkpoints",
    "settings": "Settings",
    "log": "Log",
}
_NONE = {
    "samples": "No samples yet. Questions in `samples` of the configuration are answered at every evaluation.",
    "checkpoints": "No checkpoints yet. `save_steps` says when there is one.",
    "settings": "The configuration of this run cannot be read.",
    "log": "Nothing was logged yet.",
}
_MOST_SAMPLES = 40


class TrainRunScreen(Screen[str | None]):
    """Gives the id of a checkpoint that is to answer, or None where the user went back."""

    CSS_PATH = "../training.tcss"
    BINDINGS: ClassVar[list[BindingType]] = bindings("run")

    def __init__(self, row: RunRow) -> None:
        super().__init__()
        self._row = row
        self._details = RunDetails(row.id)
        self._shown: Details | None = None
        self._page = "samples"
        self._cleared: list[str] = []

    def compose(self) -> ComposeResult:
        """Draw the title, the names of the pages, and the pages."""
        yield SplitLine(id="run-title")
        yield Static("", id="run-headline", markup=False)
        with ContentSwitcher(initial="samples", id="run-pages"):
            for page in _PAGES:
                if page == "checkpoints":
                    yield OptionList(id=page)
                else:
                    with VerticalScroll(id=page):
                        yield Static("", markup=False)
        yield KeyBar()

    def on_mount(self) -> None:
        """Show what is known, and go on reading."""
        self._show_title()
        self._open("samples")
        self._follow()

    def on_resize(self, event: events.Resize) -> None:
        """Give rows the room there is."""
        self._show_title()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Take away what is for checkpoints where none is marked."""
        if action == "chat_checkpoint":
            return self._page == "checkpoints" and bool(self._shown and self._shown.checkpoints)
        if action == "clear_checkpoints":
            kept = self._shown.checkpoints if self._shown else ()
            return self._page == "checkpoints" and any(each.there for each in kept)
        if action == "restore_checkpoints":
            return self._page == "checkpoints" and bool(self._cleared)
        return True

    def action_next_page(self) -> None:
        """Open the page after this one."""
        self._turn(1)

    def action_previous_page(self) -> None:
        """Open the page before this one."""
        self._turn(-1)

    def action_chat_checkpoint(self) -> None:
        """Let the marked checkpoint answer in the chat."""
        at = self.query_one("#checkpoints", OptionList).highlighted
        if self._shown is not None and at is not None and at < len(self._shown.checkpoints):
            kept = self._shown.checkpoints[at]
            if kept.there:
                self.dismiss(kept.variant)
            else:
                self.notify("This checkpoint is no longer kept.", severity="warning")

    @work(group="clearing", exclusive=True)
    async def action_clear_checkpoints(self) -> None:
        """Move the run's checkpoints to the trash, after asking."""
        from ragopt_tui.training.runs.checkpoints import (
            checkpoints_of,
            clear_checkpoints,
            spare_checkpoints,
        )
        from ragopt_tui.ui.screens.confirm import Confirm

        run = self._row.id
        every, spare = await self._library.look(
            lambda store: (checkpoints_of(store, run), spare_checkpoints(store, run))
        )
        if not spare:
            self.notify("There is none to clear: what you named, tagged or built on stays.")
            return
        freed = sum(file.size for record in spare for file in record.files)
        stay = len(every) - len(spare)
        kept = f"{stay} that you named, tagged or built on and what" if stay else "What"
        stays = "stay" if stay else "stays"
        question = (
            f"Move {count(len(spare), 'checkpoint')} of {shorten(self._row.name, 40)} to the "
            f"trash, {size(freed)}?\n\n{kept} the run made {stays}. Ctrl+Z brings them back."
        )
        if await self.app.push_screen_wait(Confirm(question, "Clear")):
            cleared = await self._change(lambda store: clear_checkpoints(store, run))
            self._cleared = cleared or []

    @work(group="clearing", exclusive=True)
    async def action_restore_checkpoints(self) -> None:
        """Bring back the checkpoints that were cleared here."""
        ids, self._cleared = self._cleared, []
        await self._change(lambda store: _restore(store, ids))

    async def _change(self, change: Callable[[VariantStore], _T]) -> _T | None:
        changed = None
        try:
            changed = await self._library.change(change)
        except RagoptError as error:
            self.notify(str(error), severity="error", timeout=10, markup=False)
        self._show(await asyncio.to_thread(self._details.read))
        return changed

    @property
    def _library(self) -> ModelLibrary:
        return cast("RagoptApp", self.app).models

    def action_close_run(self) -> None:
        """Go back to the runs."""
        self.dismiss(None)

    @on(OptionList.OptionSelected)
    def _selected(self) -> None:
        self.action_chat_checkpoint()

    @work
    async def _follow(self) -> None:
        while True:
            details = await asyncio.to_thread(self._details.read)
            if details != self._shown:
                self._show(details)
            await asyncio.sleep(_LOOK_SECONDS)

    def _turn(self, by: int) -> None:
        pages = list(_PAGES)
        self._open(pages[(pages.index(self._page) + by) % len(pages)])

    def _open(self, page: str) -> None:
        self._page = page
        self.query_one(ContentSwitcher).current = page
        self.query_one(f"#{page}").focus()
        self._show_title()
        self.refresh_bindings()

    def _show_title(self) -> None:
        pages = Content("  ").join(
            [
                Content.styled(f"▸ {title}", "bold")
                if page == self._page
                else Content.styled(title, MUTED)
                for page, title in _PAGES.items()
            ]
        )
        name = Content.styled(shorten(self._row.name, 60), "bold")
        self.query_one("#run-title", SplitLine).show(name, pages)

    def _show(self, details: Details) -> None:
        self._shown = details
        self._row = details.row or self._row
        self._show_title()
        self.query_one("#run-headline", Static).update(headline(self._row, self.size.width))
        checkpoints = self.query_one("#checkpoints", OptionList)
        at = checkpoints.highlighted
        checkpoints.clear_options()
        rows = [checkpoint_row(each) for each in details.checkpoints]
        checkpoints.add_options(rows or [Option(_none("checkpoints"), disabled=True)])
        if rows:
            checkpoints.highlighted = min(at or 0, len(rows) - 1)
        self._put("samples", samples_text(details.samples))
        self._put("settings", Content(details.settings))
        self._put("log", log_text(details.told, details.log))
        self.refresh_bindings()

    def _put(self, page: str, text: Content) -> None:
        self.query_one(f"#{page} Static", Static).update(
            text if text.plain.strip() else _none(page)
        )


def _restore(store: VariantStore, ids: list[str]) -> None:
    for id in ids:
        store.restore(id)


def checkpoint_row(kept: Kept) -> Content:
    """Draw a checkpoint: its step, whether it is the best, and whether it can still answer."""
    return Content.assemble(
        f"step {kept.step:>9,}  ",
        ("★ best  " if kept.best else "        ", "$text-success"),
        (kept.variant if kept.there else "no longer kept", "" if kept.there else MUTED),
    )


def samples_text(samples: tuple[Sample, ...]) -> Content:
    """Draw samples, the newest first, each prompt with what was written to it."""
    parts = [
        Content.assemble(
            (f"step {each.step:,}  ", MUTED), (each.prompt, "bold"), "\n", each.text or "(nothing)"
        )
        for each in reversed(samples[-_MOST_SAMPLES:])
    ]
    return Content("\n\n").join(parts)


def log_text(told: tuple[Told, ...], log: str) -> Content:
    """Draw what the run said, its warnings with their hints, and the end of its process's output."""
    parts: list[Content] = []
    for each in told:
        at = f"{datetime.fromtimestamp(each.time):%H:%M:%S}  "
        said = " ".join(filter(None, [each.text, each.hint]))
        parts.append(
            Content.assemble(
                (at, MUTED),
                (f"! {said}" if each.warning else said, "$text-warning" if each.warning else ""),
            )
        )
    if log.strip():
        parts += [Content.styled("\nFrom its process:", MUTED), Content(log)]
    return Content("\n").join(parts)


def _none(page: str) -> Content:
    return Content.styled(_NONE[page], MUTED)
