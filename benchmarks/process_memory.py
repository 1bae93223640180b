"""Running a command, with the time that it takes and the memory of its processes."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]

_SECONDS_BETWEEN = 0.05


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command took, with all processes that it started.

    `resident` is the most bytes that were resident at a time; `own` leaves out pages of files,
    which the system takes back when it needs them. Pages that processes share count for each.
    """

    seconds: float
    resident: int
    own: int


def run_measured(command: Sequence[str | Path], output: int | None = None) -> Ran:
    """Run a command to its end, looking at its processes twenty times a second.

    Raises CalledProcessError if it fails.
    """
    started = time.monotonic()
    resident = own = 0
    with subprocess.Popen(command, stdout=output, stderr=output) as process:
        root = psutil.Process(process.pid)
        while process.poll() is None:
            most = _memory(root)
            resident, own = max(resident, most[0]), max(own, most[1])
            time.sleep(_SECONDS_BETWEEN)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, list(command))
    return Ran(time.monotonic() - started, resident, own)


def _memory(root: psutil.Process) -> tuple[int, int]:
    resident = own = 0
    try:
        processes = [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0, 0
    for process in processes:
        try:
            memory = process.memory_info()
        except psutil.NoSuchProcess:
            continue
        resident += memory.rss
        own += memory.rss - memory.shared
    return resident, own
