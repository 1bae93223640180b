"""What the jobs of the tests do."""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from ragopt_tui.errors import RagoptError
from ragopt_tui.jobs.events import Reporter


def add(parameters: dict[str, Any], report: Reporter) -> dict[str, Any]:
    report.progress("adding", 1, 2, "numbers", "[bold]x.md", 0.5)
    report.event("note", text="line\nbreak \udcff")
    print("printed", file=sys.stderr)
    os.write(1, b"native print\n")
    return {"sum": sum(parameters["numbers"]), "message": "Added.", "session": os.getsid(0)}


def refuse(parameters: dict[str, Any], report: Reporter) -> dict[str, Any]:
    raise RagoptError("The file a.md is odd.", "Mend it.")


def stumble(parameters: dict[str, Any], report: Reporter) -> dict[str, Any]:
    if parameters["on"] == "memory":
        raise MemoryError
    if parameters["on"] == "disk":
        raise OSError(errno.ENOSPC, "No space left on device", "/data/index")
    raise ValueError("two\nlines \x1b[31m")


def work_until_cancelled(parameters: dict[str, Any], report: Reporter) -> dict[str, Any]:
    print("beginning the work", flush=True)
    report.event("ready", hangup=signal.getsignal(signal.SIGHUP) == signal.SIG_IGN)
    while True:
        report.raise_if_cancelled()
        time.sleep(0.01)


def never_look_up(parameters: dict[str, Any], report: Reporter) -> dict[str, Any]:
    report.event("ready")
    while True:
        time.sleep(0.01)


def crash(parameters: dict[str, Any], report: Reporter) -> dict[str, Any]:
    ctypes.string_at(0)
    return {}


def wait_for_file(parameters: dict[str, Any], report: Reporter) -> dict[str, Any]:
    while not Path(parameters["file"]).exists():
        time.sleep(0.01)
    return {"message": "It came."}
