"""Reads training runs and their curves from disk, in threads, for as long as they are looked at."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from ragopt_tui.jobs.events import last_event
from ragopt_tui.plaintext import one_line
from ragopt_tui.training.configuration.values import TrainingConfig
from ragopt_tui.training.runs.curves import Curves
from ragopt_tui.training.runs.listing import Run, list_runs
from ragopt_tui.ui.chart_drawing import Picture
from ragopt_tui.ui.chart_lines import Window
from ragopt_tui.ui.train_pictures import PictureMaker, View, whole
from ragopt_tui.ui.train_rows import RunRow, RunState

_WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be read: runs whose curves are shown, how, and the widths of the charts."""

    runs: tuple[str, ...]
    view: View
    widths: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Look:
    """What was read: all runs, the newest first, the charts, and the steps that they have."""

    rows: tuple[RunRow, ...]
    pictures: tuple[Picture, ...]
    whole: Window


@dataclass
class TrainReader:
    """Keeps what was read, so that only what was appended is read again."""

    _curves: dict[str, Curves] = field(default_factory=dict)
    _ended: dict[tuple[str, bool], RunRow] = field(default_factory=dict)
    _maker: PictureMaker = field(default_factory=PictureMaker)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def look(self, wanted: Wanted) -> Look:
        """Read what there is now."""
        with self._lock:
            runs = {run.id: run for run in list_runs()}
            # The newest is marked where nothing is yet.
            ids = wanted.runs or tuple(runs)[:1]
            shown = {id: self._read(runs[id]) for id in ids if id in runs}
            rows = tuple(self._row(run) for run in runs.values())
            pictures = self._maker.pictures(shown, wanted.view, wanted.widths)
            # All that a run of days logged is kept for those alone that are looked at.
            self._curves = {id: self._curves[id] for id in self._curves if id in shown}
            return Look(rows, pictures, whole(shown.values()))

    def _read(self, run: Run) -> Curves:
        curves = self._curves.setdefault(run.id, Curves())
        curves.follow(run.jobs)
        curves.read()
        return curves

    def _row(self, run: Run) -> RunRow:
        """Read how a run stands; one that has ended stays as it is."""
        curves = self._curves.get(run.id)
        key = (run.id, curves is not None)
        known = self._ended.get(key)
        if known is not None and known.job == run.job.id:
            return known
        row = row_of(run)
        if curves is not None:
            row = warned(row, curves)
        elif row.under_way:
            row = _with(row, last_event(run.job.folder.events_file, "watch"))
        if not row.under_way:
            self._ended[key] = row
        return row


def row_of(run: Run) -> RunRow:
    """Read how a run stands, without what its curves hold."""
    job, state, progress = run.job, run.state, run.progress()
    stage = progress.stage if progress else ""
    now: RunState = "training"
    if state != "running":
        now = state
    elif stage == _WAITING:
        now = "waiting"
    trains = progress is not None and stage == "training"
    point = _last(run, "train")
    step = int(point.get("step") or 0)
    steps = int(progress.total or 0) if progress is not None and trains else 0
    fraction = 1.0 if now == "finished" else step / steps if steps else None
    result = job.result
    said = str(result.result.get("message", "")) if result and now == "finished" else ""
    if now in ("training", "waiting") and progress is not None and not trains:
        said = " ".join(filter(None, [stage, progress.detail]))
    elif now == "training" and progress is None:
        said = "starting"
    elif now == "cancelled":
        said = run.reason
    ended_badly = now in ("failed", "died")
    resumable = (ended_badly or now == "cancelled") and run.can_resume
    return RunRow(
        run.id,
        job.id,
        one_line(run.name, 120),
        now,
        datetime.fromtimestamp(run.created),
        run.config,
        _about(run.config),
        fraction,
        step,
        steps,
        point.get("epoch"),
        point.get("loss"),
        _last(run, "evaluation").get("loss"),
        point.get("tokens_per_second"),
        progress.eta_seconds if progress is not None and trains and now == "training" else None,
        problem=run.reason if ended_badly else "",
        hint=run.hint if ended_badly else "",
        said=said,
        variant=run.variant,
        resumable=resumable,
    )


def warned(row: RunRow, curves: Curves) -> RunRow:
    """Give a row with the last warning of a run's watch."""
    return _with(row, curves.watches[-1] if curves.watches else None)


def _with(row: RunRow, watch: dict[str, Any] | None) -> RunRow:
    if watch is None:
        return row
    return replace(row, warning=_line(watch, "text"), warning_hint=_line(watch, "hint"))


def _last(run: Run, type: str) -> dict[str, Any]:
    """Give the newest event of a type, of the last job that has one."""
    found = (last_event(job.folder.events_file, type) for job in reversed(run.jobs))
    return next((event for event in found if event is not None), {})


def _line(event: dict[str, Any], key: str) -> str:
    return one_line(str(event.get(key) or ""), 600)


def _about(config: TrainingConfig) -> str:
    bits = config.quantization.bits
    method = "full" if config.method == "full" else f"{'Q' if bits else ''}LoRA r{config.lora.r}"
    return " · ".join(filter(None, [f"{method} of {config.base}", config.data.set]))
