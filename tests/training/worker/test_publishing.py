"""Checkpoints go to the hub while training goes on, whatever becomes of them there."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from ragopt_tui.jobs.events import Reporter
from ragopt_tui.jobs.job import Job
from ragopt_tui.jobs.supervisor import list_jobs
from ragopt_tui.models.store import VariantStore
from ragopt_tui.settings import folders
from ragopt_tui.training.execution import job
from tests.models.conftest import hub as hub
from tests.models.hub_server import STRANGER, WRITER, Hub
from tests.training.tiny_runs import STEPS, config_of, events, job_folder, tiny_set

WEIGHTS = "adapter_model.safetensors"
PUSHED = "push_checkpoints_to: me/mine\n"


@pytest.fixture(autouse=True)
def data() -> None:
    tiny_set()


def pushes() -> list[Job]:
    """The jobs that put something on the hub, the first first."""
    return [each for each in reversed(list_jobs()) if each.spec.kind == "push"]


def wait_for(jobs: list[Job]) -> None:
    while any(each.state == "running" for each in jobs):
        time.sleep(0.02)


def variants() -> dict[str, Path]:
    records = VariantStore(folders().models).records()
    return {each.variant.name: each.variant.path for each in records if each.variant.path}


def test_a_checkpoint_is_on_the_hub_while_training_goes_on_and_the_result_takes_its_place(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", WRITER)
    sent: dict[str, bytes] = {}

    class Looks(Reporter):
        def event(self, type: str, **values: Any) -> None:
            super().event(type, **values)
            if type == "checkpoint" and values["step"] == 4:
                process = pushes()[0].folder.process_id()
                assert process is not None
                os.kill(process, signal.SIGSTOP)
                sent["wanted"] = (variants()["tiny run step 4"] / WEIGHTS).read_bytes()
            elif type == "checkpoint" and values["step"] == 8:
                # Rotated out of the run, and still whole in the library for the hub.
                assert "tiny run step 4" in variants()
                [first] = pushes()
                os.kill(first.folder.process_id() or 0, signal.SIGCONT)
                wait_for([first])
                assert first.state == "finished", first.reason
                sent["there"] = hub.repositories["me/mine"].files[WEIGHTS]

    folder = job_folder(config_of(PUSHED, save_total_limit=1), working_folder="/")
    made = job.train(folder.read_spec().parameters, Looks(folder.events_file))
    assert sent["there"] == sent["wanted"]
    assert [name for name in variants() if "tiny run" in name] == ["tiny run"]
    wait_for(pushes())
    assert pushes()[-1].state == "finished", pushes()[-1].reason
    assert pushes()[-1].spec.parameters["variant"] == made["variant"]
    repository = hub.repositories["me/mine"]
    assert repository.private
    assert repository.files[WEIGHTS] == (variants()["tiny run"] / WEIGHTS).read_bytes()
    assert repository.files[WEIGHTS] != sent["there"]


def test_a_hub_that_refuses_a_checkpoint_does_not_end_the_run(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", STRANGER)

    class Waits(Reporter):
        def event(self, type: str, **values: Any) -> None:
            super().event(type, **values)
            if type == "checkpoint":
                wait_for(pushes())

    folder = job_folder(config_of(PUSHED), working_folder="/")
    made = job.train(folder.read_spec().parameters, Waits(folder.events_file))
    assert made["step"] == STEPS
    wait_for(pushes())
    assert {each.state for each in pushes()} == {"failed"}
    assert "me/mine" not in hub.repositories
    told = [each["text"] for each in events(folder.path.name, "message")]
    reason = pushes()[0].reason
    assert f"The last checkpoint was not put on the hub: {reason}" in told
