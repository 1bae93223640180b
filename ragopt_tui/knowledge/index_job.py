"""Indexing as a job: what the job's process runs."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ragopt_tui.jobs.events import Reporter
from ragopt_tui.knowledge.sync import IndexBusy, Progress, synchronise

_EVENT_SECONDS = 0.2
_BUSY_POLL_SECONDS = 0.5


def run(parameters: dict[str, Any], report: Reporter) -> dict[str, Any]:
    """Synchronise `docs` with `embedder`, anew with `rebuild`; gives the summary's values.

    While another process is at it, waits until that has finished.
    """
    progress = _Progress(report)
    waiting = False
    while True:
        try:
            summary = synchronise(
                Path(parameters["docs"]),
                parameters["embedder"],
                progress.report,
                rebuild=bool(parameters.get("rebuild")),
                say=report.message,
            )
        except IndexBusy as busy:
            if not waiting:
                report.message(busy.message)
            waiting = True
            report.raise_if_cancelled()
            time.sleep(_BUSY_POLL_SECONDS)
            continue
        return asdict(summary) | {"message": " ".join(summary.notes)}


class _Progress:
    """Passes progress on a few times a second, and ends the work when the job is cancelled."""

    def __init__(self, report: Reporter) -> None:
        self._reporter = report
        self._stage = ""
        self._said = 0.0

    def report(self, now: Progress) -> None:
        self._reporter.raise_if_cancelled()
        moment = time.monotonic()
        if now.stage == self._stage and moment - self._said < _EVENT_SECONDS:
            return
        self._stage, self._said = now.stage, moment
        self._reporter.progress(
            now.stage, now.done, now.total or None, now.unit, now.file, now.eta_seconds
        )
