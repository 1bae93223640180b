"""What a synchronisation says: how far it is, and what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Stage = Literal["scanning", "reading", "embedding", "finishing"]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a synchronisation is: `done` of `total` `unit`s (0: unknown), at which file."""

    stage: Stage
    done: int
    total: int
    unit: str
    file: str
    eta_seconds: float | None


@dataclass(frozen=True, slots=True)
class SyncSummary:
    """What a synchronisation did.

    `files` and `passages` are what the index now holds. A renamed file counts as removed and
    added. `embedded` is how many passages needed a vector; `left_out` are files with the reason
    why; `notes` are sentences for the user about anything out of the ordinary.
    """

    files: int
    passages: int
    added: int
    changed: int
    removed: int
    unchanged: int
    embedded: int
    left_out: list[tuple[str, str]]
    notes: list[str]
    seconds: float
    index_version: str


class ProgressClock:
    """Turns bytes of files dealt with into progress and an estimate of the time left."""

    def __init__(self, report: Callable[[Progress], None], files: int, size: int) -> None:
        self._report = report
        self._files = files
        self._bytes = max(1, size)
        self._started = time.monotonic()

    def at(self, stage: Stage, files_done: int, bytes_done: float, file: str) -> None:
        """Report that files with so many bytes in all are dealt with."""
        part = bytes_done / self._bytes
        passed = time.monotonic() - self._started
        eta = passed / part * (1 - part) if part > 0.005 and passed > 1 else None
        self._report(Progress(stage, files_done, self._files, "files", file, eta))
