"""A run that ends early goes on as if nothing had happened."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ragopt_tui.errors import RagoptError
from ragopt_tui.jobs.events import JobCancelled, Reporter
from ragopt_tui.models.store import VariantStore
from ragopt_tui.settings import folders
from ragopt_tui.training.data.store import DataSetStore
from ragopt_tui.training.execution import job
from ragopt_tui.training.runs.curves import Curves
from ragopt_tui.training.runs.folder import RunFolder
from ragopt_tui.training.runs.listing import find_run
from ragopt_tui.training.runs.starting import resume
from tests.training.tiny_runs import (
    STEPS,
    config_of,
    events,
    job_folder,
    losses,
    tiny_base,
    tiny_set,
    trained,
)

# Two processes may multiply in another order.
TOLERANCE = 1e-4
RANDOM = "lora: {r: 4, lora_dropout: 0.2}\n"


class StopsAtStep(Reporter):
    """A job's reporter that is asked to stop once a step was logged."""

    def __init__(self, events_file: Path, step: int) -> None:
        super().__init__(events_file)
        self._step = step

    def event(self, type: str, **values: object) -> None:
        super().event(type, **values)  # type: ignore[arg-type]
        if type == "train" and values["step"] == self._step:
            self.cancel()


@pytest.fixture
def config(home: Path) -> str:
    """A run with dropout and noise, two batches a step, and a log of every third step."""
    tiny_set()
    return config_of(
        RANDOM, neftune_noise_alpha=3.0, gradient_accumulation_steps=2, logging_steps=3,
        save_steps=5,
    )  # fmt: skip


def stopped_after(config: str, step: int) -> str:
    """Ask a run to stop while a step's point is told; it ends with the step behind it."""
    folder = job_folder(config)
    with pytest.raises(JobCancelled) as stop:
        job.train(folder.read_spec().parameters, StopsAtStep(folder.events_file, step))
    assert f"Stopped at step {step + 1} of {STEPS}" in stop.value.message
    assert f"--resume {folder.path.name}" in stop.value.hint
    return folder.path.name


def test_a_run_killed_with_sigkill_goes_on_with_the_losses_of_an_uninterrupted_one(
    config: str,
) -> None:
    uninterrupted = trained(config)["job"]
    whole = losses(uninterrupted)
    assert list(whole) == [1, 3, 6, 9, 12]
    killed = job_folder(config)
    command = [sys.executable, "-m", "tests.training.train_and_die", str(killed.path), "8"]
    ended = subprocess.run(command, check=False, capture_output=True, timeout=300)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    run = killed.path.name
    assert [each.step for each in RunFolder.of(run).checkpoints()] == [5]
    resumed = trained(config, run)
    assert events(resumed["job"], "resumed")[0]["step"] == 5
    later = losses(resumed["job"])
    assert list(later) == [6, 9, 12]
    assert later == pytest.approx({step: whole[step] for step in later}, abs=TOLERANCE)
    curves = Curves(find_run(run).jobs)
    curves.read()
    assert list(curves.series["loss"].steps) == [1, 3, 6, 9, 12]
    assert list(curves.series["loss"].values) == pytest.approx(list(whole.values()), abs=TOLERANCE)
    tokens = [event["tokens"] for event in events(resumed["job"], "train")]
    assert tokens == [event["tokens"] for event in events(uninterrupted, "train")][2:]


def test_a_stopped_run_keeps_a_checkpoint_of_its_last_step_and_goes_on_exactly(
    config: str,
) -> None:
    whole = losses(trained(config)["job"])
    run = stopped_after(config, 6)
    assert RunFolder.of(run).checkpoints()[-1].step == 7
    later = losses(trained(config, run)["job"])
    assert later == pytest.approx({9: whole[9], 12: whole[12]}, abs=1e-6)


def test_an_evaluation_that_the_stop_left_out_is_made_up_for(
    home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    tiny_set()
    config = config_of("lora: {r: 4, lora_dropout: 0}\n", eval_steps=0.33)
    whole = events(trained(config)["job"], "evaluation")
    run = stopped_after(config, 3)
    later = events(trained(config, run)["job"], "evaluation")
    assert [each["step"] for each in later] == [4, 8, 12]
    assert [each["loss"] for each in later] == pytest.approx([each["loss"] for each in whole])
    # A share of all steps is the same interval in the checkpoint.
    assert "do not match" not in capfd.readouterr().err


def test_a_run_with_a_trained_head_on_a_4_bit_base_goes_on_exactly(home: Path) -> None:
    tiny_set()
    head = "lora: {r: 4, modules_to_save: [lm_head]}\nquantization: {load_in_4bit: true}\n"
    config = config_of(head)
    whole = losses(trained(config)["job"])
    later = losses(trained(config, stopped_after(config, 5))["job"])
    assert later == pytest.approx({step: whole[step] for step in later}, abs=1e-6)


def test_a_full_fine_tuning_goes_on_exactly(home: Path) -> None:
    tiny_set()
    config = config_of("method: full\n")
    whole = losses(trained(config)["job"])
    later = losses(trained(config, stopped_after(config, 5))["job"])
    assert later == pytest.approx({step: whole[step] for step in later}, abs=1e-6)


def test_a_run_whose_data_set_is_gone_says_so_and_its_checkpoint_can_be_used(config: str) -> None:
    run = stopped_after(config, 6)
    DataSetStore().remove("facts")
    with pytest.raises(RagoptError, match=r"data set facts of the run .* is gone") as error:
        trained(config, run)
    assert "checkpoints are kept" in error.value.hint
    names = [each.name for each in VariantStore(folders().models).variants() if not each.problem]
    assert "tiny run step 7" in names


def test_a_run_whose_base_is_gone_or_has_changed_says_so(home: Path, tmp_path: Path) -> None:
    tiny_set()
    base = shutil.copytree(tiny_base(), tmp_path / "base")
    config = config_of(base=base)
    run = stopped_after(config, 3)
    (base / "config.json").write_text((base / "config.json").read_text() + "\n")
    with pytest.raises(RagoptError, match="has changed since this run began"):
        trained(config, run)
    shutil.rmtree(base)
    with pytest.raises(RagoptError, match=r"base"):
        trained(config, run)


def test_what_cannot_be_resumed_says_why(config: str) -> None:
    finished = trained(config)["job"]
    with pytest.raises(RagoptError, match="is finished: it made tiny-run"):
        resume(find_run(finished))
    fresh = job_folder(config)
    with pytest.raises(RagoptError, match="has no checkpoint"):
        resume(find_run(fresh.path.name))
