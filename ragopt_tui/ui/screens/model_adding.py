"""Getting variants into the library, checking them, and putting them on the hub."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ragopt_tui.errors import RagoptError
from ragopt_tui.models.standing import can_be_verified
from ragopt_tui.ui.screens.model_keeping import ModelKeepingScreen
from ragopt_tui.ui.wording import count, shorten

if TYPE_CHECKING:
    from ragopt_tui.jobs.job import Job
    from ragopt_tui.models.record import VariantRecord
    from ragopt_tui.models.scan import Scan
    from ragopt_tui.models.store import VariantStore
    from ragopt_tui.ui.model_jobs import ModelJob
    from ragopt_tui.ui.screens.add_model import Given
    from ragopt_tui.ui.screens.get_model import Wanted


class ModelAddingScreen(ModelKeepingScreen):
    """Adds what lies at a path or is served at a URL, and starts jobs about models."""

    def action_add_variant(self) -> None:
        """Ask for a path or a URL, and put what is there into the library."""
        from ragopt_tui.ui.screens.add_model import AddModel

        def given(what: Given | None) -> None:
            if what is None:
                return
            if what.is_url:
                self.run_worker(self._add_served(what.text), group="change")
            elif what.copy:
                self._copy(Path(what.text))
            else:
                self.run_worker(self._add(Path(what.text).expanduser()), group="change")

        self.app.push_screen(AddModel(), given)

    def action_scan_models(self) -> None:
        """Put the models of the Hugging Face cache into the library."""
        self.notify("Looking for models in the Hugging Face cache…")
        self.run_worker(self._scan(None), group="change")

    def action_get_variant(self) -> None:
        """Choose a model of the hub and have it fetched."""
        from ragopt_tui.ui.screens.get_model import GetModel

        def chosen(wanted: Wanted | None) -> None:
            if wanted is not None:
                self._fetch(wanted)

        self.app.push_screen(GetModel(), chosen)

    def action_check_variant(self) -> None:
        """Have the files of the marked variant read and compared."""
        from ragopt_tui.models.checking import start_check

        entry = self.marked()
        if entry is None or entry.variant.path is None:
            self.notify("This one has no files to check.")
        else:
            variant = entry.variant
            self._begin(lambda: start_check(variant.id, variant.name))

    def action_push_variant(self) -> None:
        """Ask for a repository and put the marked variant there."""
        from ragopt_tui.ui.screens.line import Line

        entry = self.marked()
        if entry is None or entry.variant.path is None:
            self.notify("This one has no files to put on the hub.")
            return
        id = entry.variant.id

        def given(repository: str | None) -> None:
            if repository and repository.strip():
                self._push(id, repository.strip())

        title = f"Put {shorten(entry.variant.name, 40)} on the hub as owner/name"
        hint = "Enter puts it into a private repository"
        self.app.push_screen(Line(title, "", hint), given)

    def action_cancel_job(self) -> None:
        """Stop the job about models that is under way, or one of several."""
        jobs = self.library.jobs.running
        if not jobs:
            self.notify("No job about models is under way.")
        elif len(jobs) == 1:
            self._cancel(jobs[0])
        else:
            self._pick_job(jobs)

    def _pick_job(self, jobs: tuple[ModelJob, ...]) -> None:
        from textual.content import Content

        from ragopt_tui.ui.screens.pick import Pick

        def picked(at: int | None) -> None:
            if at is not None:
                self._cancel(jobs[at])

        rows = [Content(shorten(job.title, 60)) for job in jobs]
        self.app.push_screen(Pick("Jobs", rows, "Enter stops it"), picked)

    def _cancel(self, job: ModelJob) -> None:
        self.notify(f"Stopping: {job.title}…", markup=False)
        self.app.run_worker(self.library.jobs.cancel(job.id), group="jobs")

    def _fetch(self, wanted: Wanted) -> None:
        from ragopt_tui.models.pull_job import start_pull

        self._begin(lambda: start_pull(wanted.repository, wanted.revision, wanted.file))

    def _copy(self, path: Path) -> None:
        from ragopt_tui.models.copy_job import start_copy

        self._begin(lambda: start_copy(path))

    def _push(self, id: str, repository: str) -> None:
        from ragopt_tui.models.push_job import start_push

        self._begin(lambda: start_push(id, repository))

    def _begin(self, start: Callable[[], Job]) -> None:
        # Of the app, as the job is followed when this screen is closed.
        self.app.run_worker(self._follow(start), group="jobs")

    async def _follow(self, start: Callable[[], Job]) -> None:
        try:
            await self.library.jobs.begin(start)
        except RagoptError as error:
            self.app.notify(str(error), severity="error", timeout=10, markup=False)

    async def _add(self, path: Path) -> None:
        from ragopt_tui.models.inspection import NotAModel

        try:
            record = await self.library.change(lambda store: store.add(path))
        except NotAModel as error:
            if path.is_dir():
                await self._scan(path)
            else:
                self.notify(str(error), severity="error", timeout=10, markup=False)
        except RagoptError as error:
            self.notify(str(error), severity="error", timeout=10, markup=False)
        else:
            self._say_added(record)

    async def _add_served(self, url: str) -> None:
        """Put the model of a server into the library, or the one picked of several."""
        from textual.content import Content

        from ragopt_tui.models.endpoint_server import served_models
        from ragopt_tui.models.store import endpoint_url
        from ragopt_tui.ui.screens.pick import Pick

        try:
            url = endpoint_url(url)
            served = await asyncio.to_thread(served_models, url)
        except RagoptError as error:
            self.notify(str(error), severity="error", timeout=10, markup=False)
            return

        def picked(at: int | None) -> None:
            if at is not None:
                name = served[at].name
                self.change(lambda store: store.add_endpoint(url, name), f"Added: {name}.")

        if len(served) == 1:
            picked(0)
        else:
            rows = [Content(shorten(each.name, 60)) for each in served]
            self.app.push_screen(Pick("Models of this server", rows, "Enter adds it"), picked)

    async def _scan(self, folder: Path | None) -> None:
        def scanned(store: VariantStore) -> Scan:
            from ragopt_tui.models.scan import hub_cache, scan

            return scan(store, [folder or hub_cache()])

        try:
            found = await self.library.change(scanned)
        except RagoptError as error:
            self.notify(str(error), severity="error", timeout=10, markup=False)
            return
        said = f"{count(len(found.added), 'model')} added, {found.known:,} known already."
        if found.left_out:
            first = found.left_out[0]
            more = len(found.left_out) - 1
            others = f" {count(more, 'other')} too." if more else ""
            said += f" Left out: {first.path.name}: {first.reason}{others}"
        self.notify(said, timeout=10, markup=False)

    def _say_added(self, record: VariantRecord) -> None:
        more = record.variant.problem
        if not more and can_be_verified(record) and record.variant.parent:
            more = f"Ctrl+Y compares it with {self.library.shelf.name(record.variant.parent)}."
        said = " ".join(filter(None, [f"Added: {record.variant.name}.", more]))
        self.notify(said, timeout=6, markup=False)
