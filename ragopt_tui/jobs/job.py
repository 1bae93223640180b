"""One job as others see it: everything is read from its folder."""

from __future__ import annotations

import json
import signal
from dataclasses import dataclass
from pathlib import Path

from ragopt_tui.jobs.events import EventReader, JobProgress, last_event, last_lines
from ragopt_tui.jobs.folder import JobFolder, JobResult, JobSpec, JobState
from ragopt_tui.plaintext import one_line

_LOG_TAIL_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Job:
    """A job by its folder and spec; its state is read anew each time it is asked for."""

    folder: JobFolder
    spec: JobSpec

    @property
    def id(self) -> str:
        """The job's id: the time it was created and four random characters."""
        return self.spec.id

    @property
    def state(self) -> JobState:
        """How the job stands now."""
        return self._state_and_result()[0]

    @property
    def result(self) -> JobResult | None:
        """How the job ended; None while it runs and when it died."""
        return self.folder.read_result()

    @property
    def reason(self) -> str:
        """Why the job ended as it did, in a sentence; empty while it runs."""
        state, result = self._state_and_result()
        if result is not None:
            return result.message
        return _death(self.folder) if state == "died" else ""

    @property
    def log_file(self) -> Path:
        """The file with everything the job's process printed."""
        return self.folder.log_file

    def progress(self) -> JobProgress | None:
        """The newest progress the job reported, or None."""
        event = last_event(self.folder.events_file, "progress")
        return JobProgress.from_event(event) if event else None

    def events(self) -> EventReader:
        """A reader of the job's events from the first on."""
        return EventReader(self.folder.events_file)

    def _state_and_result(self) -> tuple[JobState, JobResult | None]:
        result = self.folder.read_result()
        if result is None:
            if self.folder.is_alive():
                return "running", None
            # The result may have appeared between the look at it and the look at the lock.
            result = self.folder.read_result()
        return (result.state, result) if result else ("died", None)


def _death(folder: JobFolder) -> str:
    how = _exit_in_words(folder)
    last = _last_log_line(folder.log_file)
    return f"{how} Its last words: {last}" if last else how


def _exit_in_words(folder: JobFolder) -> str:
    try:
        status = int(json.loads(folder.exit_file.read_bytes())["status"])
    except (OSError, ValueError, KeyError, TypeError):
        return "The job's process ended without a result: killed, out of memory, or the machine stopped."
    if status >= 0:
        return f"The job's process ended without a result (exit status {status})."
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    if name == "SIGKILL":
        return "The job's process was killed (SIGKILL), as happens when memory runs out."
    return f"The job's process crashed ({name})."


def _last_log_line(file: Path) -> str:
    try:
        lines = [line.decode(errors="replace") for line in last_lines(file, _LOG_TAIL_BYTES)]
    except OSError:
        return ""
    return next((one_line(line) for line in reversed(lines) if line.strip()), "")
