"""Following a job on a terminal: its progress on standard error, and Ctrl+C cancels it."""

from __future__ import annotations

import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from ragopt_tui.errors import RagoptError
from ragopt_tui.jobs.events import JobProgress
from ragopt_tui.jobs.job import Job
from ragopt_tui.jobs.supervisor import cancel
from ragopt_tui.plaintext import one_line
from ragopt_tui.ui.variant_words import size
from ragopt_tui.ui.wording import time_left

_POLL_SECONDS = 0.1


def result_of(job: Job, estimate: str = "") -> dict[str, Any]:
    """Wait for a job to finish and give its result; an interrupt cancels it.

    `estimate` is said first, where progress is shown: what the job will take.

    Raises RagoptError with the reason if it did not finish.
    """
    try:
        _follow(job, estimate)
    except KeyboardInterrupt:
        cancel(job)
        raise
    result = job.result
    if result is None or result.state != "finished":
        hint = result.hint if result else ""
        raise RagoptError(job.reason, hint or f"The log is {job.log_file}.")
    return result.result or {}


def _follow(job: Job, estimate: str) -> None:
    console = Console(stderr=True)
    if estimate and console.is_terminal:
        console.print(estimate, markup=False, highlight=False)
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[amount]}", markup=False),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bar:
        task = bar.add_task("starting", total=None, amount="")
        while job.state == "running":
            now = job.progress()
            if now:
                stage = one_line(f"{now.title} {'' if now.unit == 'bytes' else now.unit}")
                bar.update(
                    task,
                    description=stage,
                    completed=now.done,
                    total=now.total,
                    amount=_amount(now),
                )
            time.sleep(_POLL_SECONDS)


def _amount(now: JobProgress) -> str:
    """Say how much of how much, for bytes with the file and its speed, and how long it will take."""
    if now.total is None:
        return ""
    write = size if now.unit == "bytes" else "{:,.0f}".format
    detail = one_line(now.detail, 60) if now.unit == "bytes" else ""
    parts = [f"{write(now.done)} of {write(now.total)}", detail, time_left(now.eta_seconds)]
    return " · ".join(filter(None, parts))
