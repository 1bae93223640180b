"""One run at a time on a device: a lock file for each, held for as long as a run trains."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ragopt_tui.errors import RagoptError
from ragopt_tui.jobs.events import Reporter
from ragopt_tui.models.machine import this_machine
from ragopt_tui.settings import folders

CPU = "cpu"
_POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Devices:
    """The devices that a run has for itself: `cpu`, or the names of GPUs as CUDA knows them.

    `locks` are the descriptors that keep them so, while any process has them open.
    """

    names: tuple[str, ...]
    locks: tuple[int, ...]

    @property
    def gpu(self) -> bool:
        """Whether they are GPUs."""
        return self.names != (CPU,)


def devices_here() -> tuple[str, ...]:
    """Give the GPUs that PyTorch may use by their names for CUDA, or `cpu` where there are none."""
    machine = this_machine()
    if not machine.transformers_on_gpu:
        return (CPU,)
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return tuple(str(number) for number in range(len(machine.gpus)))
    return tuple(name.strip() for name in visible.split(",") if name.strip())


@contextlib.contextmanager
def reserved(report: Reporter, wanted: int | None = 1) -> Iterator[Devices]:
    """Wait for as many devices as `wanted`, all for None, and keep them from other runs.

    Says whom it waits for; raises JobCancelled if the job is cancelled meanwhile, RagoptError
    where there are fewer devices than wanted.
    """
    here = devices_here()
    count = 1 if here == (CPU,) else len(here) if wanted is None else wanted
    if count > len(here):
        raise RagoptError(
            f"The run wants {count} GPUs, and this machine has {len(here)}.",
            f"Set num_processes to {len(here)} or less.",
        )
    held = _first_free(report, here, count)
    try:
        yield Devices(tuple(held), tuple(held.values()))
    finally:
        for lock in held.values():
            os.close(lock)


def _first_free(report: Reporter, here: Sequence[str], count: int) -> dict[str, int]:
    told = ""
    while True:
        held = _locked(here, count, report.folder.name)
        if len(held) == count:
            return held
        for lock in held.values():
            os.close(lock)
        holder = _holder(here)
        if holder != told:
            told = holder
            device = "the processor" if here == (CPU,) else "a GPU"
            report.progress("waiting", 0, None, "", f"for {device}: run {holder} trains")
            report.message(f"This run waits for {device}: run {holder} trains on it.")
        report.raise_if_cancelled()
        time.sleep(_POLL_SECONDS)


def _locked(here: Sequence[str], count: int, job: str) -> dict[str, int]:
    held: dict[str, int] = {}
    for name in here:
        lock = os.open(_lock_file(name), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            continue
        os.ftruncate(lock, 0)
        os.pwrite(lock, job.encode(), 0)
        held[name] = lock
        if len(held) == count:
            break
    return held


def _holder(here: Sequence[str]) -> str:
    names = (_lock_file(name).read_text(errors="replace") for name in here)
    return next((name for name in names if name), "another")


def _lock_file(device: str) -> Path:
    folder = folders().data / "devices"
    folder.mkdir(parents=True, exist_ok=True)
    safe = "".join(letter if letter.isalnum() or letter == "-" else "_" for letter in device)
    return folder / f"{'' if device == CPU else 'gpu-'}{safe}.lock"
