"""Events files as they are while somebody writes them."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from ragopt_tui.jobs.events import EventReader, JobCancelled, JobProgress, Reporter, last_event


def test_a_reader_gives_each_event_once(tmp_path: Path) -> None:
    report = Reporter(tmp_path / "events.jsonl")
    reader = EventReader(tmp_path / "events.jsonl")
    report.event("a", x=1)
    assert [event["x"] for event in reader.read()] == [1]
    assert reader.read() == []
    report.event("b", x=[2.5, None, {"k": "é\n"}])
    assert [event["x"] for event in reader.read()] == [[2.5, None, {"k": "é\n"}]]
    report.close()


def test_a_half_written_line_waits_for_its_rest(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    reader = EventReader(file)
    assert reader.read() == []
    file.write_bytes(b'{"type": "a"}\n{"type": "\xc3')
    assert [event["type"] for event in reader.read()] == ["a"]
    with file.open("ab") as stream:
        stream.write(b'\xa9"}\n')
    assert [event["type"] for event in reader.read()] == ["é"]


def test_lines_that_are_no_objects_are_skipped(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_bytes(b'\x00\x00\n[1]\n{"type": "a"}\nnull\n\xff\n')
    assert [event["type"] for event in EventReader(file).read()] == ["a"]
    assert last_event(file, "a") == {"type": "a"}
    assert last_event(file, "b") is None


def test_events_of_several_threads_do_not_mix(tmp_path: Path) -> None:
    report = Reporter(tmp_path / "events.jsonl")

    def write(name: int) -> None:
        for number in range(200):
            report.event("n", name=name, number=number, padding="x" * 500)

    threads = [threading.Thread(target=write, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    events = EventReader(tmp_path / "events.jsonl").read()
    for name in range(4):
        assert [e["number"] for e in events if e["name"] == name] == list(range(200))


def test_the_newest_progress_is_found_behind_many_other_events(tmp_path: Path) -> None:
    report = Reporter(tmp_path / "events.jsonl")
    report.progress("reading", 1, 10, "files")
    report.progress("embedding", 4, 8, "files", "a.md", 12.34)
    for _ in range(300):
        report.event("loss", value=0.5)
    event = last_event(tmp_path / "events.jsonl", "progress")
    assert event is not None
    progress = JobProgress.from_event(event)
    assert progress == JobProgress("embedding", 4.0, 8, "files", "a.md", 12.3)
    assert progress.fraction == 0.5


def test_a_cancelled_job_is_stopped_where_it_looks_up(tmp_path: Path) -> None:
    report = Reporter(tmp_path / "events.jsonl")
    report.raise_if_cancelled()
    report.cancel()
    assert report.cancelled
    with pytest.raises(JobCancelled):
        report.raise_if_cancelled()


def test_progress_says_its_stage_among_several_and_what_is_left_at_its_pace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = Reporter(tmp_path / "events.jsonl")
    report.begin_stage(2, 6)
    for second, done in (
        (100.0, 0),
        (101.0, 10),
        (104.0, 20),
        (105.0, 0),
        (110.0, 50),
        (115.0, 100),
    ):
        monkeypatch.setattr("ragopt_tui.jobs.events.time.monotonic", lambda now=second: now)
        report.progress("verifying", done, 100, "texts")
    report.progress("verifying", 50, 100, "texts", eta_seconds=1.0)
    events = EventReader(tmp_path / "events.jsonl").read()
    seen = [JobProgress.from_event(event) for event in events]
    assert {progress.title for progress in seen} == {"2 of 6 · verifying"}
    assert [p.eta_seconds for p in seen] == [None, None, 16.0, None, 5.0, None, 1.0]
