"""The curves of a run, read from the events of its jobs and followed as they grow."""

from __future__ import annotations

import contextlib
import math
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ragopt_tui.jobs.events import parsed_event
from ragopt_tui.jobs.job import Job

POINTS = ("loss", "learning_rate", "grad_norm", "tokens", "tokens_per_second", "gpu_bytes", "host_bytes", "epoch")  # fmt: skip
"""The series of `train` events; `evaluation_loss` comes from evaluations."""

SERIES = (*POINTS, "evaluation_loss")

_POINT, _PROGRESS, _HEAD = b'"type":"train"', b'"type":"progress"', 60
_AT_ONCE = 1 << 18
_OF_NUMBERS = b"+-.0123456789eEnulaNIfity"
"""What numbers are written with, null, NaN and Infinity among them."""


@dataclass(frozen=True, slots=True)
class Series:
    """Values by step, in the order of steps; a value that is no number is NaN."""

    steps: array[int] = field(default_factory=lambda: array("q"))
    values: array[float] = field(default_factory=lambda: array("d"))

    def __len__(self) -> int:
        return len(self.steps)

    def at(self, step: int) -> float:
        """Give the value of a step, or of the last step before it; NaN before the first."""
        place = bisect_right(self.steps, step) - 1
        return self.values[place] if place >= 0 else math.nan

    def cut_behind(self, step: int) -> None:
        """Drop what stands behind a step."""
        place = bisect_right(self.steps, step)
        del self.steps[place:], self.values[place:]


class Curves:
    """The curves of one run; each `read` takes what its jobs have written since the one before.

    Where a job resumed the run, its steps stand in place of those that were trained again. A line
    that is half written waits for its rest. Nothing here is safe to use from two threads at once.
    """

    def __init__(self, jobs: Sequence[Job] = ()) -> None:
        self.series: dict[str, Series] = {name: Series() for name in SERIES}
        self.samples: list[dict[str, Any]] = []
        self.checkpoints: list[dict[str, Any]] = []
        self.watches: list[dict[str, Any]] = []
        self.messages: list[dict[str, Any]] = []
        self.plan: dict[str, Any] = {}
        self._files: list[_EventsFile] = []
        self.follow(jobs)

    def follow(self, jobs: Sequence[Job]) -> None:
        """Read the events of these jobs too, where they are not read already."""
        known = {file.path for file in self._files}
        for job in jobs:
            path = job.folder.events_file
            if path not in known:
                self._files.append(_EventsFile(path))

    def read(self) -> bool:
        """Take what was written since; gives whether there was anything of the run in it."""
        changed = False
        for file in self._files:
            for new in file.read():
                changed = True
                self._take(new)
        return changed

    def _take(self, new: _Lines) -> None:
        for event in new.others:
            if event.get("type") == "resumed":
                self._go_back_to(event["step"])
        steps, columns = _columns(new.points)
        for name, values in zip(POINTS, columns, strict=True):
            self.series[name].steps.extend(steps)
            self.series[name].values.extend(values)
        for event in new.others:
            self._take_other(event)

    def _take_other(self, event: dict[str, Any]) -> None:
        kind = event.get("type")
        if kind == "evaluation":
            own = self.series["evaluation_loss"]
            own.steps.append(event["step"])
            own.values.append(_number(event.get("loss")))
        elif kind == "sample":
            self.samples.append(event)
        elif kind == "checkpoint":
            self.checkpoints.append(event)
        elif kind == "watch":
            self.watches.append(event)
        elif kind == "message":
            self.messages.append(event)
        elif kind == "plan":
            self.plan = event

    def _go_back_to(self, step: int) -> None:
        """Drop what an earlier job logged behind a step, from which a resumed one trains again."""
        for series in self.series.values():
            series.cut_behind(step)
        for events in (self.samples, self.checkpoints, self.watches):
            events[:] = [event for event in events if event["step"] <= step]


class _EventsFile:
    """One job's events file, of which only what is new is read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offset = 0
        self._rest = b""

    def read(self) -> Iterator[_Lines]:
        """Give the new lines of a run's course, some at a time, without those of its progress."""
        with contextlib.suppress(OSError), self.path.open("rb") as stream:
            stream.seek(self._offset)
            # In pieces, so that a thread that draws gets its turn in between.
            while data := stream.read(_AT_ONCE):
                self._offset += len(data)
                *lines, self._rest = (self._rest + data).split(b"\n")
                new = _sorted(lines)
                if new.points or new.others:
                    yield new


@dataclass(frozen=True, slots=True)
class _Lines:
    points: list[bytes]
    others: list[dict[str, Any]]


def _sorted(lines: list[bytes]) -> _Lines:
    points = [line for line in lines if _POINT in line[:_HEAD]]
    rest = [line for line in lines if _POINT not in line[:_HEAD] and _PROGRESS not in line[:_HEAD]]
    return _Lines(points, [event for line in rest if (event := parsed_event(line)) is not None])


def _columns(lines: list[bytes]) -> tuple[array[int], list[array[float]]]:
    """Give the steps and the values of points by series.

    Points are lines of plain numbers that a run wrote itself, all with the same names in the same
    order, so that they are split faster than JSON is read; where that does not hold JSON is read.
    """
    try:
        columns = _split(lines)
        return array("q", map(int, columns["step"])), [columns[name] for name in POINTS]
    except (ValueError, OverflowError):
        found = [event for line in lines if (event := parsed_event(line))]
        events = [event for event in found if isinstance(event.get("step"), int)]
        steps = array("q", (event["step"] for event in events))
        return steps, [
            array("d", (_number(event.get(name)) for event in events)) for name in POINTS
        ]


def _split(lines: list[bytes]) -> dict[str, array[float]]:
    """Give the numbers of lines by name; raises ValueError where a line is not like the first."""
    columns = {name: array("d") for name in ("step", *POINTS)}
    if not lines:
        return columns
    text = b",".join(lines)
    alike = b",".join([lines[0].translate(None, _OF_NUMBERS)] * len(lines))
    if text.translate(None, _OF_NUMBERS) != alike:
        raise ValueError("a line with other names than the first, or in another order")
    pieces = text.replace(b":null", b":nan").split(b",")
    count = len(pieces) // len(lines)
    for place, piece in enumerate(pieces[:count]):
        key = piece[: piece.index(b":") + 1]
        name = key.strip(b'{":').decode()
        if name in columns:
            end = -1 if place == count - 1 else None
            numbers = [piece[len(key) : end] for piece in pieces[place::count]]
            columns[name].extend(map(float, numbers))
    if any(len(column) != len(lines) for column in columns.values()):
        raise ValueError("lines without one of the names")
    return columns


def _number(value: Any) -> float:  # noqa: ANN401
    return float(value) if isinstance(value, int | float) else math.nan


def smoothed(values: Iterable[float], weight: float) -> array[float]:
    """Give exponential means: each is `weight` of the one before and the rest of the value.

    They are corrected for the start, so that the first is the first value; NaN is passed over.
    """
    means, total, share = array("d"), 0.0, 0.0
    for value in values:
        if value == value:
            total = weight * total + (1 - weight) * value
            share = weight * share + (1 - weight)
        means.append(total / share if share else math.nan)
    return means


def downsampled(series: Series, columns: int) -> list[tuple[int, int, float, float]]:
    """Give for each of at most `columns` equal stretches of points what a chart shows of it.

    That is the first and last step and the least and greatest value; stretches without a number
    are left out.
    """
    count = len(series)
    found: list[tuple[int, int, float, float]] = []
    for column in range(min(columns, count)):
        start, end = column * count // columns, (column + 1) * count // columns
        if count < columns:
            start, end = column, column + 1
        values = series.values[start:end]
        if any(map(math.isnan, values)):
            values = array("d", (value for value in values if value == value))
        if values:
            first, last = series.steps[start], series.steps[end - 1]
            found.append((first, last, min(values), max(values)))
    return found
