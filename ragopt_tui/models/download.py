"""Fetching one file of the hub: resumed where it stopped, and compared with its digest."""

from __future__ import annotations

import errno
import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ragopt_tui.errors import RagoptError
from ragopt_tui.models.hub_files import HubFile

if TYPE_CHECKING:
    from hashlib import _Hash

# Shorter than the time that a cancelled job is given, so that a stalled connection is left in time.
_STALLED_SECONDS = 8.0
_ATTEMPTS = 6
_LONGEST_WAIT_SECONDS = 20.0
_READ_BYTES = 1 << 20
_BUSY = (408, 429, 500, 502, 503, 504)

Arrived = Callable[[int], None]


def download(url: str, token: str | None, file: HubFile, partial: Path, arrived: Arrived) -> None:
    """Complete `partial` with the content of `url`, from where it ends, and check its digest.

    `arrived` is told how many bytes are here, at least every few seconds, and may raise to stop.
    A connection that breaks off is taken up again a few times; each that brought something counts
    anew. Raises RagoptError for a full disk and for a content that is not what the hub
    announced, which is not kept; the hub's and the network's errors pass.
    """
    failures = 0
    with _Gathering(partial, file, arrived) as gathering:
        while not gathering.whole:
            before = gathering.size
            problem = _continue(url, token, gathering)
            if problem is None:
                continue
            failures = 1 if gathering.size > before else failures + 1
            if failures >= _ATTEMPTS:
                raise problem
            _wait(min(_LONGEST_WAIT_SECONDS, 2.0 ** (failures - 2)), gathering)
        gathering.check()


def _continue(url: str, token: str | None, gathering: _Gathering) -> Exception | None:
    """Read on until the connection ends; gives what broke it off where trying again may help."""
    import httpx2
    from huggingface_hub import get_session
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.utils import hf_raise_for_status  # type: ignore[attr-defined]

    # What is compressed on the way cannot be resumed.
    headers = {"User-Agent": "ragopt-tui", "Accept-Encoding": "identity"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    if gathering.size:
        headers["Range"] = f"bytes={gathering.size}-"
    try:
        with get_session().stream("GET", url, headers=headers, timeout=_STALLED_SECONDS) as reply:
            if reply.status_code == 416:
                # There is no more of it, though more was announced.
                gathering.check()
            if reply.status_code == 200 and gathering.size:
                gathering.start_over()
            hf_raise_for_status(reply)
            for chunk in reply.iter_bytes():
                gathering.add(chunk)
                if gathering.whole:
                    break
            return None if gathering.whole else httpx2.ReadError("the connection ended early")
    except HfHubHTTPError as error:
        if error.response.status_code not in _BUSY:
            raise
        return error
    except httpx2.TransportError as error:
        return error


def _wait(seconds: float, gathering: _Gathering) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        gathering.tell()
        time.sleep(0.1)


class _Gathering:
    """The file that grows, and the digest of what is in it."""

    def __init__(self, path: Path, file: HubFile, arrived: Arrived) -> None:
        self._path, self._file, self._arrived = path, file, arrived
        self.size = 0
        self._digest: _Hash = _empty_digest(file)

    def __enter__(self) -> _Gathering:
        self._stream = self._path.open("a+b", buffering=0)
        self._stream.seek(0)
        while chunk := self._stream.read(_READ_BYTES):
            self._count(chunk)
        if self.size > self._file.size:
            self.start_over()
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    @property
    def whole(self) -> bool:
        """Whether as many bytes are here as the hub announced."""
        return self.size >= self._file.size

    def tell(self) -> None:
        """Say how much is here."""
        self._arrived(self.size)

    def add(self, chunk: bytes) -> None:
        """Append a chunk; raises RagoptError when there is no room for it."""
        try:
            self._write(chunk)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise
            raise RagoptError(
                f"The disk is full: {self._file.name} could not be written to {self._path.parent}.",
                "Free some space and start it again; what has come is kept.",
            ) from error
        self._count(chunk)

    def start_over(self) -> None:
        """Forget what is here."""
        self._stream.truncate(0)
        self.size, self._digest = 0, _empty_digest(self._file)

    def check(self) -> None:
        """Compare the content with what the hub announced; a wrong one is removed."""
        found = self._digest.hexdigest()
        if self.size == self._file.size and found == self._file.digest:
            os.fsync(self._stream.fileno())
            return
        self._path.unlink(missing_ok=True)
        what = f"its checksum is {found[:12]}…, not {self._file.digest[:12]}…"
        if self.size != self._file.size:
            what = f"it has {self.size:,} bytes, not {self._file.size:,}"
        raise RagoptError(
            f"{self._file.name} did not arrive as the hub announced it: {what}. It was not kept.",
            "Start it again; if that does not help, something on the way changes the file.",
        )

    def _count(self, chunk: bytes) -> None:
        self._digest.update(chunk)
        self.size += len(chunk)
        self.tell()

    def _write(self, chunk: bytes) -> None:
        rest = memoryview(chunk)
        while rest:
            rest = rest[self._stream.write(rest) :]


def _empty_digest(file: HubFile) -> _Hash:
    if file.large:
        return hashlib.sha256()
    # Git's id of a file, which the hub gives for small ones: no more than a checksum here.
    return hashlib.sha1(f"blob {file.size}\0".encode(), usedforsecurity=False)
