"""How far the transfer of several files is: bytes, speed and the time that is left."""

from __future__ import annotations

import threading
import time
from collections import deque

from ragopt_tui.jobs.events import Reporter

_EVENT_SECONDS = 0.25
_SPEED_SECONDS = 5.0


class TransferProgress:
    """Tells a job's reporter how many of `total` bytes are done; safe to use from several threads.

    What is there from the start counts as done, but not for the speed. Each call raises
    JobCancelled once the job is to stop.
    """

    def __init__(self, report: Reporter, stage: str, total: int) -> None:
        self._report, self._stage, self._total = report, stage, total
        self._done: dict[str, int] = {}
        self._moved = 0
        self._recent: deque[tuple[float, int]] = deque([(time.monotonic(), 0)])
        self._lock = threading.Lock()

    def tell(self, name: str, size: int) -> None:
        """Say that `size` bytes of the file `name` are done."""
        self._report.raise_if_cancelled()
        with self._lock:
            self._moved += max(0, size - self._done.get(name, size))
            self._done[name] = size
            now = time.monotonic()
            if now - self._recent[-1][0] >= _EVENT_SECONDS:
                self._say(now, name)

    def finish(self, name: str, size: int) -> None:
        """Say that the file `name` is done, whose size is `size`."""
        self.tell(name, size)
        with self._lock:
            self._say(time.monotonic(), name)

    def _say(self, now: float, name: str) -> None:
        self._recent.append((now, self._moved))
        while self._recent[1][0] < now - _SPEED_SECONDS:
            self._recent.popleft()
        began, before = self._recent[0]
        speed = (self._moved - before) / (now - began) if now > began else 0.0
        done = sum(self._done.values())
        left = (self._total - done) / speed if speed else None
        detail = f"{name} · {speed / 1e6:.1f} MB/s" if speed else name
        self._report.progress(self._stage, done, self._total, "bytes", detail, left)
