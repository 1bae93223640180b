"""One of several processes of a run: `python -m ragopt_tui.training.worker.process JOB_FOLDER`."""

from __future__ import annotations

import faulthandler
import json
import os
import signal
import sys
import traceback
from dataclasses import asdict
from pathlib import Path

from ragopt_tui.errors import RagoptError
from ragopt_tui.jobs.events import JobCancelled, Reporter
from ragopt_tui.jobs.folder import JobFolder, JobResult, write_aside
from ragopt_tui.training.configuration.config import parse_config
from ragopt_tui.training.runs.folder import RunFolder
from ragopt_tui.training.worker.failures import told

STOP_FILE, OUTCOME_FILE = "stop", "outcome.json"


def main(folder: JobFolder) -> int:
    """Train this process's share; the first process tells what the run does and how it ended."""
    faulthandler.enable()
    # The job's process passes on what a signal is to mean.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    first = os.environ.get("RANK", "0") == "0"
    report = Reporter(folder.events_file if first else Path(os.devnull))
    result = _outcome(folder, report)
    if first or result.state == "failed":
        _tell(folder, result, first)
    return 1 if result.state == "failed" else 0


def _outcome(folder: JobFolder, report: Reporter) -> JobResult:
    parameters = folder.read_spec().parameters
    config = parse_config(parameters["config"])
    run = RunFolder.of(parameters.get("run") or folder.path.name)
    gpu = bool(os.environ.get("CUDA_VISIBLE_DEVICES"))
    try:
        from ragopt_tui.training.worker.worker import Task, work

        task = Task(config, run, gpu, parameters.get("working_folder", ""), folder)
        with told(config, run, gpu):
            result = work(task, report)
    except JobCancelled as stop:
        return JobResult("cancelled", stop.message, stop.hint)
    except RagoptError as error:
        traceback.print_exc()
        return JobResult("failed", error.message, error.hint)
    except Exception as error:  # noqa: BLE001 - the boundary of the process
        traceback.print_exc()
        what = (
            f"A process of the run stopped on an unexpected error: {type(error).__name__}: {error}"
        )
        return JobResult("failed", what, f"The log has more: {folder.log_file}")
    return JobResult("finished", "", "", result)


def _tell(folder: JobFolder, result: JobResult, first: bool) -> None:
    """Write the outcome; one that failed first says why all end."""
    file = folder.path / OUTCOME_FILE
    if first or not file.exists():
        write_aside(file, json.dumps(asdict(result)).encode())


if __name__ == "__main__":
    code = main(JobFolder(Path(sys.argv[1])))
    sys.stdout.flush()
    # Collectives that wait for a process that is gone would hold this one up.
    os._exit(code)
