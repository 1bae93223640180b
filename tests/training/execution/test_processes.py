"""A run in several processes ends as one, and learns as one."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ragopt_tui.errors import RagoptError
from ragopt_tui.jobs.events import JobCancelled, Reporter
from ragopt_tui.jobs.job import Job
from ragopt_tui.training.configuration.config import TrainingConfig, parse_config
from ragopt_tui.training.execution import processes
from ragopt_tui.training.execution.launcher import launches
from ragopt_tui.training.execution.queueing import CPU, Devices
from ragopt_tui.training.runs.listing import find_run
from ragopt_tui.training.runs.starting import resume, start_training, stop
from tests.training.tiny_runs import config_of, events, losses, tiny_set, trained

EXACT = "lora: {r: 4, lora_dropout: 0}\n"


def run_stand_ins(
    what: str, folder: Path, monkeypatch: pytest.MonkeyPatch, cancelled: bool = False
) -> dict[str, Any]:
    """Run two stand-ins that do `what`."""

    def with_what(config: Any, gpus: Any, module: str, arguments: list[str]) -> Any:
        return launches(config, gpus, "tests.training.stand_in_process", [what, *arguments])

    monkeypatch.setattr(processes, "launches", with_what)
    report = Reporter(folder / "events.jsonl")
    if cancelled:
        report.cancel()
    return processes.run_processes(TrainingConfig(num_processes=2), Devices((CPU,), ()), report)


def test_the_outcome_is_that_of_the_first_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run_stand_ins("works", tmp_path, monkeypatch)["variant"] == "made"


def test_a_wish_to_stop_reaches_all_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(JobCancelled) as stopped:
        run_stand_ins("stops", tmp_path, monkeypatch, cancelled=True)
    assert (stopped.value.message, stopped.value.hint) == ("It stops.", "So.")


def test_the_reason_of_a_process_that_fails_is_the_run_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RagoptError, match="It fails") as failed:
        run_stand_ins("fails", tmp_path, monkeypatch)
    assert failed.value.hint == "So."


def test_a_process_that_dies_ends_the_others_and_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RagoptError, match="Process 1 of the run ended without a word"):
        run_stand_ins("dies", tmp_path, monkeypatch)


def until(condition: Callable[[], object], seconds: float = 300.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.05)


@pytest.fixture
def started(home: Path) -> Iterator[Callable[[str], Job]]:
    """Starts runs; those that still run are stopped at the end."""
    tiny_set()
    jobs: list[Job] = []

    def start(config: str) -> Job:
        jobs.append(start_training(parse_config(config)))
        return jobs[-1]

    yield start
    for job in jobs:
        with contextlib.suppress(RagoptError):
            stop(find_run(job.id))


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["own", "accelerate"])
def test_several_processes_learn_as_one_with_the_same_rows_at_a_step(
    started: Callable[[str], Job], tmp_path: Path, launcher: str
) -> None:
    alone = trained(config_of(EXACT, per_device_train_batch_size=4, save_steps=0))["job"]
    several, batch = "num_processes: 2\n", 2
    if launcher == "accelerate":
        # On processors accelerate starts several only by way of MPI.
        file = tmp_path / "accelerate.yml"
        file.write_text(
            "compute_environment: LOCAL_MACHINE\ndistributed_type: 'NO'\nuse_cpu: true\n"
            "num_machines: 1\nmachine_rank: 0\nnum_processes: 1\nmixed_precision: 'no'\n"
        )
        several, batch = f"accelerate_config: {file}\n", 4
    job = started(config_of(EXACT + several, per_device_train_batch_size=batch, save_steps=5))
    until(lambda: job.state != "running")
    assert job.state == "finished", job.log_file.read_text()
    assert losses(job.id) == pytest.approx(losses(alone), abs=1e-4)
    for kind, name in (("evaluation", "loss"), ("train", "tokens")):
        wanted = [event[name] for event in events(alone, kind)]
        assert [event[name] for event in events(job.id, kind)] == pytest.approx(wanted, abs=1e-4)


@pytest.mark.slow
def test_two_processes_stop_after_the_same_step_and_go_on_exactly(
    started: Callable[[str], Job],
) -> None:
    config = config_of(EXACT + "num_processes: 2\n", max_steps=400, eval_steps=0, save_steps=0)
    job = started(config)
    until(lambda: events(job.id, "train") or job.state != "running")
    stop(find_run(job.id))
    assert job.state == "cancelled", job.log_file.read_text()
    at = events(job.id, "checkpoint")[-1]["step"]
    later = resume(find_run(job.id))
    until(lambda: events(later.id, "train") or later.state != "running")
    stop(find_run(job.id))
    alone = config.replace("num_processes: 2", "num_processes: 1")
    whole = started(
        alone.replace("per_device_train_batch_size: 2", "per_device_train_batch_size: 4")
    )
    seen = losses(later.id)
    assert min(seen) == at + 1
    until(lambda: len(events(whole.id, "train")) > max(seen) or whole.state != "running")
    assert seen == pytest.approx({step: losses(whole.id)[step] for step in seen}, abs=1e-4)
