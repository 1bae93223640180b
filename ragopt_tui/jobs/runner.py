"""The process of one job: `python -m ragopt_tui.jobs.runner FOLDER [LOCK_DESCRIPTOR]`."""

from __future__ import annotations

import errno
import faulthandler
import importlib
import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ragopt_tui.errors import RagoptError
from ragopt_tui.jobs.events import JobCancelled, Reporter
from ragopt_tui.jobs.folder import JobFolder, JobResult, JobSpec
from ragopt_tui.plaintext import one_line

Target = Callable[[dict[str, Any], Reporter], dict[str, Any]]


def main(arguments: list[str]) -> int:
    """Run the job of a folder to its end; gives 0 when it finished and 1 otherwise."""
    folder = JobFolder(Path(arguments[0]))
    lock = int(arguments[1]) if len(arguments) > 1 else folder.lock()
    os.set_inheritable(lock, False)
    faulthandler.enable()
    report = Reporter(folder.events_file)
    _stop_on_signals(report)
    result = _outcome(folder.read_spec(), report, folder)
    folder.write_result(result)
    return 0 if result.state == "finished" else 1


def _stop_on_signals(report: Reporter) -> None:
    def stop(_number: int, _frame: object) -> None:
        report.cancel()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def _outcome(spec: JobSpec, report: Reporter, folder: JobFolder) -> JobResult:
    try:
        result = _target(spec.target)(spec.parameters, report)
    except JobCancelled as stop:
        return JobResult("cancelled", stop.message, stop.hint)
    except RagoptError as error:
        traceback.print_exc()
        return JobResult("failed", error.message, error.hint)
    except Exception as error:  # noqa: BLE001 - the job's process ends here; its log keeps the rest
        traceback.print_exc()
        return _unexpected(error, folder)
    return JobResult("finished", str(result.get("message", "")), "", result)


def _target(name: str) -> Target:
    module, _, function = name.partition(":")
    if not module.startswith("ragopt_tui.") or not function:
        raise RagoptError(f"The job's target {name!r} is not part of this program.")
    target: Target = getattr(importlib.import_module(module), function)
    return target


def _unexpected(error: Exception, folder: JobFolder) -> JobResult:
    if isinstance(error, MemoryError):
        return JobResult("failed", "The job ran out of memory.", "Close other programs or do less.")
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        place = f" ({error.filename})" if error.filename else ""
        return JobResult(
            "failed", f"The disk is full{place}.", "Free some space and start it again."
        )
    what = one_line(f"{type(error).__name__}: {error}")
    return JobResult(
        "failed",
        f"The job stopped on an unexpected error: {what}",
        f"The log has more: {folder.log_file}",
    )


if __name__ == "__main__":
    # A print flushed at exit must not turn a finished job into a failed one.
    code = main(sys.argv[1:])
    sys.stdout.flush()
    raise SystemExit(code)
