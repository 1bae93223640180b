"""Runs in processes of their own: started, waited for, followed, stopped and listed."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ragopt_tui.cli import main
from ragopt_tui.commands import train_following
from ragopt_tui.commands.event_lines import EventLines
from ragopt_tui.errors import RagoptError
from ragopt_tui.jobs.folder import JobResult
from ragopt_tui.jobs.job import Job
from ragopt_tui.training.configuration.config import parse_config
from ragopt_tui.training.runs.listing import find_run, list_runs
from ragopt_tui.training.runs.starting import GRACE_SECONDS, start_training, stop
from tests.training.tiny_runs import config_of, events, job_folder, tiny_set

ENDLESS = 1_000_000


def until(condition: Callable[[], object], seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)


@pytest.fixture
def started(home: Path) -> Iterator[Callable[[], Job]]:
    """Starts runs that would never end; those that still run are killed at the end."""
    tiny_set()
    config = parse_config(config_of(max_steps=ENDLESS, eval_steps=0, save_steps=0))
    jobs: list[Job] = []

    def start() -> Job:
        jobs.append(start_training(config))
        return jobs[-1]

    yield start
    for job in jobs:
        with contextlib.suppress(RagoptError):
            stop(find_run(job.id))


def test_two_runs_at_once_one_waits_and_both_can_be_stopped(
    started: Callable[[], Job], capsys: pytest.CaptureFixture[str]
) -> None:
    first = started()
    until(lambda: first.progress() or first.state != "running")
    second = started()
    until(lambda: (second.progress() or first.progress()).stage == "waiting")  # type: ignore[union-attr]
    waiting = second.progress()
    assert waiting is not None
    assert first.id in waiting.detail
    assert main(["jobs", "cancel", second.id]) == 0
    assert second.state == "cancelled"
    assert first.spec.parameters["grace_seconds"] == GRACE_SECONDS

    until(lambda: events(first.id, "train") or first.state != "running")
    assert main(["jobs", "list", "--running"]) == 0
    assert first.id in capsys.readouterr().out
    assert main(["jobs", "cancel", first.id]) == 0
    told = capsys.readouterr().out
    assert "Stopped at step" in told
    assert f"--resume {first.id}" in told
    run = find_run(first.id)
    assert run.state == "cancelled"
    assert run.can_resume
    assert run.checkpoints() == [events(first.id, "checkpoint")[-1]["step"]]
    assert [each.id for each in list_runs()] == [second.id, first.id]
    assert main(["jobs", "cancel", first.id]) == 1


def ended(extra: str = "", **result: str) -> Job:
    folder = job_folder(config_of(extra))
    with folder.events_file.open("w") as stream:
        for event in (
            {"type": "progress", "stage": "loading the model", "done": 0, "total": None},
            {"type": "progress", "stage": "training", "done": 1, "total": 2, "eta_seconds": 61},
            {
                "type": "train", "step": 1, "epoch": 0.5, "loss": None, "learning_rate": 2e-4,
                "grad_norm": 1.0, "tokens": 9, "tokens_per_second": 1234.5, "gpu_bytes": None,
                "host_bytes": 1,
            },
            {"type": "evaluation", "step": 1, "epoch": 0.5, "loss": 1.23456},
            {"type": "sample", "step": 1, "prompt": "Who?", "text": "\x1b[31mX\nY"},
            {"type": "watch", "step": 1, "kind": "nan", "text": "Bad.", "hint": "Lower it."},
            {"type": "checkpoint", "step": 1},
        ):  # fmt: skip
            stream.write(json.dumps({"time": 1.0} | event) + "\n")
    folder.write_result(JobResult("finished", "Made it.", "", {"message": "Made it.", **result}))
    return Job(folder, folder.read_spec())


def test_following_prints_a_line_for_each_thing_that_a_run_says(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = ended(variant="tiny-run")
    assert main(["jobs", "follow", job.id[:10]]) == 0
    printed = capsys.readouterr()
    assert printed.out == "Made it.\n"
    assert printed.err.splitlines() == [
        "loading the model",
        "step 1  epoch 0.50  loss no number  learning rate 2.00e-04  1,234 tokens/s  61 s left",
        "evaluation at step 1: loss 1.2346",
        "sample at step 1: Who? → �[31mX Y",
        "WARNING: Bad. Lower it.",
    ]
    assert main(["jobs", "show", job.id, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["state"], shown["run"]) == ("finished", job.id)
    assert shown["result"]["variant"] == "tiny-run"
    assert main(["jobs", "show", job.id]) == 0
    assert "made    tiny-run" in capsys.readouterr().out
    assert main(["jobs", "list", "--json"]) == 0
    assert [each["id"] for each in json.loads(capsys.readouterr().out)["jobs"]] == [job.id]


def test_a_job_that_is_not_there_or_does_not_run_is_named(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["jobs", "show", "nothing"]) == 1
    assert "There is no job 'nothing'" in capsys.readouterr().err
    assert main(["jobs", "cancel", ended().id]) == 1
    assert "does not run: it is finished" in capsys.readouterr().err


def test_an_interrupt_without_a_terminal_leaves_a_run_running(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    job = ended()

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(train_following, "_follow", interrupted)
    monkeypatch.setattr(train_following, "cancel", lambda _: pytest.fail("it was stopped"))
    assert main(["jobs", "follow", job.id]) == 130
    assert f"It goes on. Follow it: `ragopt-tui jobs follow {job.id}`" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("typed", "choice"), [("l", "leave"), ("S", "stop"), ("", "follow"), ("x", "follow")]
)
def test_an_interrupt_in_a_terminal_asks_what_becomes_of_a_run(
    typed: str, choice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("builtins.input", lambda _: typed)
    assert train_following._asked() == choice


def test_an_event_that_lacks_a_value_gives_no_line() -> None:
    lines = EventLines()
    assert list(lines.of({"type": "train", "step": 1})) == []
    assert list(lines.of({"type": "checkpoint", "step": 1})) == []
    assert list(lines.of({"type": "unknown"})) == []
