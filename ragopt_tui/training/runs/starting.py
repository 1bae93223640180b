"""Starting, resuming and stopping runs; imports nothing of what training needs."""

from __future__ import annotations

from pathlib import Path

from ragopt_tui.errors import RagoptError
from ragopt_tui.jobs import supervisor
from ragopt_tui.jobs.job import Job
from ragopt_tui.plaintext import one_line
from ragopt_tui.training.configuration.config import TrainingConfig, write_config
from ragopt_tui.training.runs.folder import RunFolder
from ragopt_tui.training.runs.listing import KIND, Run

TARGET = "ragopt_tui.training.execution.job:train"
GRACE_SECONDS = 600.0
"""How long a run may take to finish its step and write a checkpoint when it is stopped."""


def start_training(config: TrainingConfig, original: str = "") -> Job:
    """Start a run; its id is that of the job. `original` is the YAML that the user wrote.

    Files in the configuration are named absolutely. Raises RagoptError where the job cannot be
    started.
    """
    return _started(write_config(config), original, "", config.name)


def resume(run: Run) -> Job:
    """Start a job that goes on with a run from its last checkpoint.

    Raises RagoptError for a run that trains now, is finished, or has no checkpoint.
    """
    id = one_line(run.id)
    if run.state == "running":
        raise RagoptError(f"The run {id} trains now.", f"`ragopt-tui jobs follow {id}` shows it.")
    if run.state == "finished":
        raise RagoptError(
            f"The run {id} is finished: it made {run.variant}.",
            "Set continue_from to that to train it further.",
        )
    if not RunFolder.of(run.id).checkpoints():
        raise RagoptError(
            f"The run {id} has no checkpoint that it could go on from.", "Start it anew."
        )
    return _started(run.jobs[0].spec.parameters["config"], "", run.id, run.name)


def stop(run: Run) -> None:
    """Have a run finish its step and write a checkpoint, and wait until it has ended."""
    supervisor.cancel(run.job)


def _started(config: str, original: str, run: str, name: str) -> Job:
    parameters = {
        "config": config,
        "original": original,
        "run": run,
        "working_folder": str(Path.cwd()),
        "grace_seconds": GRACE_SECONDS,
    }
    return supervisor.start(KIND, f"train {one_line(name, 80)}", TARGET, parameters)
