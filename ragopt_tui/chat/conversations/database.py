"""chats.db as SQLite: opening it, one transaction at a time, and what can be wrong with it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from ragopt_tui.chat.conversations.schema import MIGRATIONS, migrate, version_of
from ragopt_tui.errors import RagoptError

BUSY_SECONDS = 5.0
_BESIDE = ("", "-wal", "-shm")
_DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB")
_OTHER_TABLES = ("no such table", "no such column", "already exists")
_REASONS = {
    "SQLITE_BUSY": ("it is locked by another program", "Close what else has it open."),
    "SQLITE_LOCKED": ("it is locked by another program", "Close what else has it open."),
    "SQLITE_READONLY": ("it may only be read", "Make the file and its folder writable."),
    "SQLITE_CANTOPEN": ("it cannot be opened", "Check that its folder is there and writable."),
    "SQLITE_FULL": ("the disk is full", "Free some space."),
    "SQLITE_IOERR": ("the disk failed or is full", "Check the disk."),
}


class DamagedStore(RagoptError):
    """chats.db is no SQLite file, or its pages contradict each other."""

    def __init__(self, file: Path) -> None:
        super().__init__(
            f"The conversations in {file} are damaged.",
            "The assistant sets them aside when it opens.",
        )


class Database:
    """A connection to chats.db at the newest version of its tables; for one thread at a time.

    Its methods raise DamagedStore for a damaged file and RagoptError for one that is locked, may
    not be written, or does not fit on the disk.
    """

    def __init__(self, file: Path, busy_seconds: float = BUSY_SECONDS) -> None:
        """Open or create `file`; a lock of others is waited for `busy_seconds`."""
        self.file = file
        with self._explained():
            self._db = self._connected(busy_seconds)
            try:
                self._bring_up_to_date()
                self._identity = _identity(file)
            except BaseException:
                self._db.close()
                raise

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @property
    def in_place(self) -> bool:
        """Whether the open file is still the one of that name: it may be set aside or deleted."""
        return self._identity == _identity(self.file)

    def rows(self, sql: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> list[sqlite3.Row]:
        """Give the rows of a query."""
        with self._explained():
            return self._db.execute(sql, values).fetchall()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Give the connection within a transaction, which an error takes back."""
        with self._explained():
            # At once, because a lock taken later is not waited for.
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def check(self) -> None:
        """Raise DamagedStore unless SQLite finds the whole file sound."""
        if self.rows("PRAGMA quick_check(1)")[0][0] != "ok":
            raise DamagedStore(self.file)

    def _bring_up_to_date(self) -> None:
        if version_of(self._db) > len(MIGRATIONS):
            raise RagoptError(
                f"The conversations in {self.file} were written by a newer ragopt-tui.",
                "Use that version to read them.",
            )
        migrate(self._db)

    def _connected(self, busy_seconds: float) -> sqlite3.Connection:
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RagoptError(
                f"{self.file.parent} cannot be made for the conversations: {error.strerror}."
            ) from error
        try:
            return _connection(self.file, "", busy_seconds)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname != "SQLITE_READONLY_DIRECTORY":
                raise
            # A folder that may not be written holds no journal, so the file alone is all there is.
            return _connection(self.file, "?immutable=1", busy_seconds)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            name = getattr(error, "sqlite_errorname", "")
            if name.startswith(_DAMAGED) or any(words in str(error) for words in _OTHER_TABLES):
                raise DamagedStore(self.file) from error
            for known, (reason, hint) in _REASONS.items():
                if name.startswith(known):
                    what = f"{self.file} cannot be used: {reason}."
                    raise RagoptError(what, hint) from error
            raise


def open_or_replace(file: Path, check: bool = False) -> tuple[Database, Path | None]:
    """Open chats.db; set a damaged one aside, start a fresh one, and give the name it has now.

    `check` reads the whole file, which is for one whose damage showed while it was used.
    """
    try:
        return _opened(file, check), None
    except DamagedStore:
        # Locked, so that of two assistants only one finds the file damaged and moves it.
        try:
            with FileLock(f"{file}.lock", timeout=BUSY_SECONDS * 2):
                return _replaced(file)
        except (Timeout, OSError) as error:
            raise RagoptError(
                f"The conversations in {file} are damaged and cannot be set aside: {error}.",
                "Move the file away.",
            ) from error


def _replaced(file: Path) -> tuple[Database, Path | None]:
    try:
        return _opened(file, check=True), None
    except DamagedStore:
        aside = _set_aside(file)
        return Database(file), aside


def _opened(file: Path, check: bool) -> Database:
    database = Database(file)
    try:
        if check:
            database.check()
    except BaseException:
        database.close()
        raise
    return database


def _set_aside(file: Path) -> Path:
    """Rename the file, and the journal that belongs to it, to a name that is free."""
    stamp = f"{datetime.now(UTC):%Y%m%d-%H%M%S}"
    aside = file.with_name(f"{file.name}.damaged-{stamp}")
    number = 1
    while aside.exists():
        number += 1
        aside = file.with_name(f"{file.name}.damaged-{stamp}-{number}")
    for ending in _BESIDE:
        beside = Path(f"{file}{ending}")
        if beside.exists():
            beside.rename(f"{aside}{ending}")
    return aside


def _identity(file: Path) -> tuple[int, int] | None:
    try:
        stat = file.stat()
    except OSError:
        return None
    return stat.st_dev, stat.st_ino


def _connection(file: Path, query: str, busy_seconds: float) -> sqlite3.Connection:
    db = sqlite3.connect(
        f"{file.absolute().as_uri()}{query}",
        uri=True,
        timeout=busy_seconds,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        db.row_factory = sqlite3.Row
        db.execute("PRAGMA foreign_keys = ON")
        db.execute("PRAGMA synchronous = FULL")
        # What is deleted is overwritten, not only unlinked.
        db.execute("PRAGMA secure_delete = ON")
        if db.execute("PRAGMA journal_mode").fetchone()[0] != "wal" and not query:
            _use_journal(db)
    except BaseException:
        db.close()
        raise
    return db


def _use_journal(db: sqlite3.Connection) -> None:
    """Let readers and a writer not wait for each other, where the file may be written."""
    try:
        db.execute("PRAGMA journal_mode = WAL")
    except sqlite3.OperationalError as error:
        if not error.sqlite_errorname.startswith("SQLITE_READONLY"):
            raise
