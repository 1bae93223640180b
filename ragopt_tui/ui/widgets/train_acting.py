"""What can be done with training runs: begin, stop, go on, repeat, compare and remove them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from textual import work
from textual.containers import Vertical
from textual.content import Content

from ragopt_tui.errors import RagoptError
from ragopt_tui.ui import messages
from ragopt_tui.ui.train_rows import RunRow
from ragopt_tui.ui.wording import MUTED, shorten

if TYPE_CHECKING:
    from ragopt_tui.training.configuration.presets import Preset
    from ragopt_tui.ui.app import RagoptApp
    from ragopt_tui.ui.train_draft import Draft

_AXOLOTL = "From a configuration of axolotl…"
_FILE = "From a YAML file…"
_EMPTY = "Empty, with the defaults"


class ActingPane(Vertical):
    """The actions of the Train tab that change something or open a screen."""

    clock: Callable[[], datetime]

    def marked_row(self) -> RunRow | None:
        """Give the run under the cursor."""
        raise NotImplementedError

    def compared(self) -> list[str]:
        """Give the ids of the runs whose curves are shown."""
        raise NotImplementedError

    def row_of(self, id: str) -> RunRow | None:
        """Give a run by its id."""
        raise NotImplementedError

    def look_again(self) -> None:
        """Read at once what there is."""
        raise NotImplementedError

    def action_new_run(self) -> None:
        """Ask what the run begins with, and open its form."""
        self._begin_with("")

    @work(group="acting", exclusive=True)
    async def action_show_data_sets(self) -> None:
        """Open the list of data sets."""
        from ragopt_tui.ui.screens.data_sets import DataSets

        chosen = await self.app.push_screen_wait(DataSets(self.clock))
        if chosen:
            self._begin_with(chosen)

    @work(group="acting")
    async def _begin_with(self, data_set: str) -> None:
        """Ask what a run begins with, and open its form with a data set."""
        from ragopt_tui.ui.screens.pick import Pick

        presets = list((await asyncio.to_thread(_presets)).values())
        rows = [
            *(Content.assemble(f"{each.name:<16}", (each.title, MUTED)) for each in presets),
            *(Content(each) for each in (_EMPTY, _FILE, _AXOLOTL)),
        ]
        at = await self.app.push_screen_wait(Pick("A new run from…", rows, "Enter opens its form"))
        if at is None:
            return
        if at < len(presets):
            self._set_up("New run", lambda: presets[at].text, data_set)
            return
        what = (_EMPTY, _FILE, _AXOLOTL)[at - len(presets)]
        if what == _EMPTY:
            self._set_up("New run", _defaults, data_set)
        else:
            await self._from_file(what == _AXOLOTL, data_set)

    def action_repeat_run(self) -> None:
        """Open the form with the configuration of the marked run."""
        row = self.marked_row()
        if row is not None:
            id = row.id
            self._set_up(f"Again: {shorten(row.name, 50)}", lambda: _text_of(id))

    def action_open_run(self) -> None:
        """Show the samples, checkpoints, settings and log of the marked run."""
        from ragopt_tui.ui.screens.train_run import TrainRunScreen

        row = self.marked_row()
        if row is None:
            return

        def chosen(variant: str | None) -> None:
            if variant is not None:
                self.post_message(messages.ChooseVariant(variant))
                self.post_message(messages.TabChosen("chat"))

        self.app.push_screen(TrainRunScreen(row), chosen)

    def action_compare_settings(self) -> None:
        """Show in which settings two runs differ."""
        from ragopt_tui.ui.screens.train_difference import TrainDifference

        rows = [row for row in map(self.row_of, self.compared()) if row is not None]
        if len(rows) != 2:
            self.notify("Mark one run with Space, then go to another: two are compared.")
            return
        self.app.push_screen(TrainDifference(*rows))

    def action_stop_run(self) -> None:
        """Have the marked run stop after its step, with a checkpoint; one that waits just ends."""
        row = self.marked_row()
        if row is not None and row.under_way:
            waits = row.state == "waiting"
            self.notify(
                "No longer waiting." if waits else "Stopping: its last step is being kept.",
                timeout=4,
            )
            self._do(lambda: _stop(row.id))

    def action_resume_run(self) -> None:
        """Go on with the marked run from its last checkpoint."""
        row = self.marked_row()
        if row is not None and row.resumable:
            self._do(lambda: _resume(row.id), follow=True)

    def action_remove_run(self) -> None:
        """Ask whether the marked run may go, with its checkpoints."""
        from ragopt_tui.ui.screens.confirm import Confirm

        row = self.marked_row()
        if row is None or row.under_way:
            return

        def answered(sure: bool | None) -> None:
            if sure:
                self._do(lambda: _remove(row.id))

        kept = " What it made stays in the library." if row.variant else ""
        question = (
            f"Remove the run {shorten(row.name, 40)} with its curves, log and checkpoints?{kept}"
        )
        self.app.push_screen(Confirm(question, "Remove"), answered)

    @work(group="acting")
    async def _set_up(self, title: str, text: Callable[[], str], data_set: str = "") -> None:
        """Open the form with some YAML, and follow the run that is started there."""
        from ragopt_tui.ui.screens.train_form import TrainFormScreen
        from ragopt_tui.ui.train_draft import Draft, with_data

        try:
            draft: Draft = await asyncio.to_thread(
                lambda: with_data(Draft.of_text(text()), data_set)
            )
        except RagoptError as error:
            self.notify(str(error), severity="error", timeout=10, markup=False)
            return
        job = await self.app.push_screen_wait(TrainFormScreen(title, draft))
        if job is not None:
            self.begun(job)
            self.follow_jobs()

    def begun(self, job: str) -> None:
        """Go to a run that was started."""
        raise NotImplementedError

    def follow_jobs(self) -> None:
        """Have the app follow the jobs that run now to their ends."""
        app = cast("RagoptApp", self.app)
        app.run_worker(app.models.jobs.find(), group="jobs")

    async def _from_file(self, axolotl: bool, data_set: str) -> None:
        """Ask for a file and open the form with it; what axolotl's has beyond is said."""
        from ragopt_tui.ui.screens.line import Line

        title = "The configuration of axolotl" if axolotl else "The YAML file"
        path = await self.app.push_screen_wait(Line(title, "", "Enter opens it in the form"))
        if path and path.strip():
            file = Path(path.strip()).expanduser()
            title = f"New run from {shorten(file.name, 40)}"
            self._set_up(title, lambda: _read(file, axolotl), data_set)

    @work(group="acting")
    async def _do(self, change: Callable[[], Any], follow: bool = False) -> None:
        try:
            await asyncio.to_thread(change)
        except RagoptError as error:
            self.notify(str(error), severity="error", timeout=10, markup=False)
        self.look_again()
        if follow:
            self.follow_jobs()


def _presets() -> Mapping[str, Preset]:
    from ragopt_tui.training.configuration.presets import presets

    return presets()


def _defaults() -> str:
    from ragopt_tui.training.configuration.config import TrainingConfig, write_config

    return write_config(TrainingConfig())


def _text_of(run: str) -> str:
    from ragopt_tui.training.runs.listing import find_run
    from ragopt_tui.ui.train_details import yaml_of

    return yaml_of(find_run(run))


def _stop(run: str) -> None:
    from ragopt_tui.training.runs.listing import find_run
    from ragopt_tui.training.runs.starting import stop

    stop(find_run(run))


def _resume(run: str) -> None:
    from ragopt_tui.training.runs.listing import find_run
    from ragopt_tui.training.runs.starting import resume

    resume(find_run(run))


def _remove(run: str) -> None:
    from ragopt_tui.training.runs.listing import find_run
    from ragopt_tui.training.runs.removing import remove_run

    remove_run(find_run(run))


def _read(file: Path, axolotl: bool) -> str:
    """Read YAML; of axolotl's, what has no place here stands above it as comments."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise RagoptError(f"{file} cannot be read: {why}.", "Check the path.") from error
    if not axolotl:
        return text
    from ragopt_tui.training.configuration.axolotl import import_axolotl
    from ragopt_tui.training.configuration.config import write_config

    taken = import_axolotl(text, str(file))
    left = [f"# {each.key}: {each.value}: {each.reason}\n" for each in taken.unmapped]
    head = "# What axolotl's configuration has beyond this has no effect here:\n" if left else ""
    return head + "".join(left) + write_config(taken.config)
