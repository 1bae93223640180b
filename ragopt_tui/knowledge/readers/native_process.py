"""Talking to the process that runs the native parsers: started when needed, replaced when it dies."""

from __future__ import annotations

import atexit
import json
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ragopt_tui.knowledge.readers.errors import UnreadableDocument

_WORKER = (sys.executable, "-m", "ragopt_tui.knowledge.readers.native_worker")
_FILES_PER_PROCESS = 200
"""Native parsers keep memory: a fresh process after so many files keeps it flat."""


class NativeProcess:
    """One process for native parsers, one request at a time."""

    def __init__(self, command: Sequence[str] = _WORKER) -> None:
        self._command = list(command)
        self._process: subprocess.Popen[bytes] | None = None
        self._served = 0
        self._lock = threading.Lock()

    @property
    def pid(self) -> int | None:
        """The process's id while it runs."""
        running = self._process is not None and self._process.poll() is None
        return self._process.pid if running and self._process else None

    def extract(self, path: Path, seconds: float) -> dict[str, Any]:
        """Give what the parser found in a file, within `seconds`.

        Raises UnreadableDocument where it fails, crashes or takes longer.
        """
        with self._lock:
            process = self._running()
            self._served += 1
            request = json.dumps({"path": os.fspath(path.absolute())}).encode() + b"\n"
            try:
                reply = self._exchange(process, request, seconds)
            except (TimeoutError, OSError) as error:
                self.close()
                raise _failure(error, seconds) from error
            if not reply.endswith(b"\n"):
                code = process.wait()
                self.close()
                raise UnreadableDocument(
                    f"Its parser crashed on it ({_ending(code)}); the file may be damaged."
                )
            values: dict[str, Any] = json.loads(reply)
            return values

    def close(self) -> None:
        """End the process; the next request starts another."""
        process, self._process, self._served = self._process, None, 0
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe:
                pipe.close()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is not None:
            if self._process.poll() is None and self._served < _FILES_PER_PROCESS:
                return self._process
            self.close()
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,
        )
        return self._process

    @staticmethod
    def _exchange(process: subprocess.Popen[bytes], request: bytes, seconds: float) -> bytes:
        """Send a request and give the reply line, or what came of it before the process ended."""
        if process.stdin is None or process.stdout is None:
            raise OSError("the parser's process has no pipes")
        process.stdin.write(request)
        deadline = time.monotonic() + seconds
        parts: list[bytes] = []
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while not (parts and parts[-1].endswith(b"\n")):
                left = deadline - time.monotonic()
                if left <= 0 or not selector.select(left):
                    raise TimeoutError
                part = os.read(process.stdout.fileno(), 1 << 20)
                if not part:
                    break
                parts.append(part)
        return b"".join(parts)


def _failure(error: OSError | TimeoutError, seconds: float) -> UnreadableDocument:
    if isinstance(error, TimeoutError):
        return UnreadableDocument(
            f"Its parser did not finish within {seconds:.0f} seconds; the file may be damaged."
        )
    return UnreadableDocument(f"Its parser could not be run: {error.strerror or error}.")


def _ending(code: int) -> str:
    if code < 0:
        try:
            return signal.Signals(-code).name
        except ValueError:
            return f"signal {-code}"
    return f"exit code {code}"


_shared = NativeProcess()
atexit.register(_shared.close)


def shared_process() -> NativeProcess:
    """Give the process that all readers of this program use."""
    return _shared
