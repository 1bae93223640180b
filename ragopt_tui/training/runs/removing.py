"""Removing runs: their folders, jobs and checkpoints go; what they made stays."""

from __future__ import annotations

import contextlib
import shutil

from ragopt_tui.errors import RagoptError
from ragopt_tui.models.store import VariantStore
from ragopt_tui.settings import folders
from ragopt_tui.training.runs.checkpoints import clear_checkpoints
from ragopt_tui.training.runs.folder import RunFolder
from ragopt_tui.training.runs.listing import Run


def remove_run(run: Run) -> None:
    """Delete a run for good; raises RagoptError while it trains, or where that is not allowed.

    Its checkpoints in the library go to the trash, but for those that its user made something of.
    """
    if run.state == "running":
        raise RagoptError(f"The run {run.id} trains now.", "Stop it first.")
    clear_checkpoints(VariantStore(folders().models), run.id)
    doomed = folders().data / "runs" / f".removed-{run.id}"
    try:
        shutil.rmtree(doomed, ignore_errors=True)
        doomed.mkdir(parents=True)
        # By rename, so that no run is ever seen without some of what it said.
        for job in reversed(run.jobs):
            job.folder.path.rename(doomed / job.id)
        with contextlib.suppress(FileNotFoundError):
            RunFolder.of(run.id).path.rename(doomed / "run")
        shutil.rmtree(doomed)
    except OSError as error:
        raise RagoptError(
            f"The run {run.id} cannot be removed: {error.strerror or error}.",
            "Check the permissions of the data folder.",
        ) from error
