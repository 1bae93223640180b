"""The files of a job's folder: what they are called, and how they are read and written."""

from __future__ import annotations

import fcntl
import json
import os
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

JobState = Literal["running", "finished", "failed", "cancelled", "died"]
FinalState = Literal["finished", "failed", "cancelled"]

_RESERVED_BYTES = 8192
_LOCK_ATTEMPTS = 20


@dataclass(frozen=True, slots=True)
class JobSpec:
    """What a job is to do; `created` is in seconds since 1970.

    `target` is `module:function` inside this package; it is called with `parameters` and a Reporter.
    """

    id: str
    kind: str
    title: str
    target: str
    parameters: dict[str, Any]
    created: float = field(default_factory=time.time)


@dataclass(frozen=True, slots=True)
class JobResult:
    """How a job ended: a sentence for the user, what to do next, and what the target returned."""

    state: FinalState
    message: str = ""
    hint: str = ""
    result: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class JobFolder:
    """A job's folder by its file names."""

    path: Path

    @property
    def spec_file(self) -> Path:
        """The JSON of `JobSpec`."""
        return self.path / "spec.json"

    @property
    def events_file(self) -> Path:
        """What the job says while it runs, one JSON object a line."""
        return self.path / "events.jsonl"

    @property
    def log_file(self) -> Path:
        """The standard output and error of the job's process."""
        return self.path / "log.txt"

    @property
    def result_file(self) -> Path:
        """The JSON of `JobResult`; there once the job has ended in an orderly way."""
        return self.path / "result.json"

    @property
    def lock_file(self) -> Path:
        """Locked by the job's process for as long as it lives; holds its process id."""
        return self.path / "alive.lock"

    @property
    def exit_file(self) -> Path:
        """The process's exit status, where whoever started it outlived it."""
        return self.path / "exit.json"

    @property
    def _reserved_file(self) -> Path:
        return self.path / "result.reserved"

    def create(self, spec: JobSpec) -> int:
        """Make the folder with its spec, locked as alive; gives the lock's descriptor.

        Room for the result is set aside, so that it can be written on a disk that filled up.
        """
        self.path.mkdir(parents=True)
        lock = self.lock()
        self._reserved_file.write_bytes(b" " * _RESERVED_BYTES)
        write_aside(self.spec_file, json.dumps(asdict(spec), indent=1).encode())
        return lock

    def read_spec(self) -> JobSpec:
        """Read the spec; raises OSError, ValueError or TypeError where it is not one."""
        return JobSpec(**json.loads(self.spec_file.read_bytes()))

    def write_result(self, result: JobResult) -> None:
        """Write the result so that it appears whole, into the room that `create` set aside."""
        data = json.dumps(asdict(result), indent=1).encode()
        try:
            with self._reserved_file.open("r+b") as stream:
                stream.write(data.ljust(_RESERVED_BYTES))
                stream.truncate(len(data))
                stream.flush()
                os.fsync(stream.fileno())
            self._reserved_file.replace(self.result_file)
        except FileNotFoundError:
            write_aside(self.result_file, data)

    def read_result(self) -> JobResult | None:
        """Read the result; None while there is none."""
        try:
            return JobResult(**json.loads(self.result_file.read_bytes()))
        except (OSError, ValueError, TypeError):
            return None

    def lock(self) -> int:
        """Lock the folder as alive; gives the descriptor that keeps it so while any process has it.

        Raises BlockingIOError when the job's process lives already.
        """
        fd = os.open(self.lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        for attempt in range(_LOCK_ATTEMPTS):
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return fd
            except BlockingIOError:
                # Somebody's `is_alive` holds it for a moment.
                if attempt == _LOCK_ATTEMPTS - 1:
                    os.close(fd)
                    raise
                time.sleep(0.01)
        raise AssertionError("unreachable")

    def is_alive(self) -> bool:
        """Whether the job's process lives; a reused process id cannot deceive it."""
        try:
            fd = os.open(self.lock_file, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(fd)
        return False

    def process_id(self) -> int | None:
        """The job's process id, while its process lives."""
        try:
            pid = int(self.lock_file.read_text())
        except (OSError, ValueError):
            return None
        return pid if self.is_alive() else None


def write_aside(file: Path, data: bytes) -> None:
    """Write `file` so that it appears whole or not at all."""
    aside = file.with_name(f".{file.name}.{os.getpid()}")
    aside.write_bytes(data)
    aside.replace(file)
