"""Changed files are read while the program is open: real files, watch, jobs and screen."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot

from ragopt_tui.jobs import supervisor
from ragopt_tui.knowledge import watch
from ragopt_tui.knowledge.difference import Difference
from ragopt_tui.knowledge.embedder import Embedder
from ragopt_tui.knowledge.watch import News, Stop
from ragopt_tui.settings import Settings
from ragopt_tui.ui.app import RagoptApp
from ragopt_tui.ui.indexing import Indexing
from ragopt_tui.ui.library import Library
from tests.jobs_here import JobsHere
from tests.ui.scripted import DOCS, DONE, NOON, ScriptedEngine, ScriptedLibrary, scripted_app
from tests.ui.waiting import main_screen, ready, screen_text, shown, until

REPORT = "# Northwind annual report 2023\n\nRevenue rose to EUR 2,418 million in 2023.\n"
_LONG = 120.0


@pytest.fixture(autouse=True)
def _shorter(monkeypatch: pytest.MonkeyPatch) -> None:
    """A quarter of each time that is waited for quiet."""
    monkeypatch.setattr(watch, "_QUIET_SECONDS", 0.25)
    monkeypatch.setattr(watch, "_LOOK_MS", 250)
    monkeypatch.setattr(watch, "_STEP_MS", 50)


@pytest.fixture
def indexed_here(jobs_here: JobsHere, embedder: Embedder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Documents are read in this process, with the embedder that it has."""
    monkeypatch.setattr("ragopt_tui.knowledge.sync.load_embedder", lambda _name: embedder)


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "reports"
    folder.mkdir()
    (folder / "northwind.md").write_text(REPORT)
    (folder / "letter.md").write_text("# Letter\n\nThe Board proposes a dividend of EUR 1.20.\n")
    return folder


class Noted(Library):
    """The real library, noting what its watch told, what was compared, and that the watch ended."""

    def __init__(self, docs: Path, settings: Settings) -> None:
        super().__init__(docs, settings)
        self.news: list[News] = []
        self.compared = 0
        self.ended = threading.Event()

    def watch(self, stop: Stop) -> Iterator[News]:
        for news in super().watch(stop):
            self.news.append(news)
            yield news
        self.ended.set()

    def difference(self) -> Difference:
        found = super().difference()
        self.compared += 1
        return found


class Opened:
    """The program on a folder, with the library of each folder that it opened."""

    def __init__(self, docs: Path, settings: Settings | None = None) -> None:
        self.libraries: list[Noted] = []
        self.settings = settings or Settings()
        self.app = RagoptApp(
            docs, self.settings, "quotes", ScriptedEngine(), self._library, lambda: NOON
        )

    def _library(self, docs: Path) -> Noted:
        self.libraries.append(Noted(docs, self.settings))
        return self.libraries[-1]

    @property
    def library(self) -> Noted:
        return self.libraries[-1]

    async def watched(self, pilot: Pilot[None]) -> None:
        """Wait until the documents are read and nothing that happens to them is missed."""
        await until(pilot, lambda: self.library.compared, _LONG)

    async def read(self, pilot: Pilot[None]) -> None:
        """Wait until the documents are read as they are now."""
        workspace = main_screen(self.app).workspace
        await until(
            pilot, lambda: not workspace.indexing.running and not self.library.difference(), _LONG
        )


def jobs() -> int:
    jobs = supervisor.list_jobs()
    assert sum(job.state == "running" for job in jobs) <= 1
    return len(jobs)


async def test_a_changed_file_is_read_and_quietly_told(docs: Path) -> None:
    opened = Opened(docs)
    async with opened.app.run_test(size=(120, 30), notifications=True) as pilot:
        await opened.watched(pilot)
        assert jobs() == 1
        (docs / "northwind.md").write_text(REPORT.replace("2,418", "2,481"))
        await shown(pilot, "12:00 northwind.md changed · 2 documents · 2 passages")
        await opened.read(pilot)
        assert jobs() == 2
        assert not opened.app._notifications


@pytest.mark.usefixtures("indexed_here")
async def test_what_is_not_read_starts_nothing(docs: Path) -> None:
    opened = Opened(docs)
    async with opened.app.run_test(size=(120, 30)) as pilot:
        await opened.watched(pilot)
        (docs / "picture.png").write_bytes(b"png")
        (docs / ".notes.md").write_text("hidden")
        (docs / "northwind.md").touch()
        compared = opened.library.compared
        await until(pilot, lambda: opened.library.compared > compared)
        (docs / "picture.png").unlink()
        await until(pilot, lambda: opened.library.compared > compared + 1)
        assert jobs() == 1


@pytest.mark.slow
async def test_three_hundred_files_are_read_by_one_job(
    docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "_QUIET_SECONDS", 3.0)
    opened = Opened(docs)
    async with opened.app.run_test(size=(120, 30)) as pilot:
        await opened.watched(pilot)
        (docs / "copies").mkdir()
        for n in range(300):
            (docs / "copies" / f"copy {n}.md").write_text(f"Revenue was {n}.")
        await until(
            pilot, lambda: "12:00 300 new · 302 documents" in screen_text(opened.app), _LONG
        )
        assert jobs() == 2


@pytest.mark.slow
async def test_what_changes_while_documents_are_read_is_read_after(docs: Path) -> None:
    opened = Opened(docs)
    async with opened.app.run_test(size=(120, 30)) as pilot:
        await opened.watched(pilot)
        workspace = main_screen(opened.app).workspace
        (docs / "northwind.md").write_text("Revenue fell.")
        await until(pilot, lambda: jobs() == 2)
        news = len(opened.library.news)
        (docs / "letter.md").unlink()
        await until(pilot, lambda: len(opened.library.news) > news)
        await until(pilot, lambda: workspace.indexing.summary.get("files") == 1, _LONG)
        await opened.read(pilot)
        assert jobs() <= 3


@pytest.mark.usefixtures("indexed_here")
async def test_a_folder_that_vanishes_is_told_and_read_once_it_is_back(docs: Path) -> None:
    opened = Opened(docs)
    async with opened.app.run_test(size=(120, 30)) as pilot:
        await opened.watched(pilot)
        away = docs.rename(docs.with_name("away"))
        await shown(pilot, "! The folder reports is gone; its index still answers.")
        (away / "northwind.md").write_text("Revenue fell.")
        assert jobs() == 1
        away.rename(docs)
        await shown(pilot, "12:00 northwind.md changed · 2 documents · 2 passages")
        assert len(opened.library.records()) == 2


@pytest.mark.usefixtures("indexed_here")
async def test_an_emptied_folder_keeps_its_index_until_the_user_says_so(docs: Path) -> None:
    opened = Opened(docs)
    async with opened.app.run_test(size=(120, 30)) as pilot:
        await opened.watched(pilot)
        for file in docs.iterdir():
            file.unlink()
        await shown(pilot, "! The folder reports is empty now; its index still answers.")
        await shown(pilot, "F5 empties the index, too.")
        assert jobs() == 1
        assert len(opened.library.records()) == 2
        await pilot.press("f5")
        await shown(pilot, "0 documents")
        assert opened.library.records() == []
        (docs / "northwind.md").write_text(REPORT)
        await shown(pilot, "12:00 northwind.md new · 1 document · 1 passage")


@pytest.mark.usefixtures("indexed_here")
async def test_another_folder_and_the_end_of_the_program_end_the_watch(
    docs: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    opened = Opened(docs)
    async with opened.app.run_test(size=(120, 30)) as pilot:
        await opened.watched(pilot)
        await opened.app._open_folder(other)
        await until(pilot, lambda: opened.libraries[0].ended.is_set())
        await until(pilot, lambda: opened.library.news, _LONG)
        (docs / "northwind.md").write_text("Revenue fell.")
        (other / "new.md").write_text("Revenue rose.")
        await shown(pilot, "12:00 new.md new · 1 document · 1 passage")
    assert opened.library.ended.wait(_LONG)
    assert opened.libraries[0].difference().changed == ("northwind.md",)


@pytest.mark.usefixtures("indexed_here")
async def test_watching_can_be_switched_off(docs: Path) -> None:
    opened = Opened(docs, Settings(watch=False))
    async with opened.app.run_test(size=(120, 30)) as pilot:
        screen = main_screen(opened.app)
        await until(pilot, lambda: not screen.workspace.indexing.running, _LONG)
        await pilot.pause()
        assert not [worker for worker in screen.workers if worker.group == "watch"]
        (docs / "northwind.md").write_text("Revenue fell.")
        await pilot.press("f5")
        await opened.read(pilot)
        assert opened.library.news == []


async def test_after_a_reading_that_failed_the_next_is_the_users_to_start() -> None:
    failed = Indexing(DOCS, running=False, problem="The disk is full.", hint="Free some space.")
    library = ScriptedLibrary([failed], differs=Difference(changed=("northwind.md",)))
    app = scripted_app(library=library)
    async with app.run_test(size=(120, 30)) as pilot:
        screen = await ready(pilot)
        await screen.workspace.read_changes(NOON)
        assert library.begun == [False]
        await pilot.press("f5")
        await until(pilot, lambda: library.begun == [False, False])
        library.states = [DONE]
        await pilot.press("f5")
        await shown(pilot, "12 documents · 431 passages")
        await screen.workspace.read_changes(NOON)
        assert len(library.begun) > 3
