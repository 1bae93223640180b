"""The tables of chats.db, as the steps from each version of them to the next.

`user_version` counts the steps that a file has had. A step is never changed once it was shipped.
Times are ISO 8601 in UTC. `answer` is `Answer.to_json`: a field that it gains needs a default in
`Answer.from_json` or a step here. `evidence` holds the passages of an exchange that ended without
an answer. `deleted` is null unless the conversation waits to be forgotten.
"""

from __future__ import annotations

import sqlite3

_CONVERSATIONS = (
    """CREATE TABLE conversations (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        docs TEXT NOT NULL, title TEXT NOT NULL,
        created TEXT NOT NULL, updated TEXT NOT NULL, deleted TEXT
    )""",
    """CREATE TABLE exchanges (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        conversation INTEGER NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
        question TEXT NOT NULL, resolved_question TEXT NOT NULL, filters TEXT NOT NULL,
        asked TEXT NOT NULL, docs TEXT NOT NULL, state TEXT NOT NULL,
        variant TEXT NOT NULL, variant_hash TEXT NOT NULL,
        prompt TEXT NOT NULL, settings TEXT NOT NULL, seed INTEGER,
        text TEXT NOT NULL, answer TEXT, evidence TEXT NOT NULL,
        problem TEXT NOT NULL, hint TEXT NOT NULL,
        again_of INTEGER, difference TEXT NOT NULL
    )""",
    "CREATE INDEX exchanges_of_conversation ON exchanges (conversation, id)",
    "CREATE INDEX conversations_by_time ON conversations (deleted, updated)",
)
_SEARCH = (
    """CREATE VIRTUAL TABLE exchange_words USING fts5 (
        question, text, content = 'exchanges', content_rowid = 'id',
        tokenize = "unicode61 remove_diacritics 2", prefix = '2 3'
    )""",
    """CREATE VIRTUAL TABLE title_words USING fts5 (
        title, content = 'conversations', content_rowid = 'id',
        tokenize = "unicode61 remove_diacritics 2", prefix = '2 3'
    )""",
    """CREATE TRIGGER exchange_added AFTER INSERT ON exchanges BEGIN
        INSERT INTO exchange_words (rowid, question, text) VALUES (new.id, new.question, new.text);
    END""",
    """CREATE TRIGGER exchange_removed AFTER DELETE ON exchanges BEGIN
        INSERT INTO exchange_words (exchange_words, rowid, question, text)
        VALUES ('delete', old.id, old.question, old.text);
    END""",
    """CREATE TRIGGER exchange_changed AFTER UPDATE OF question, text ON exchanges BEGIN
        INSERT INTO exchange_words (exchange_words, rowid, question, text)
        VALUES ('delete', old.id, old.question, old.text);
        INSERT INTO exchange_words (rowid, question, text) VALUES (new.id, new.question, new.text);
    END""",
    """CREATE TRIGGER title_added AFTER INSERT ON conversations BEGIN
        INSERT INTO title_words (rowid, title) VALUES (new.id, new.title);
    END""",
    """CREATE TRIGGER title_removed AFTER DELETE ON conversations BEGIN
        INSERT INTO title_words (title_words, rowid, title) VALUES ('delete', old.id, old.title);
    END""",
    """CREATE TRIGGER title_changed AFTER UPDATE OF title ON conversations BEGIN
        INSERT INTO title_words (title_words, rowid, title) VALUES ('delete', old.id, old.title);
        INSERT INTO title_words (rowid, title) VALUES (new.id, new.title);
    END""",
    "INSERT INTO exchange_words (exchange_words) VALUES ('rebuild')",
    "INSERT INTO title_words (title_words) VALUES ('rebuild')",
)
_FEEDBACK = (
    """CREATE TABLE feedback (
        exchange INTEGER PRIMARY KEY REFERENCES exchanges (id) ON DELETE CASCADE,
        thumb INTEGER NOT NULL, correction TEXT NOT NULL, given TEXT NOT NULL
    )""",
    """CREATE TABLE file_hashes (
        path TEXT PRIMARY KEY, size INTEGER NOT NULL, modified_ns INTEGER NOT NULL,
        sha256 TEXT NOT NULL
    ) WITHOUT ROWID""",
)
MIGRATIONS: tuple[tuple[str, ...], ...] = (_CONVERSATIONS, _SEARCH, _FEEDBACK)


def version_of(db: sqlite3.Connection) -> int:
    """Give how many steps a file has had."""
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def migrate(db: sqlite3.Connection) -> None:
    """Take the steps that are missing, all or none; `db` is in autocommit mode."""
    if version_of(db) >= len(MIGRATIONS):
        return
    # Taken before looking again: another assistant may be taking the same steps.
    db.execute("BEGIN IMMEDIATE")
    try:
        for step in MIGRATIONS[version_of(db) :]:
            for statement in step:
                db.execute(statement)
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")
