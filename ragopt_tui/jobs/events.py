"""What a job says while it runs: JSON lines appended to its folder, and how they are followed."""

from __future__ import annotations

import json
import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_LEAST_PACE_SECONDS = 3.0

JsonValue = str | float | bool | None | list["JsonValue"] | dict[str, "JsonValue"]


class JobCancelled(Exception):
    """Raised inside a job that was asked to stop; the runner records it as cancelled.

    `message` says where it stopped, `hint` what can be done now.
    """

    def __init__(self, message: str = "Cancelled.", hint: str = "") -> None:
        self.message, self.hint = message, hint
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class JobProgress:
    """How far a job is: `done` of `total` (None where unknown) in `unit`, and the seconds left."""

    stage: str
    done: float
    total: float | None
    unit: str
    detail: str
    eta_seconds: float | None
    place: str = ""
    """Which stage of several this is, such as `2 of 6`; "" in a job of one."""

    @property
    def fraction(self) -> float | None:
        """What part is done, from 0 to 1; None while the total is unknown."""
        return min(1.0, self.done / self.total) if self.total else None

    @classmethod
    def from_event(cls, event: dict[str, Any]) -> JobProgress:
        """Read a `progress` event; values it lacks are taken as unknown."""
        return cls(
            stage=str(event.get("stage", "")),
            done=float(event.get("done") or 0),
            total=event.get("total"),
            unit=str(event.get("unit", "")),
            detail=str(event.get("detail", "")),
            eta_seconds=event.get("eta_seconds"),
            place=str(event.get("place") or ""),
        )

    @property
    def title(self) -> str:
        """What the job is at, and where that stands among its stages: `2 of 6 · converting`."""
        return " · ".join(filter(None, [self.place, self.stage]))


class Reporter:
    """A job's way to say what it does; safe to use from several threads."""

    def __init__(self, events_file: Path) -> None:
        self.folder = events_file.parent
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        self._fd = os.open(events_file, flags, 0o600)
        self._lock = threading.Lock()
        self._cancelled = threading.Event()
        self._place = ""
        self._pace = _Pace()

    def begin_stage(self, number: int, of: int) -> None:
        """Have all further progress be that of stage `number`, from 1, of so many."""
        self._place = f"{number} of {of}"

    def event(self, type: str, **values: JsonValue) -> None:
        """Append one event; `values` must be JSON-ready. Raises OSError when it cannot be written."""
        record = {"time": time.time(), "type": type, **values}
        line = json.dumps(record, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"
        with self._lock:
            while line:
                line = line[os.write(self._fd, line) :]

    def progress(
        self,
        stage: str,
        done: float,
        total: float | None,
        unit: str,
        detail: str = "",
        eta_seconds: float | None = None,
    ) -> None:
        """Append a `progress` event, which `Job.progress` reads back.

        The seconds left are estimated from the pace of the stage where they are not given.
        """
        left = self._pace.left(stage, done, total)
        eta_seconds = left if eta_seconds is None else eta_seconds
        eta = None if eta_seconds is None else round(eta_seconds, 1)
        self.event(
            "progress",
            stage=stage,
            done=done,
            total=total,
            unit=unit,
            detail=detail,
            eta_seconds=eta,
            place=self._place,
        )

    def message(self, text: str) -> None:
        """Append a `message` event: one sentence for the user."""
        self.event("message", text=text)

    @property
    def cancelled(self) -> bool:
        """Whether the job was asked to stop; a job looks at this at least once a second."""
        return self._cancelled.is_set()

    def cancel(self) -> None:
        """Ask the job to stop."""
        self._cancelled.set()

    def raise_if_cancelled(self) -> None:
        """Raise JobCancelled if the job was asked to stop."""
        if self.cancelled:
            raise JobCancelled

    def close(self) -> None:
        """Close the events file."""
        os.close(self._fd)


@dataclass(slots=True)
class _Pace:
    """How fast a stage goes on, from the first that was said of it."""

    stage: str = ""
    begun: float = 0.0
    first: float = 0.0
    last: float = 0.0

    def left(self, stage: str, done: float, total: float | None) -> float | None:
        """Estimate the seconds left of a stage; None while too little is known, and at its end."""
        now = time.monotonic()
        if stage != self.stage or done < self.last:
            self.stage, self.begun, self.first = stage, now, done
        self.last = done
        taken, gained = now - self.begun, done - self.first
        if total is None or done >= total or gained <= 0 or taken < _LEAST_PACE_SECONDS:
            return None
        return taken / gained * (total - done)


class EventReader:
    """Follows an events file: each `read` gives what was appended since the one before.

    A line that is only half written waits for its rest; a line that is no JSON object is skipped.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._offset = 0
        self._rest = b""

    def read(self) -> list[dict[str, Any]]:
        """Give the events appended since the last call; none while the file does not exist."""
        try:
            with self._file.open("rb") as stream:
                stream.seek(self._offset)
                data = stream.read()
        except FileNotFoundError:
            return []
        self._offset += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [event for line in lines if (event := parsed_event(line)) is not None]


def last_event(file: Path, type: str, tail_bytes: int = 65536) -> dict[str, Any] | None:
    """Give the newest event of a type among the last `tail_bytes` of an events file, or None."""
    try:
        lines = last_lines(file, tail_bytes)
    except FileNotFoundError:
        return None
    for line in reversed(lines[:-1]):
        event = parsed_event(line)
        if event is not None and event.get("type") == type:
            return event
    return None


def last_lines(file: Path, most_bytes: int) -> list[bytes]:
    """Give the lines within the last `most_bytes` of a file; the first and the last may be parts.

    Raises OSError where it cannot be read.
    """
    with file.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(0, size - most_bytes))
        return stream.read().split(b"\n")


def parsed_event(line: bytes) -> dict[str, Any] | None:
    """Give the event of a line; None where it is no JSON object."""
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
