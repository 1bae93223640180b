"""Conversations and what was asked and answered in them, in chats.db."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ragopt_tui.chat.conversations.database import Database, open_or_replace
from ragopt_tui.chat.conversations.rows import (
    EXCHANGE_COLUMNS,
    exchange_json,
    from_row,
    moment,
    stamp,
    to_row,
)
from ragopt_tui.chat.conversations.variant_hash import FileState
from ragopt_tui.chat.exchange import Exchange
from ragopt_tui.errors import RagoptError
from ragopt_tui.plaintext import one_line
from ragopt_tui.settings import folders

LONGEST_TITLE = 120
SELECT_SUMMARY = (
    "SELECT c.*, (SELECT count(*) FROM exchanges e WHERE e.conversation = c.id) AS questions"
    " FROM conversations c"
)
_EXCHANGE = (
    "SELECT e.*, f.thumb, f.correction FROM exchanges e LEFT JOIN feedback f ON f.exchange = e.id"
)


@dataclass(frozen=True, slots=True)
class Summary:
    """A conversation without what was said in it; `docs` is its folder of documents."""

    id: int
    title: str
    docs: str
    created: datetime
    updated: datetime
    questions: int

    def to_json(self) -> dict[str, Any]:
        """Give one object of `ragopt-tui chats list --json`."""
        return {
            "id": self.id,
            "title": self.title,
            "docs": self.docs,
            "created": self.created.isoformat(timespec="seconds"),
            "updated": self.updated.isoformat(timespec="seconds"),
            "questions": self.questions,
        }


class ConversationGone(RagoptError):
    """The conversation to write to was deleted and forgotten."""


def store_file() -> Path:
    """Where this user's conversations are."""
    return folders().data / "chats.db"


class ConversationStore:
    """The conversations of one chats.db; for one thread at a time.

    What a method changed is on disk when it returns. Methods raise DamagedStore for a damaged
    file and RagoptError for one that is locked, may not be written, or does not fit on the disk.
    """

    def __init__(self, database: Database) -> None:
        self.database = database

    def close(self) -> None:
        """Close the file."""
        self.database.close()

    def begin(self, docs: str, title: str, exchange: Exchange, now: datetime) -> tuple[int, int]:
        """Start a conversation about a folder with its first exchange, and give the ids of both."""
        with self.database.writing() as db:
            made = db.execute(
                "INSERT INTO conversations (docs, title, created, updated) VALUES (?, ?, ?, ?)",
                (docs, one_line(title, LONGEST_TITLE), stamp(now), stamp(now)),
            )
            conversation = int(made.lastrowid or 0)
            return conversation, _put(db, conversation, exchange, now)

    def summary(self, conversation: int) -> Summary | None:
        """Give a conversation; None where there is none or it is deleted."""
        where = f"{SELECT_SUMMARY} WHERE c.id = ? AND c.deleted IS NULL"
        found = self._summaries(where, (conversation,))
        return found[0] if found else None

    def summaries(self, limit: int | None = None) -> list[Summary]:
        """Give the conversations, the one that was last used first."""
        return self._summaries(
            f"{SELECT_SUMMARY} WHERE c.deleted IS NULL ORDER BY c.updated DESC, c.id DESC LIMIT ?",
            (-1 if limit is None else limit,),
        )

    def latest(self, docs: str, other_than: int | None = None) -> Summary | None:
        """Give the conversation about a folder that was last used, or None."""
        found = self._summaries(
            f"{SELECT_SUMMARY} WHERE c.deleted IS NULL AND c.docs = ? AND c.id IS NOT ?"
            " ORDER BY c.updated DESC, c.id DESC LIMIT 1",
            (docs, other_than),
        )
        return found[0] if found else None

    def rename(self, conversation: int, title: str) -> str:
        """Change a title and give it as it is kept; raises RagoptError for an empty one."""
        line = one_line(title, LONGEST_TITLE)
        if not line:
            raise RagoptError("A conversation needs a title.", "Type one.")
        with self.database.writing() as db:
            db.execute("UPDATE conversations SET title = ? WHERE id = ?", (line, conversation))
        return line

    def delete(self, conversation: int, now: datetime) -> None:
        """Take a conversation out of sight; `restore` brings it back until it is forgotten."""
        with self.database.writing() as db:
            db.execute(
                "UPDATE conversations SET deleted = ? WHERE id = ?", (stamp(now), conversation)
            )

    def restore(self) -> Summary | None:
        """Bring back the conversation that was deleted last; None where there is none."""
        rows = self.database.rows(
            "SELECT id FROM conversations WHERE deleted IS NOT NULL ORDER BY deleted DESC, id DESC LIMIT 1"
        )
        if not rows:
            return None
        with self.database.writing() as db:
            db.execute("UPDATE conversations SET deleted = NULL WHERE id = ?", (rows[0]["id"],))
        return self.summary(rows[0]["id"])

    def forget_deleted(self, before: datetime) -> None:
        """Remove conversations deleted before a moment from the disk, with all that is in them."""
        with self.database.writing() as db:
            gone = db.execute("DELETE FROM conversations WHERE deleted < ?", (stamp(before),))
            if gone.rowcount:
                # The indexes keep words of deleted rows until they are merged.
                db.execute("INSERT INTO exchange_words (exchange_words) VALUES ('optimize')")
                db.execute("INSERT INTO title_words (title_words) VALUES ('optimize')")

    def put(self, conversation: int, exchange: Exchange, now: datetime) -> int:
        """Add an exchange, or bring the one with its id up to date, and give its id.

        The conversation counts as used now; one that was deleted meanwhile is back. Raises
        ConversationGone if it was forgotten.
        """
        with self.database.writing() as db:
            used = db.execute(
                "UPDATE conversations SET updated = max(updated, ?), deleted = NULL WHERE id = ?",
                (stamp(now), conversation),
            )
            if not used.rowcount:
                raise ConversationGone(f"The conversation {conversation} is no longer there.")
            return _put(db, conversation, exchange, now)

    def exchanges(
        self,
        conversation: int,
        before: int | None = None,
        since: int | None = None,
        limit: int | None = None,
    ) -> list[Exchange]:
        """Give the last `limit` exchanges before one id and from another on, in their order.

        None for all of them.
        """
        rows = self.database.rows(
            f"{_EXCHANGE} WHERE e.conversation = :conversation"
            " AND (:before IS NULL OR e.id < :before) AND (:since IS NULL OR e.id >= :since)"
            " ORDER BY e.id DESC LIMIT :limit",
            {
                "since": since,
                "conversation": conversation,
                "before": before,
                "limit": -1 if limit is None else limit,
            },
        )
        return [from_row(row) for row in reversed(rows)]

    def count_before(self, conversation: int, exchange: int) -> int:
        """Give how many exchanges of a conversation come before one."""
        return int(
            self.database.rows(
                "SELECT count(*) FROM exchanges WHERE conversation = ? AND id < ?",
                (conversation, exchange),
            )[0][0]
        )

    def exchange(self, id: int) -> Exchange | None:
        """Give one exchange, or None."""
        rows = self.database.rows(f"{_EXCHANGE} WHERE e.id = ?", (id,))
        return from_row(rows[0]) if rows else None

    def rated(self) -> list[dict[str, Any]]:
        """Give the answers that users judged or corrected, as `exchange_json`, oldest first."""
        rows = self.database.rows(
            "SELECT e.*, f.thumb, f.correction FROM exchanges e JOIN feedback f ON f.exchange = e.id"
            " JOIN conversations c ON c.id = e.conversation WHERE c.deleted IS NULL ORDER BY e.id"
        )
        return [exchange_json(from_row(row)) for row in rows]

    def known_hash(self, state: FileState) -> str | None:
        """Give the SHA-256 of a file as it was computed for this state of it, or None."""
        rows = self.database.rows(
            "SELECT sha256 FROM file_hashes WHERE path = ? AND size = ? AND modified_ns = ?",
            (state.path, state.size, state.modified_ns),
        )
        return str(rows[0]["sha256"]) if rows else None

    def remember_hash(self, state: FileState, sha256: str) -> None:
        """Keep a file's SHA-256 for as long as the file stays as it is."""
        with self.database.writing() as db:
            db.execute(
                "INSERT OR REPLACE INTO file_hashes VALUES (?, ?, ?, ?)",
                (state.path, state.size, state.modified_ns, sha256),
            )

    def _summaries(self, sql: str, values: Sequence[Any]) -> list[Summary]:
        return [summary_of(row) for row in self.database.rows(sql, values)]


def open_store(
    file: Path | None = None, check: bool = False
) -> tuple[ConversationStore, Path | None]:
    """Open this user's conversations, or those in `file`; see `open_or_replace`."""
    database, aside = open_or_replace(file or store_file(), check)
    return ConversationStore(database), aside


def summary_of(row: sqlite3.Row) -> Summary:
    """Give the conversation of a row that holds its columns and `questions`."""
    return Summary(
        id=row["id"],
        title=row["title"],
        docs=row["docs"],
        created=moment(row["created"]),
        updated=moment(row["updated"]),
        questions=row["questions"],
    )


def _put(db: sqlite3.Connection, conversation: int, exchange: Exchange, now: datetime) -> int:
    id = _upsert(db, conversation, exchange)
    _rate(db, id, exchange, now)
    return id


def _upsert(db: sqlite3.Connection, conversation: int, exchange: Exchange) -> int:
    if exchange.id is not None:
        columns = ", ".join(f"{name} = ?" for name in EXCHANGE_COLUMNS)
        db.execute(
            f"UPDATE exchanges SET {columns} WHERE id = ?",  # noqa: S608 - column names of ours
            (*to_row(exchange), exchange.id),
        )
        return exchange.id
    names = ", ".join(EXCHANGE_COLUMNS)
    marks = ", ".join("?" * len(EXCHANGE_COLUMNS))
    made = db.execute(
        f"INSERT INTO exchanges (conversation, {names}) VALUES (?, {marks})",  # noqa: S608 - ours
        (conversation, *to_row(exchange)),
    )
    return int(made.lastrowid or 0)


def _rate(db: sqlite3.Connection, id: int, exchange: Exchange, now: datetime) -> None:
    if exchange.thumb or exchange.correction:
        db.execute(
            "INSERT INTO feedback VALUES (?1, ?2, ?3, ?4) ON CONFLICT (exchange) DO UPDATE"
            " SET thumb = ?2, correction = ?3, given = ?4"
            " WHERE thumb <> ?2 OR correction <> ?3",
            (id, exchange.thumb, exchange.correction, stamp(now)),
        )
    else:
        db.execute("DELETE FROM feedback WHERE exchange = ?", (id,))
