"""Writing checkpoints: whole before they are visible, listed as variants, the oldest removed."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError

from ragopt_tui.errors import RagoptError
from ragopt_tui.training.runs.folder import TRAINER_STATE, Checkpoint, RunFolder, RunState
from ragopt_tui.training.worker.trained_base import TrainedBase, describe_trained

if TYPE_CHECKING:
    from ragopt_tui.training.worker.trainer import RunTrainer

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_ROOM_OF_A_FULL_DISK = 1 << 20


def write_checkpoint(
    trainer: RunTrainer, run: RunFolder, base: TrainedBase, state: RunState
) -> Checkpoint | None:
    """Write all that resuming needs and the weights as a variant; gives None on all but the first
    process.

    Raises RagoptError where it cannot be written; what was written of it is removed.
    """
    _check_finite(trainer)
    aside = run.checkpoints_folder / f".new-{state.step}"
    main = trainer.accelerator.is_main_process
    try:
        if main:
            run.begin(state.step)
            aside.mkdir(parents=True)
        trainer.accelerator.wait_for_everyone()
        _write(trainer, aside)
        if main:
            describe_trained(base, aside)
        trainer.accelerator.wait_for_everyone()
        if not main:
            return None
        _to_disk(aside)
        return run.complete(aside, state)
    except (OSError, RuntimeError, SafetensorError) as error:
        # torch and safetensors wrap what the system says into errors of their own.
        if not _is_of_writing(error):
            raise
        room = _free_bytes(run.path)
        shutil.rmtree(aside, ignore_errors=True)
        raise _cannot_write(error, state.step, run, room) from error
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise


def _check_finite(trainer: RunTrainer) -> None:
    this: Any = trainer
    trained = (each for each in this.model.parameters() if each.requires_grad)
    if not all(bool(torch.isfinite(each).all()) for each in trained):
        raise RagoptError(
            f"The weights are not numbers any more at step {this.state.global_step}.",
            "Lower learning_rate (a tenth is a start) and resume from the last checkpoint, or "
            "start anew.",
        )


def _write(trainer: RunTrainer, folder: Path) -> None:
    this: Any = trainer
    this.save_model(str(folder), _internal_call=True)
    this._save_optimizer_and_scheduler(str(folder))
    this._save_scaler(str(folder))
    this._save_rng_state(str(folder))
    if this.args.should_save:
        this.state.save_to_json(str(folder / TRAINER_STATE))


def _to_disk(folder: Path) -> None:
    """Have the system write a folder's files, so that a rename never shows empty ones."""
    for file in folder.rglob("*"):
        if file.is_file():
            with file.open("rb") as stream:
                os.fsync(stream.fileno())


def _is_of_writing(error: Exception) -> bool:
    if isinstance(error, OSError | SafetensorError):
        return True
    words = str(error).lower()
    return any(each in words for each in ("pytorchstreamwriter", "write failed"))


def _free_bytes(folder: Path) -> int:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return _ROOM_OF_A_FULL_DISK


def _cannot_write(error: Exception, step: int, run: RunFolder, room: int) -> RagoptError:
    full = (
        room < _ROOM_OF_A_FULL_DISK
        or getattr(error, "errno", None) in _FULL
        or any(f"os error {number})" in str(error) for number in _FULL)
    )
    reason = getattr(error, "strerror", None) or str(error).strip().split("\n")[0]
    why = "the disk is full" if full else reason
    last = run.checkpoints()
    kept = f"The checkpoint of step {last[-1].step} is whole. " if last else ""
    return RagoptError(
        f"The checkpoint of step {step} cannot be written to {run.checkpoints_folder}: {why}.",
        f"{kept}Free some space and resume the run: `ragopt-tui train --resume {run.path.name}`.",
    )


def rotate(run: RunFolder, limit: int, best_step: int) -> list[int]:
    """Remove the oldest checkpoints beyond `limit`, 0 for none; gives the steps of those removed.

    The newest and the best stay whatever the limit.
    """
    found = run.checkpoints()
    removed: list[int] = []
    for each in found[:-1] if limit else []:
        if len(found) - len(removed) <= limit:
            break
        if each.step != best_step:
            shutil.rmtree(each.path)
            removed.append(each.step)
    return removed
