"""What files a folder of documents holds."""

from __future__ import annotations

import hashlib
import os
import stat
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ragopt_tui.errors import RagoptError
from ragopt_tui.knowledge.file_key import file_key
from ragopt_tui.knowledge.readers import READABLE_SUFFIXES

Identity = tuple[int, int]
"""A file's device and inode numbers."""


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file that may be read: its key, where it is, its size in bytes and its time of change."""

    file: str
    path: Path
    size: int
    modified_ns: int


@dataclass(slots=True)
class Scan:
    """The files of a folder by key, what in it cannot be read, with the reason, and its folders."""

    files: dict[str, FoundFile] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    folders: list[Path] = field(default_factory=list)


def scan(docs: Path, report: Callable[[int], None] = lambda _: None) -> Scan:
    """List the readable files below `docs`; `report` is called with their number so far.

    Hidden files and folders are skipped (see `is_hidden`). Symbolic links are followed, but nothing that is also
    reached without them is listed twice, and no link leads to a folder that holds `docs` itself.
    Raises RagoptError if `docs` is not a folder that can be listed.
    """
    return _Walk(docs, report).run()


def content_hash(path: Path) -> str:
    """Give the hash of a file's bytes; raises OSError."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "blake2b").hexdigest()[:40]


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name is skipped: `.name`, and `~$name`, Office's locks."""
    return name.startswith((".", "~$"))


def has_changed(path: Path, size: int, modified_ns: int, of_content: str) -> bool:
    """Whether a file is not as it was, by size and time of change or else its content hash.

    Raises OSError.
    """
    now = path.stat()
    if (now.st_size, now.st_mtime_ns) == (size, modified_ns):
        return False
    return content_hash(path) != of_content


class _Walk:
    def __init__(self, docs: Path, report: Callable[[int], None]) -> None:
        self._docs = docs
        self._report = report
        self._scan = Scan()
        self._folders: deque[Path] = deque([docs])
        self._links: deque[os.DirEntry[str]] = deque()
        self._seen: set[Identity] = set()
        self._past_links = False

    def run(self) -> Scan:
        above = [self._docs, *self._docs.resolve().parents]
        try:
            outside = {_identity(folder.stat()) for folder in above}
            os.scandir(self._docs).close()
        except OSError as error:
            raise RagoptError(
                f"The folder {self._docs} cannot be read: {error.strerror or error}.",
                "Check that it is there and may be read.",
            ) from error
        while self._folders or self._links:
            # Links last, so that a file reached both ways has its own name.
            if self._folders:
                self._list(self._folders.popleft())
                self._report(len(self._scan.files))
            else:
                self._follow(self._links.popleft(), outside)
        return self._scan

    def _list(self, folder: Path) -> None:
        try:
            with os.scandir(folder) as entries:
                inside = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            key = f"{self._key(folder)}/"
            self._scan.left_out[key] = f"The folder cannot be read: {error.strerror or error}."
            return
        self._scan.folders.append(folder)
        for entry in inside:
            if is_hidden(entry.name):
                continue
            if entry.is_symlink():
                self._links.append(entry)
                continue
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:  # deleted since the folder was listed
                continue
            if self._past_links and _identity(status) in self._seen:
                continue
            if entry.is_dir(follow_symlinks=False):
                self._seen.add(_identity(status))
                self._folders.append(Path(entry.path))
            else:
                self._take(Path(entry.path), status)

    def _follow(self, link: os.DirEntry[str], outside: set[Identity]) -> None:
        self._past_links = True
        path = Path(link.path)
        try:
            status = path.stat()
        except OSError as error:
            self._scan.left_out[self._key(path)] = (
                f"It is a symbolic link that leads nowhere: {error.strerror or error}."
            )
            return
        identity = _identity(status)
        if identity in self._seen or identity in outside:
            return
        if stat.S_ISDIR(status.st_mode):
            self._seen.add(identity)
            self._folders.append(path)
        else:
            self._take(path, status)

    def _take(self, path: Path, status: os.stat_result) -> None:
        key = self._key(path)
        self._seen.add(_identity(status))
        if not stat.S_ISREG(status.st_mode):
            self._scan.left_out[key] = "It is not a file but a pipe, a socket or a device."
        elif path.suffix.lower() not in READABLE_SUFFIXES:
            ending = path.suffix.lower()
            self._scan.left_out[key] = (
                f"Files ending in {ending} are not read." if ending else "Its name has no ending."
            )
        else:
            self._scan.files[key] = FoundFile(key, path, status.st_size, status.st_mtime_ns)

    def _key(self, path: Path) -> str:
        return file_key(path.relative_to(self._docs))


def _identity(status: os.stat_result) -> Identity:
    return status.st_dev, status.st_ino
