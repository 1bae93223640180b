"""The bytes of a file, unless it is no ordinary file, too large or forbidden."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from ragopt_tui.knowledge.readers.errors import UnreadableDocument

_MEGABYTE = 1_000_000


def check(path: Path, limit: int, kind: str) -> int:
    """Give the size of a regular, readable file in bytes; nothing of it is read.

    `limit` is the largest size taken, in bytes, and `kind` what it is the limit of ("text
    files"). Raises UnreadableDocument.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableDocument(f"It is {_what(status.st_mode)}, not a file.")
        with path.open("rb"):
            pass
    except OSError as error:
        raise UnreadableDocument(_refusal(error)) from error
    if status.st_size == 0:
        raise UnreadableDocument("The file is empty.")
    if status.st_size > limit:
        raise UnreadableDocument(
            f"The file is too large: {_megabytes(status.st_size)}; "
            f"{kind} are read up to {_megabytes(limit)}.",
            "Split it into smaller files.",
        )
    return status.st_size


def content(path: Path, limit: int, kind: str) -> bytes:
    """Give the bytes of a file that passes `check`; raises UnreadableDocument."""
    check(path, limit, kind)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            return file.read(limit)
    except OSError as error:
        raise UnreadableDocument(_refusal(error)) from error


def _what(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a folder"
    if stat.S_ISFIFO(mode):
        return "a named pipe"
    return "a socket" if stat.S_ISSOCK(mode) else "a device"


def _refusal(error: OSError) -> str:
    if error.errno == errno.ELOOP:
        return "It is a symbolic link that leads back to itself."
    if error.errno == errno.ENOENT:
        return "It is gone, or a symbolic link that leads nowhere."
    if error.errno in (errno.EACCES, errno.EPERM):
        return "There is no permission to read it."
    return f"It cannot be read: {error.strerror or error}."


def _megabytes(size: int) -> str:
    return f"{size / _MEGABYTE:,.0f} MB"
