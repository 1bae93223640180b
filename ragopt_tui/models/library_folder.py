"""The library's folder on disk: one folder for each variant, its trash, and what is being made."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ragopt_tui.errors import RagoptError
from ragopt_tui.models.inspection import RECORD_FILE, REPORT_FILE, read_json
from ragopt_tui.models.record import VariantRecord, read_record

_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
_LONGEST_ID = 48
_LOCK_SECONDS = 30.0


class CannotChange(RagoptError):
    """The library's folder cannot be written, or another process holds it for long."""


@dataclass(frozen=True, slots=True)
class Trashed:
    """A removed variant; purging it frees `bytes`.

    `removed` is in seconds since 1970, `path` where its files are, None where that is unknown.
    """

    id: str
    name: str
    removed: float
    bytes: int
    path: Path | None


@dataclass(frozen=True, slots=True)
class LibraryFolder:
    """Where variants are kept; nothing is created before something is written."""

    path: Path

    @property
    def trash(self) -> Path:
        """The folders of removed variants."""
        return self.path / ".trash"

    def ids(self) -> list[str]:
        """Give the ids of the variants that have a folder, in order."""
        return _folders(self.path)

    @contextlib.contextmanager
    def changing(self) -> Iterator[None]:
        """Keep other processes from changing the library; raises CannotChange if it is not writable."""
        # Takes longer to import than a library takes to list.
        from filelock import FileLock, Timeout

        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with FileLock(self.path / ".lock", timeout=_LOCK_SECONDS):
                yield
        except Timeout as error:
            raise CannotChange(
                f"Another process is changing the model library {self.path}.", "Try again."
            ) from error
        except OSError as error:
            raise CannotChange(
                f"The model library {self.path} cannot be changed: {error.strerror or error}.",
                "Free some space or check the folder's permissions.",
            ) from error

    def write(self, record: VariantRecord, folder: Path) -> None:
        """Write variant.json into `folder` so that it appears whole; paths within are relative."""
        values = record.to_json()
        path = record.variant.path
        if path is not None and path.is_relative_to(folder):
            values["variant"]["path"] = str(path.relative_to(folder))
        aside = folder / f".{RECORD_FILE}.{os.getpid()}"
        aside.write_text(json.dumps(values, indent=1), encoding="utf-8")
        aside.replace(folder / RECORD_FILE)

    def write_report(self, id: str, report: Mapping[str, Any]) -> None:
        """Write what a verification found beside variant.json, so that it appears whole."""
        folder = self.path / id
        aside = folder / f".{REPORT_FILE}.{os.getpid()}"
        aside.write_text(json.dumps(report, allow_nan=False, indent=1), encoding="utf-8")
        aside.replace(folder / REPORT_FILE)

    def read_report(self, id: str) -> dict[str, Any]:
        """Read what a verification found, empty if there is none; raises RagoptError if damaged."""
        file = self.path / id / REPORT_FILE
        return read_json(file) if file.is_file() else {}

    def create(self, record: VariantRecord) -> None:
        """Make the folder of a variant with its record, so that it appears whole."""
        making = self.new_folder()
        self.write(record, making)
        making.rename(self.path / record.variant.id)

    def new_folder(self) -> Path:
        """Make a folder in which a variant can grow unseen; those of ended processes are removed."""
        for old in self.path.glob(".new-*"):
            process = old.name.split("-")[1]
            if process.isdecimal() and not _lives(int(process)):
                shutil.rmtree(old, ignore_errors=True)
        folder = self.path / f".new-{os.getpid()}-{secrets.token_hex(4)}"
        folder.mkdir(parents=True)
        return folder

    def move_to_trash(self, id: str) -> None:
        """Move a variant's folder to the trash; the time is kept as the folder's."""
        self.trash.mkdir(exist_ok=True)
        os.utime(self.path / id)
        (self.path / id).rename(self.trash / id)

    def trashed(self) -> list[Trashed]:
        """Give what is in the trash, the last removed first."""
        removed = [_trashed(self.trash / id) for id in _folders(self.trash)]
        return sorted(removed, key=lambda each: each.removed, reverse=True)

    def move_from_trash(self, id: str) -> None:
        """Move a variant's folder back; raises RagoptError if it is not in the trash."""
        self._in_trash(id).rename(self.path / id)

    def delete_from_trash(self, id: str) -> None:
        """Delete a removed variant's folder; raises RagoptError if it is not in the trash."""
        doomed = self.new_folder() / id
        self._in_trash(id).rename(doomed)
        shutil.rmtree(doomed.parent)

    def _in_trash(self, id: str) -> Path:
        if id not in _folders(self.trash):
            raise RagoptError(f"There is no variant {id!r} in the trash.")
        return self.trash / id

    def free_id(self, name: str, taken: set[str]) -> str:
        """Make an id of a name that is neither in `taken` nor that of a folder, nor in the trash."""
        taken = taken | set(self.ids()) | set(_folders(self.trash))
        wanted = _slug(name)
        number = 2
        id = wanted
        while id in taken:
            id = f"{wanted}-{number}"
            number += 1
        return id


def _trashed(folder: Path) -> Trashed:
    name, path = folder.name, None
    with contextlib.suppress(RagoptError):
        variant = read_record(folder / RECORD_FILE).variant
        name, path = variant.name, variant.path
    sizes = [file.lstat().st_size for file in folder.rglob("*") if file.name != RECORD_FILE]
    return Trashed(folder.name, name, folder.stat().st_mtime, sum(sizes), path)


def is_id(text: str) -> bool:
    """Whether a text can be the id of a variant in the library."""
    return _ID.fullmatch(text) is not None


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _slug(name: str) -> str:
    ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9._]+", "-", ascii_only).strip("-._")[:_LONGEST_ID].rstrip("-._")
    return slug or "model"


def _folders(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return sorted(each.name for each in entries if is_id(each.name) and each.is_dir())
    except OSError:
        return []
