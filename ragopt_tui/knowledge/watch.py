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

from ragopt_tui.knowledge.readers import READABLE_SUFFIXES
from ragopt_tui.knowledge.scan import Identity, is_hidden

News = Literal["changed", "gone"]

_STEP_MS = 250
"""How soon `stop` is noticed; each step takes some 0.05 ms of processor time."""
_LOOK_MS = 1000
_POLL_MS = 3000
_QUIET_SECONDS = 1.0
_QUIET_POLLED_SECONDS = 2 * _POLL_MS / 1000
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
            yield from _watch_while(docs, watched, stop)


class Burst:
    """Changes that follow each other, by path and time (in seconds) of the newest."""

    def __init__(self, quiet_seconds: float) -> None:
        self._quiet = quiet_seconds
        self._newest: dict[str, float] = {}
        self._began = 0.0

    def add(self, paths: Iterable[str], now: float) -> None:
        """Note that these files changed just now."""
        if not self._newest:
            self._began = now
        self._newest.update(dict.fromkeys(paths, now))

    def is_over(self, now: float) -> bool:
        """Whether to tell of it: all is quiet, or it goes on for long and some files are quiet."""
        times = self._newest.values()
        if not times:
            return False
        long = now - self._began >= _LONGEST_SECONDS
        return now - (min(times) if long else max(times)) >= self._quiet

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


def _watch_while(docs: Path, same: Identity, stop: Stop) -> Iterator[News]:
    """Watch as long as it is the same folder, not another in its place."""
    polling = _must_poll(docs)
    while not stop.is_set() and _identity(docs) == same:
        burst = Burst(_QUIET_POLLED_SECONDS if polling else _QUIET_SECONDS)
        burst.add([str(docs)], time.monotonic())
        armed = False
        try:
            for changes in _changes(docs, polling, stop):
                armed = True
                now = time.monotonic()
                burst.add(
                    (path for change, path in changes if _may_matter(change, path, docs)), now
                )
                if _identity(docs) != same:
                    return
                if burst.is_over(now):
                    burst.clear()
                    yield "changed"
        except (OSError, RuntimeError):
            # Watches are used up, or a name is no text, of which only the folder's watch dies.
            polling = polling or not armed
            time.sleep(_QUIET_SECONDS)


def _changes(docs: Path, polling: bool, stop: Stop) -> Iterator[set[tuple[Change, str]]]:
    """Give what changes, at least every second, be it nothing."""
    return watch(
        docs,
        watch_filter=None,
        debounce=_LOOK_MS,
        step=_STEP_MS,
        rust_timeout=_LOOK_MS,
        yield_on_timeout=True,
        stop_event=stop,
        raise_interrupt=False,
        force_polling=polling,
        poll_delay_ms=_POLL_MS,
        ignore_permission_denied=True,
    )


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
