"""Indexing in a process of its own."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from ragopt_tui.jobs import supervisor
from ragopt_tui.jobs.job import Job
from ragopt_tui.knowledge.indexing import start_indexing
from ragopt_tui.knowledge.location import IndexLocation
from tests.knowledge.syncing import report_on


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs [x]"
    folder.mkdir()
    (folder / "north.md").write_text(report_on("Northwind", "net revenue was 1,577 million."))
    return folder


def until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)


def has_event(job: Job, type: str, text: str) -> bool:
    return any(e["type"] == type and text in str(e) for e in job.events().read())


def test_a_job_indexes_and_its_result_is_the_summary(docs: Path) -> None:
    (docs / "odd.md").write_bytes(b"")
    job = start_indexing(docs, "builtin")
    until(lambda: job.state != "running")
    assert (job.state, job.reason) == ("finished", ""), job.log_file.read_text()
    assert job.result is not None
    summary = job.result.result
    assert (summary["files"], summary["added"]) == (1, 1)
    assert summary["left_out"] == [["odd.md", "The file is empty."]]
    progress = job.progress()
    assert progress is not None
    assert progress.stage == "finishing"
    assert IndexLocation.of(docs).manifest() is not None


def test_a_job_waits_for_another_process_that_indexes_the_folder(docs: Path) -> None:
    location = IndexLocation.of(docs)
    location.folder.mkdir(parents=True)
    with FileLock(location.write_lock):
        job = start_indexing(docs, "builtin")
        assert start_indexing(docs, "builtin").id == job.id
        until(lambda: has_event(job, "message", "Another process is indexing"))
        assert job.state == "running"
        supervisor.cancel(job)
    assert job.state == "cancelled"


@pytest.mark.slow
def test_a_job_is_cancelled_while_it_embeds_and_the_next_one_completes_it(docs: Path) -> None:
    facts = [f"fact {n} is told at great length. " * 30 for n in range(150)]
    (docs / "long.md").write_text(report_on("Long", *facts))
    job = start_indexing(docs, "builtin")
    until(lambda: has_event(job, "progress", "'stage': 'embedding'"))
    supervisor.cancel(job)
    assert job.state == "cancelled", job.log_file.read_text()
    assert job.reason == "Cancelled."
    (docs / "long.md").unlink()
    again = start_indexing(docs, "builtin")
    until(lambda: again.state != "running")
    assert again.result is not None
    assert again.result.result["files"] == 1


def test_a_folder_that_is_gone_fails_the_job_with_a_sentence(docs: Path) -> None:
    job = start_indexing(docs / "nothing", "builtin")
    until(lambda: job.state != "running")
    assert job.state == "failed"
    assert job.reason.startswith("There is no folder")
    assert job.result is not None
    assert job.result.hint
