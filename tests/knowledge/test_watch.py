"""Watching a folder: real files, the system's own notifications, and polling."""

from __future__ import annotations

import os
import queue
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ragopt_tui.knowledge import watch
from ragopt_tui.knowledge.watch import Burst, News, is_remote, watch_documents

_LONGEST_SECONDS = 60.0
_STEPS_OF_QUIET = 12
"""So many steps of the watch last longer than it waits for things to become quiet."""


class Steps(threading.Event):
    """Ends the watch, and counts how often it looked whether to end."""

    count = 0

    def is_set(self) -> bool:
        self.count += 1
        return super().is_set()


class Watch:
    """What a watch in a thread of its own has told so far."""

    def __init__(self, docs: Path) -> None:
        self.stop = Steps()
        self.told: queue.Queue[News] = queue.Queue()
        self.thread = threading.Thread(target=self._run, args=(docs,))

    def _run(self, docs: Path) -> None:
        for news in watch_documents(docs, self.stop):
            self.told.put(news)

    def next(self) -> News:
        return self.told.get(timeout=_LONGEST_SECONDS)

    def nothing_more(self) -> bool:
        """Let it step for longer than it waits for quiet; true if it tells nothing."""
        until = self.stop.count + _STEPS_OF_QUIET
        wait_for(lambda: self.stop.count >= until)
        return self.told.empty()


def wait_for(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _LONGEST_SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@contextmanager
def watching(docs: Path) -> Iterator[Watch]:
    """Watch a folder from the moment that changes are seen."""
    watched = Watch(docs)
    watched.thread.start()
    try:
        yield watched
    finally:
        watched.stop.set()
        watched.thread.join(_LONGEST_SECONDS)
    assert not watched.thread.is_alive()


@pytest.fixture(autouse=True)
def _shorter(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fifth of each time that is waited, so that the tests take seconds."""
    for name, value in vars(watch).items():
        if name in ("_STEP_MS", "_LOOK_MS", "_POLL_MS"):
            monkeypatch.setattr(watch, name, value // 5)
        elif name in ("_QUIET_SECONDS", "_QUIET_POLLED_SECONDS"):
            monkeypatch.setattr(watch, name, value / 5)


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "reports"
    folder.mkdir()
    (folder / "report.md").write_text("Revenue rose.")
    return folder


def test_writing_saving_by_rename_renaming_and_deleting_are_told(docs: Path) -> None:
    with watching(docs) as watched:
        assert watched.next() == "changed"
        (docs / "report.md").write_text("Revenue fell.")
        assert watched.next() == "changed"
        (docs / ".report.md.swp").write_text("Revenue stayed.")
        (docs / ".report.md.swp").replace(docs / "report.md")
        assert watched.next() == "changed"
        (docs / "report.md").rename(docs / "report 2023.md")
        assert watched.next() == "changed"
        (docs / "report 2023.md").unlink()
        assert watched.next() == "changed"
        assert watched.nothing_more()


def test_folders_that_appear_and_go_are_told_with_what_is_in_them(docs: Path) -> None:
    outside = docs.with_name("outside")
    (outside / "2023").mkdir(parents=True)
    (outside / "2023" / "q4.txt").write_text("Q4")
    with watching(docs) as watched:
        assert watched.next() == "changed"
        outside.rename(docs / "v1.2")
        assert watched.next() == "changed"
        (docs / "v1.2" / "2023" / "q4.txt").write_text("Q4 restated")
        assert watched.next() == "changed"
        shutil.rmtree(docs / "v1.2")
        assert watched.next() == "changed"


def test_hidden_locked_and_unreadable_kinds_of_files_are_not_told(docs: Path) -> None:
    (docs / "server.log").write_text("one")
    with watching(docs) as watched:
        assert watched.next() == "changed"
        (docs / ".git").mkdir()
        (docs / ".git" / "notes.md").write_text("hidden")
        (docs / "~$report.docx").write_text("locked")
        with (docs / "server.log").open("a") as log:
            log.write("two")
        (docs / "report.md").read_text()
        assert watched.nothing_more()


def test_many_files_are_told_once_where_they_follow_each_other(docs: Path) -> None:
    longest_pause = 0.0
    with watching(docs) as watched:
        assert watched.next() == "changed"
        before = time.monotonic()
        for n in range(300):
            (docs / f"copy {n}.md").write_text("Revenue rose.")
            longest_pause = max(longest_pause, time.monotonic() - before)
            before = time.monotonic()
        assert watched.next() == "changed"
        assert watched.nothing_more() or longest_pause > 0.1


def test_a_folder_that_is_gone_is_told_once_and_changes_once_it_is_back(docs: Path) -> None:
    with watching(docs) as watched:
        assert watched.next() == "changed"
        docs.rename(docs.with_name("elsewhere"))
        assert watched.next() == "gone"
        assert watched.nothing_more()
        docs.with_name("elsewhere").rename(docs)
        assert watched.next() == "changed"
        (docs / "report.md").write_text("Revenue fell.")
        assert watched.next() == "changed"


def test_another_folder_in_its_place_is_watched(docs: Path) -> None:
    other = docs.with_name("other")
    other.mkdir()
    with watching(docs) as watched:
        assert watched.next() == "changed"
        docs.rename(docs.with_name("elsewhere"))
        other.rename(docs)
        assert watched.next() in ("changed", "gone")
        (docs / "late.md").write_text("Revenue fell.")
        assert watched.next() == "changed"


def test_a_name_that_is_no_text_does_not_end_the_watch(docs: Path) -> None:
    with watching(docs) as watched:
        assert watched.next() == "changed"
        (docs / os.fsdecode(b"r\xffport.md")).write_text("Revenue rose.")
        assert watched.next() == "changed"
        (docs / "report.md").write_text("Revenue fell.")
        assert watched.next() == "changed"


def test_changes_are_found_by_polling(docs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHFILES_FORCE_POLLING", "1")
    with watching(docs) as watched:
        assert watched.next() == "changed"
        (docs / "report.md").write_text("Revenue fell.")
        assert watched.next() == "changed"


QUIET = 1.0


def test_where_the_systems_watches_are_used_up_changes_are_found_by_polling(
    docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = watch.watch

    def limited(*folders: Path, **values: Any) -> object:
        if not values["force_polling"]:
            raise OSError("OS file watch limit reached.")
        return real(*folders, **values)

    monkeypatch.setattr(watch, "watch", limited)
    with watching(docs) as watched:
        assert watched.next() == "changed"
        (docs / "2023").mkdir()
        assert watched.next() == "changed"
        (docs / "2023" / "late.md").write_text("Revenue fell.")
        assert watched.next() == "changed"
        shutil.rmtree(docs / "2023")
        assert watched.next() == "changed"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_closed_folder_beside_others_does_not_matter(docs: Path) -> None:
    for name in ("a", "closed", "z"):
        (docs / name).mkdir()
    (docs / "closed").chmod(0)
    with watching(docs) as watched:
        assert watched.next() == "changed"
        (docs / "z" / "late.md").write_text("Revenue fell.")
        assert watched.next() == "changed"
        assert watched.nothing_more()
    (docs / "closed").chmod(0o700)


def test_a_burst_is_over_when_nothing_follows_for_a_while() -> None:
    burst = Burst()
    assert not burst.is_over(100.0, QUIET)
    burst.add(["a.md"], 100.0)
    burst.add(["b.md"], 100.9)
    burst.add([], 101.5)
    assert not burst.is_over(101.5, QUIET)
    assert burst.is_over(101.9, QUIET)
    burst.clear()
    assert not burst.is_over(200.0, QUIET)


def test_a_burst_without_end_is_told_after_a_minute() -> None:
    burst = Burst()
    for n in range(120):
        burst.add([f"{n}.md"], 100.0 + n / 2)
        assert not burst.is_over(100.0 + n / 2, QUIET)
    burst.add(["last.md"], 160.0)
    assert burst.is_over(160.0, QUIET)


def test_a_file_that_goes_on_growing_is_waited_for() -> None:
    burst = Burst()
    for n in range(600):
        burst.add(["download.pdf"], 100.0 + n / 2)
        assert not burst.is_over(100.0 + n / 2, QUIET)
    assert burst.is_over(401.0, QUIET)


@pytest.mark.parametrize(
    ("folder", "remote"),
    [
        ("/home/ann/reports", False),
        ("/mnt/share/reports", True),
        ("/mnt/share", True),
        ("/mnt/shared", False),
        ("/mnt/share/local/reports", False),
        ("/media/disk", False),
        ("/home/ann/ssh", True),
    ],
)
def test_file_systems_that_others_change_unseen_are_known(folder: str, remote: bool) -> None:
    mounts = [
        ("/", "ext4"),
        ("/mnt/share", "cifs"),
        ("/mnt/share/local", "xfs"),
        ("/media/disk", "fuseblk"),
        ("/home/ann/ssh", "fuse.sshfs"),
    ]
    assert is_remote(Path(folder), mounts) == remote
