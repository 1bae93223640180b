"""Data sets to train on: imported, looked at as a model reads them, split, exported and removed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, ClassVar

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from ragopt_tui.errors import RagoptError
from ragopt_tui.training.data.record import SPLITS, DataSetRecord, Split
from ragopt_tui.training.data.store import DataSetStore
from ragopt_tui.ui.data_words import examples, facts, previews, report, set_row
from ragopt_tui.ui.keys import bindings
from ragopt_tui.ui.screens.line import Line
from ragopt_tui.ui.screens.pick import Pick
from ragopt_tui.ui.train_choices import Choice, read_choices
from ragopt_tui.ui.train_command import answered
from ragopt_tui.ui.widgets.key_bar import KeyBar
from ragopt_tui.ui.widgets.split_line import SplitLine
from ragopt_tui.ui.wording import MUTED, count

_EMPTY = (
    "No data sets yet.\n\nPress i to import one: JSON, JSONL, CSV, Parquet or Arrow with questions "
    "and answers, dialogues, prompts and completions or RAFT; a folder of documents as text to read "
    "on; or owner/name of a set on the hub."
)
_ROOM_FOR_BOTH = 100
_MORE, _QUIET_SECONDS = 5, 0.3
BUILTIN = "builtin"


class DataSets(Screen[str | None]):
    """Gives the id of a set that is to be trained on, or None where the user went back."""

    CSS_PATH = "../training.tcss"
    AUTO_FOCUS = "#sets"
    BINDINGS: ClassVar[list[BindingType]] = bindings("data sets")

    def __init__(self, clock: Callable[[], datetime]) -> None:
        super().__init__()
        self._clock = clock
        self._sets: list[DataSetRecord] = []
        self._model = Choice(BUILTIN, "built-in bf16")
        self._split: Split = "train"
        self._count = _MORE
        self._removed: list[str] = []

    def compose(self) -> ComposeResult:
        """Draw the sets, and what is in the marked one."""
        yield SplitLine(id="data-title")
        with Horizontal(id="data-body"):
            yield OptionList(id="sets")
            with VerticalScroll(id="data-info"):
                yield Static("", id="data-facts", markup=False)
                yield Static("", id="data-report", markup=False)
                yield Static("", id="data-preview", markup=False)
        yield Static(_EMPTY, classes="empty", markup=False)
        yield KeyBar()

    def on_mount(self) -> None:
        """List the sets."""
        self.reload()

    def on_resize(self, event: events.Resize) -> None:
        """Put what is in a set below the list where there is no room beside it."""
        self.set_class(event.size.width < _ROOM_FOR_BOTH, "-narrow")
        self.call_after_refresh(self._fill)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Take away what needs a set where there is none."""
        if action == "restore_set":
            return bool(self._removed)
        return bool(self._sets) or action in ("import_set", "close_sets")

    @work(group="sets", exclusive=True)
    async def reload(self, marked: str = "") -> None:
        """Read the sets again and mark one of them."""
        sets = await asyncio.to_thread(lambda: DataSetStore().sets())
        before = self.marked()
        self._sets = [each.record for each in sets]
        self._fill(marked or (before.id if before else ""))

    def marked(self) -> DataSetRecord | None:
        """Give the set that is marked."""
        at = self.query_one("#sets", OptionList).highlighted
        return self._sets[at] if at is not None and at < len(self._sets) else None

    def action_train_on(self) -> None:
        """Set up a run with the marked set."""
        record = self.marked()
        if record is not None:
            self.dismiss(record.id)

    def action_import_set(self) -> None:
        """Ask what to import and how, and start the job that does it."""
        from ragopt_tui.ui.screens.data_import import DataImport

        def begun(job: str | None) -> None:
            if job is not None:
                self._wait_for(job)

        self.app.push_screen(DataImport(), begun)

    @work(group="model", exclusive=True)
    async def action_read_as(self) -> None:
        """Choose the model as which the examples are read."""
        choices = await asyncio.to_thread(read_choices)
        offered = [*choices.of("base"), Choice("", "no model", "as they are kept")]
        rows = [Content.assemble(each.name, (f"  {each.about}", MUTED)) for each in offered]
        at = await self.app.push_screen_wait(Pick("Read the examples as", rows, "Enter takes it"))
        if at is not None:
            self._model = offered[at]
            self._look_through()

    def action_next_split(self) -> None:
        """Show examples of the next split."""
        record = self.marked()
        used = [split for split in SPLITS if record is not None and record.rows[split]]
        if used:
            at = used.index(self._split) if self._split in used else -1
            self._split = used[(at + 1) % len(used)]
            self._count = _MORE
            self._look_through()

    def action_more_examples(self) -> None:
        """Show more of the examples."""
        self._count += _MORE
        self._look_through()

    def action_scroll_set(self, pages: int) -> None:
        """Read on in what is in the set."""
        info = self.query_one("#data-info")
        info.scroll_relative(y=pages * max(1, info.size.height - 2), animate=False)

    def action_page_on(self) -> None:
        """Read on in what is in the set."""
        self.action_scroll_set(1)

    def action_page_back(self) -> None:
        """Read back in what is in the set."""
        self.action_scroll_set(-1)

    def action_split_set(self) -> None:
        """Ask how much is kept for validation and test, and make a set that is split so."""
        record = self.marked()
        if record is None:
            return

        def given(typed: str | None) -> None:
            parts = (typed or "").replace(",", " ").split()
            if parts:
                test = parts[1] if len(parts) > 1 else "0"
                shares = ["--validation", parts[0], "--test", test]
                self._change("split", record.id, *shares, said="Split: a set of its own was made.")

        title = "Kept for validation and test: shares below 1, or rows"
        self.app.push_screen(Line(title, "0.1 0.1", "Enter makes a set that is split so"), given)

    def action_export_set(self) -> None:
        """Ask for a file or folder and write the set there."""
        record = self.marked()
        if record is None:
            return

        def given(path: str | None) -> None:
            if path and path.strip():
                self._change(
                    "export", record.id, "--out", path.strip(), said=f"Written to {path.strip()}."
                )

        several = sum(bool(n) for n in record.rows.values()) > 1
        usual = record.id if several else f"{record.id}.jsonl"
        hint = "Enter writes it; .csv and .parquet are other formats"
        self.app.push_screen(Line("Write the set to", usual, hint), given)

    def action_remove_set(self) -> None:
        """Move the marked set to the trash."""
        record = self.marked()
        if record is not None:
            self._removed.append(record.id)
            self._change("remove", record.id, said=f"{record.name} is removed; Ctrl+Z undoes it.")

    def action_restore_set(self) -> None:
        """Bring back the set that was removed last."""
        if self._removed:
            id = self._removed.pop()
            self._change("restore", id, said="It is back.", marked=id)

    def action_close_sets(self) -> None:
        """Go back to the runs."""
        self.dismiss(None)

    @on(OptionList.OptionHighlighted, "#sets")
    def _moved(self) -> None:
        self._count = _MORE
        self._show_facts()
        self._look_through()

    @on(OptionList.OptionSelected, "#sets")
    def _selected(self) -> None:
        self.action_train_on()

    @work(group="change")
    async def _change(self, command: str, *arguments: str, said: str, marked: str = "") -> None:
        try:
            made = await answered("data", command, *arguments, "--json")
        except RagoptError as error:
            self.notify(str(error), severity="error", timeout=10, markup=False)
            return
        self.notify(said, markup=False)
        self.reload(marked or (str(made.get("id", "")) if command == "split" else ""))

    @work(group="importing")
    async def _wait_for(self, job: str) -> None:
        """Show the set once its import has ended; how that ended is said by the app."""
        from ragopt_tui.jobs import supervisor

        found = await asyncio.to_thread(supervisor.find, job)
        while (await asyncio.to_thread(lambda: found.state)) == "running":
            await asyncio.sleep(_QUIET_SECONDS)
        result = await asyncio.to_thread(lambda: found.result)
        self.reload(str(result.result.get("set", "")) if result else "")

    @work(group="look", exclusive=True)
    async def _look_through(self) -> None:
        """Have the marked set looked through in a process of its own, and show what was found."""
        record = self.marked()
        if record is None:
            return
        about, shown = (
            self.query_one("#data-report", Static),
            self.query_one("#data-preview", Static),
        )
        about.update(Content.styled(f"\nlooking through it as {self._model.name}…", MUTED))
        shown.update("")
        # Whoever moves through the list is not looked after with a process for each set.
        await asyncio.sleep(_QUIET_SECONDS)
        tokens = ["--tokens", self._model.value] if self._model.value else []
        if not record.rows[self._split]:
            self._split = "train"
        options = ["-n", str(self._count), "--split", self._split, "--json"]
        try:
            values = await answered("data", "show", record.id, *tokens, *options)
        except RagoptError as error:
            about.update(Content.styled(f"\n! {error}", "$text-warning"))
            return
        about.update(Content("\n").append(report(values)))
        shown.update(self._examples(record, values))

    def _examples(self, record: DataSetRecord, values: dict[str, Any]) -> Content:
        total, model = record.rows[self._split], self._model
        how = f"as {model.name} reads them" if model.value else "as they are kept"
        first = min(self._count, total)
        head = Content.assemble(
            (f"\nThe first {count(first, 'example')} of {total:,} in {self._split}, {how}", "bold"),
            ("; what is learned is underlined" if model.value else "", MUTED),
        )
        drawn = previews(values) if model.value else examples(values)
        return Content("\n").join([head, drawn])

    def _show_facts(self) -> None:
        record = self.marked()
        self.query_one("#data-facts", Static).update(facts(record) if record else Content(""))

    def _fill(self, marked: str = "") -> None:
        shown = self.query_one("#sets", OptionList)
        before = self.marked()
        marked = marked or (before.id if before else "")
        body = self.query_one("#data-body")
        if self._sets and not body.display:
            # It has a width only once it is laid out.
            body.display = True
            self.call_after_refresh(self._fill, marked)
            return
        room = max(30, shown.scrollable_content_region.width) - 2
        shown.clear_options()
        shown.add_options(Option(set_row(each, room, self._clock())) for each in self._sets)
        ids = [each.id for each in self._sets]
        if ids:
            shown.highlighted = ids.index(marked) if marked in ids else 0
        body.display = bool(ids)
        self.query_one(".empty").display = not ids
        if ids and self.focused is None:
            shown.focus()
        title = Content.styled("Data sets", "bold")
        said = Content.styled(_summary(self._sets), MUTED)
        self.query_one("#data-title", SplitLine).show(title, said)
        self.refresh_bindings()


def _summary(sets: Sequence[DataSetRecord]) -> str:
    return f"{count(len(sets), 'set')} · {count(sum(each.count for each in sets), 'example')}"
