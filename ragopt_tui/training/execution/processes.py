"""A run in several processes: they are started, stopped together, and their outcome is taken."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ragopt_tui.errors import RagoptError
from ragopt_tui.jobs.events import JobCancelled, Reporter
from ragopt_tui.training.configuration.config import TrainingConfig
from ragopt_tui.training.execution.launcher import launches
from ragopt_tui.training.execution.queueing import Devices
from ragopt_tui.training.worker.process import OUTCOME_FILE, STOP_FILE

MODULE = "ragopt_tui.training.worker.process"
_POLL_SECONDS = 0.1
_SECONDS_TO_END = 30.0


def run_processes(config: TrainingConfig, devices: Devices, report: Reporter) -> dict[str, Any]:
    """Train in as many processes as the configuration says; gives what the job gives.

    Raises JobCancelled or RagoptError as the first of them did, or where one of them died.
    """
    folder = report.folder
    gpus = devices.names if devices.gpu else ()
    started = [
        # The devices stay taken while any of the processes lives.
        subprocess.Popen(
            each.arguments, env=dict(each.environment), stdin=subprocess.DEVNULL,
            pass_fds=devices.locks,
        )
        for each in launches(config, gpus, MODULE, [str(folder)])
    ]  # fmt: skip
    try:
        died = _wait(started, report)
    finally:
        _end(started)
    outcome = _outcome(folder / OUTCOME_FILE)
    if outcome is None:
        raise RagoptError(
            f"Process {died} of the run ended without a word: killed, or out of memory.",
            f"The log has more: {folder / 'log.txt'}",
        )
    if outcome["state"] == "cancelled":
        raise JobCancelled(outcome["message"], outcome["hint"])
    if outcome["state"] == "failed":
        raise RagoptError(outcome["message"], outcome["hint"])
    result: dict[str, Any] = outcome["result"]
    return result


def _wait(started: Sequence[subprocess.Popen[bytes]], report: Reporter) -> int:
    """Wait until all have ended, or one has died; gives the number of that one, else 0."""
    stop = report.folder / STOP_FILE
    while any(each.poll() is None for each in started):
        if report.cancelled and not stop.exists():
            stop.touch()
        for number, each in enumerate(started):
            if each.poll() not in (None, 0):
                return number
        time.sleep(_POLL_SECONDS)
    return next((at for at, each in enumerate(started) if each.returncode), 0)


def _end(started: Sequence[subprocess.Popen[bytes]]) -> None:
    """End what still runs: its fellow has died, or this process is about to."""
    for each in started:
        each.terminate()
    for each in started:
        with contextlib.suppress(subprocess.TimeoutExpired):
            each.wait(_SECONDS_TO_END)
        if each.poll() is None:
            each.kill()
            each.wait()


def _outcome(file: Path) -> dict[str, Any] | None:
    try:
        values = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return None
    return values if isinstance(values, dict) else None
