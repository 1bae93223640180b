"""A tool of llama.cpp in a process of its own, whose words are read while it runs."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from ragopt_tui.jobs.events import Reporter

Follow = Callable[[IO[str], list[str], Reporter], None]
"""Reads what the process says to its end, into a list of the last lines, and tells the reporter."""

_POLL_SECONDS = 0.2


def run_followed(
    command: Sequence[str],
    follow: Follow,
    report: Reporter,
    *,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> tuple[int, list[str]]:
    """Run a command to its end; gives its exit status and its last lines on standard error.

    It is killed when the job is cancelled; whoever calls looks at that.
    """
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    tail: list[str] = []
    reader = threading.Thread(target=follow, args=(process.stderr, tail, report), daemon=True)
    reader.start()
    while reader.is_alive():
        if report.cancelled:
            process.kill()
        reader.join(_POLL_SECONDS)
    return process.wait(), tail
