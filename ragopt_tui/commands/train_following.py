"""Following a run on a terminal: a line for each point, and Ctrl+C asks what becomes of it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any, Literal

from ragopt_tui.commands.event_lines import EventLines
from ragopt_tui.errors import RagoptError
from ragopt_tui.jobs.job import Job
from ragopt_tui.jobs.supervisor import cancel

Choice = Literal["leave", "stop", "follow"]

_POLL_SECONDS = 0.1


def follow_training(job: Job, ask: Callable[[], Choice] | None = None) -> dict[str, Any]:
    """Print what a job says until it ends, on standard error, and give its result.

    At Ctrl+C a terminal is asked whether to leave it running, to stop it with a checkpoint, or to
    go on; without a terminal it is left running. Raises KeyboardInterrupt where it is left, and
    RagoptError with the reason where it did not finish.
    """
    ask = ask or _asked
    reader, lines = job.events(), EventLines()
    while True:
        try:
            _follow(job, reader.read, lines)
            break
        except KeyboardInterrupt:
            choice: Choice = ask() if sys.stdin.isatty() else "leave"
            if choice == "leave":
                _say(f"It goes on. Follow it: `ragopt-tui jobs follow {job.id}`.")
                _say(f"Stop it: `ragopt-tui jobs cancel {job.id}`.")
                raise
            if choice == "stop":
                _say("Finishing the step and writing a checkpoint.")
                cancel(job)
    return result_or_reason(job)


def result_or_reason(job: Job) -> dict[str, Any]:
    """Give the result of a job that has ended; raises RagoptError where it did not finish."""
    result = job.result
    if result is None or result.state != "finished":
        hint = result.hint if result else ""
        raise RagoptError(job.reason, hint or f"The log is {job.log_file}.")
    return result.result or {}


def _follow(job: Job, read: Callable[[], list[dict[str, Any]]], lines: EventLines) -> None:
    while True:
        running = job.state == "running"
        for event in read():
            for line in lines.of(event):
                _say(line)
        if not running:
            return
        time.sleep(_POLL_SECONDS)


def _asked() -> Choice:
    _say("")
    try:
        answer = input(
            "Leave it running (l), stop it with a checkpoint (s), or go on here (Enter)? "
        )
    except (EOFError, KeyboardInterrupt):
        return "leave"
    choices: dict[str, Choice] = {"l": "leave", "s": "stop"}
    return choices.get(answer.strip().lower()[:1], "follow")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
