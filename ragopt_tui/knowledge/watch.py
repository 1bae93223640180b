"""Telling when the files of a folder change, once things have become quiet."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, Protocol

import psutil  # type: ignore[import-untyped]
from watchfiles import Change, watch

from ragopt_tui.errors import RagoptError
from ragopt_tui.knowledge.readers import READABLE_SUFFIXES
from ragopt_tui.knowledge.scan import Identity, is_hidden, scan

News = Literal["changed", "gone"]

_STEP_MS = 250
"""How soon `stop` is noticed; each step takes some 0.05 ms of processor time."""
_LOOK_MS = 1000
_POLL_MS = 3000
_QUIET_SECONDS = 1.0
_QUIET_POLLED_SECONDS = 2 * _POLL_MS / 1000
"""Longer than one look to the next, and than the second that times of change are told apart by."""
_LONGEST_SECONDS = 60.0
"""So long a burst of changes is waited for, as long as it is not one file that is being written."""
_REMOTE = frozenset(
    "9p afpfs ceph cifs davfs drvfs fakeowner glusterfs nfs nfs4 prl_fs smb3 smbfs vboxsf virtiofs"
    " webdav".split()
)


class Stop(Protocol):
    """Ends the watching once it is set, such as a `threading.Event`."""

    def is_set(self) -> bool:
        """Whether to end."""
        ...


def watch_documents(docs: Path, stop: Stop) -> Iterator[News]:
    """Wait for what happens below `docs` and give it, until `stop` is set; blocks its thread.

    `changed` comes first of all, as nobody looked before, and then each time after files that may
    be read were written, renamed or removed and nothing more has happened for a second. A file
    that is being written is waited for; of other changes a minute's worth is told at the latest.
    `gone` comes once where the folder is not there or cannot be listed; once it can, `changed`.
    Changes are told by the system, or found by looking every 3 s where the system cannot tell:
    on file systems shared with other machines, and where its watches are used up.
    """
    while not stop.is_set():
        watched = _identity(docs)
        if watched is None:
            yield "gone"
            while _identity(docs) is None and not stop.is_set():
                time.sleep(_STEP_MS / 1000)
        else:
            yield from _Watch(docs, watched, stop).run()


class Burst:
    """Changes that follow each other, by path and time (in seconds) of the newest."""

    def __init__(self) -> None:
        self._newest: dict[str, float] = {}
        self._began = 0.0

    def add(self, paths: Iterable[str], now: float) -> None:
        """Note that these files changed just now."""
        if not self._newest:
            self._began = now
        self._newest.update(dict.fromkeys(paths, now))

    def is_over(self, now: float, quiet: float) -> bool:
        """Whether all has been quiet for so many seconds; some of it where it goes on for long."""
        times = self._newest.values()
        if not times:
            return False
        long = now - self._began >= _LONGEST_SECONDS
        return now - (min(times) if long else max(times)) >= quiet

    def clear(self) -> None:
        """Begin anew."""
        self._newest.clear()


def is_remote(folder: Path, mounts: Iterable[tuple[str, str]]) -> bool:
    """Whether other machines may change a folder unseen; `mounts` are mount points and types."""
    above = {str(path) for path in (folder, *folder.parents)}
    _, kind = max(
        ((mount, kind) for mount, kind in mounts if mount in above),
        key=lambda each: len(each[0]),
        default=("", ""),
    )
    return kind in _REMOTE or kind.startswith("fuse.")


class _Watch:
    """Watches a folder as long as it is the same one, not another in its place."""

    def __init__(self, docs: Path, identity: Identity, stop: Stop) -> None:
        self._docs, self._identity, self._stop = docs, identity, stop
        self._polling = _must_poll(docs)
        self._burst = Burst()
        self._folders: set[str] = set()

    def run(self) -> Iterator[News]:
        self._touch()
        while self._goes_on():
            armed = False
            try:
                for changes in self._changes():
                    armed = True
                    now = time.monotonic()
                    paths = [p for change, p in changes if _may_matter(change, p, self._docs)]
                    self._burst.add(paths, now)
                    if not self._goes_on() or any(map(self._is_of_folder, paths)):
                        break
                    if self._burst.is_over(now, self._quiet_seconds):
                        self._burst.clear()
                        yield "changed"
            except (FileNotFoundError, RagoptError):
                self._try_again()
            except (OSError, RuntimeError):
                # Watches are used up, or else, once it watched, a name that is no text ended it.
                self._polling = self._polling or not armed
                self._try_again()

    @property
    def _quiet_seconds(self) -> float:
        return _QUIET_POLLED_SECONDS if self._polling else _QUIET_SECONDS

    def _goes_on(self) -> bool:
        return not self._stop.is_set() and _identity(self._docs) == self._identity

    def _is_of_folder(self, path: str) -> bool:
        """Whether other folders are to be watched: one is new, or gone, which is told forever."""
        return path in self._folders or Path(path).is_dir()

    def _try_again(self) -> None:
        self._touch()
        time.sleep(_LOOK_MS / 1000)

    def _touch(self) -> None:
        """Have `changed` told once things are quiet: something may have been missed."""
        self._burst.add([str(self._docs)], time.monotonic())

    def _changes(self) -> Iterator[set[tuple[Change, str]]]:
        """Give what changes, at least every second, be it nothing."""
        # Each by itself, as hidden ones are not wanted and a closed one would end the watch.
        self._folders = {str(f) for f in scan(self._docs).folders if _is_text(f)}
        return watch(
            *self._folders,
            watch_filter=None,
            recursive=False,
            debounce=_LOOK_MS,
            step=_STEP_MS,
            rust_timeout=_LOOK_MS,
            yield_on_timeout=True,
            stop_event=self._stop,
            raise_interrupt=False,
            force_polling=self._polling,
            poll_delay_ms=_POLL_MS,
            ignore_permission_denied=False,
        )


def _is_text(folder: Path) -> bool:
    """Whether the watch can be given the name of a folder."""
    try:
        str(folder).encode()
    except UnicodeEncodeError:
        return False
    return True


def _must_poll(docs: Path) -> bool:
    wanted = os.environ.get("WATCHFILES_FORCE_POLLING", "").lower()
    if wanted not in ("", "false", "disable", "disabled"):
        return True
    mounts = psutil.disk_partitions(all=True)
    return is_remote(docs, ((mount.mountpoint, mount.fstype) for mount in mounts))


def _may_matter(change: Change, path: str, docs: Path) -> bool:
    """Whether a change may be one of a file that is read, or of a folder with such files."""
    below = Path(path).relative_to(docs)
    if any(is_hidden(part) for part in below.parts):
        return False
    # What is gone may have been a folder whatever its name.
    return below.suffix.lower() in READABLE_SUFFIXES or change != Change.modified


def _identity(docs: Path) -> Identity | None:
    try:
        status = docs.stat()
    except OSError:
        return None
    listed = stat.S_ISDIR(status.st_mode) and os.access(docs, os.R_OK | os.X_OK)
    return (status.st_dev, status.st_ino) if listed else None
