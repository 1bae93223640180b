"""What is known of each file: SQLite beside the table of passages.

Before passages of a file are written, the file is marked as pending; its record follows once they
are. So whatever a killed process left half done is done again by the next one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from ragopt_tui.errors import RagoptError
from ragopt_tui.knowledge.location import CorruptIndex

FileStatus = Literal["indexed", "left_out"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS files (
    file TEXT PRIMARY KEY, size INTEGER NOT NULL, modified_ns INTEGER NOT NULL,
    content_hash TEXT NOT NULL, status TEXT NOT NULL, reason TEXT NOT NULL,
    passages INTEGER NOT NULL, title TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pending (file TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""
_BUSY_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class FileRecord:
    """One file as last seen: its size in bytes, its time of change, and what became of it.

    `reason` says why a left-out file is left out. `content_hash` is empty where it was not read.
    """

    file: str
    size: int
    modified_ns: int
    content_hash: str
    status: FileStatus
    reason: str
    passages: int
    title: str


class Catalogue:
    """The catalogue of one generation; every change is on disk when its call returns.

    Its methods raise CorruptIndex for a damaged file and RagoptError for a full disk.
    """

    def __init__(self, file: Path, read_only: bool = False) -> None:
        self._file = file
        with self._explained():
            if read_only:
                uri = f"{file.absolute().as_uri()}?mode=ro"
                self._db = sqlite3.connect(uri, uri=True, timeout=_BUSY_SECONDS)
            else:
                self._db = sqlite3.connect(file, timeout=_BUSY_SECONDS)
                self._db.execute("PRAGMA journal_mode = WAL")
                self._db.execute("PRAGMA synchronous = FULL")
                self._db.executescript(_SCHEMA)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def check(self) -> None:
        """Raise CorruptIndex unless SQLite finds the file whole."""
        with self._explained():
            (found,) = self._db.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise CorruptIndex(self._file.parent, f"{self._file.name} is not whole")

    def records(self) -> list[FileRecord]:
        """Give every file's record, by name."""
        with self._explained():
            rows = self._db.execute(
                "SELECT file, size, modified_ns, content_hash, status, reason, passages, title"
                " FROM files ORDER BY file"
            ).fetchall()
        return [FileRecord(*row) for row in rows]

    def record(self, file: str) -> FileRecord | None:
        """Give one file's record, or None."""
        with self._explained():
            row = self._db.execute(
                "SELECT file, size, modified_ns, content_hash, status, reason, passages, title"
                " FROM files WHERE file = ?",
                (file,),
            ).fetchone()
        return FileRecord(*row) if row else None

    def with_content(self, content_hash: str) -> list[str]:
        """Give the files that have this content, by name."""
        with self._explained():
            rows = self._db.execute(
                "SELECT file FROM files WHERE content_hash = ? ORDER BY file", (content_hash,)
            ).fetchall()
        return [file for (file,) in rows]

    def pending(self) -> set[str]:
        """Give the files whose passages may be half written."""
        with self._explained():
            return {file for (file,) in self._db.execute("SELECT file FROM pending")}

    def mark_pending(self, files: Iterable[str]) -> None:
        """Note that passages of these files are about to change."""
        with self._explained(), self._db:
            self._db.executemany(
                "INSERT OR IGNORE INTO pending VALUES (?)", [(file,) for file in files]
            )

    def upsert(self, records: Iterable[FileRecord]) -> None:
        """Set the records of files, whose passages are written now."""
        rows = [astuple(record) for record in records]
        with self._explained(), self._db:
            self._db.executemany("INSERT OR REPLACE INTO files VALUES (?,?,?,?,?,?,?,?)", rows)
            self._db.executemany("DELETE FROM pending WHERE file = ?", [row[:1] for row in rows])

    def remove(self, files: Iterable[str]) -> None:
        """Forget files, whose passages are deleted now."""
        rows = [(file,) for file in files]
        with self._explained(), self._db:
            self._db.executemany("DELETE FROM files WHERE file = ?", rows)
            self._db.executemany("DELETE FROM pending WHERE file = ?", rows)

    def fact(self, name: str) -> str:
        """Give a fact about the whole index; empty where it was never set."""
        with self._explained():
            row = self._db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return str(row[0]) if row else ""

    def set_fact(self, name: str, value: str) -> None:
        """Set a fact about the whole index."""
        with self._explained(), self._db:
            self._db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                raise CorruptIndex(self._file.parent, f"{self._file.name} is empty") from error
            raise RagoptError(
                f"The catalogue {self._file} cannot be used: {error}.",
                "Check that its disk has space and that it may be written.",
            ) from error
        except sqlite3.DatabaseError as error:
            raise CorruptIndex(self._file.parent, f"{self._file.name}: {error}") from error
