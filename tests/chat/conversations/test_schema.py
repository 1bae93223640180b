"""A file of an older version is brought up to date with all that is in it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from ragopt_tui.chat.conversations.database import Database
from ragopt_tui.chat.conversations.rows import EXCHANGE_COLUMNS, to_row
from ragopt_tui.chat.conversations.schema import MIGRATIONS, migrate, version_of
from ragopt_tui.chat.conversations.search import search
from ragopt_tui.errors import RagoptError
from tests.chat.conversations.exchanges import DOCS, NOON, answered, opened


def of_version(file: Path, version: int) -> sqlite3.Connection:
    """A file as the given version wrote it, with one conversation."""
    file.parent.mkdir(parents=True)
    db = sqlite3.connect(file, isolation_level=None)
    for step in MIGRATIONS[:version]:
        for statement in step:
            db.execute(statement)
    db.execute(f"PRAGMA user_version = {version}")
    time = "2025-03-14T12:00:00.000+00:00"
    db.execute(
        "INSERT INTO conversations VALUES (1, ?, 'Old margin', ?, ?, NULL)", (DOCS, time, time)
    )
    db.execute(
        f"INSERT INTO exchanges (conversation, {', '.join(EXCHANGE_COLUMNS)})"
        f" VALUES (1, {', '.join('?' * len(EXCHANGE_COLUMNS))})",
        to_row(answered("What was the margin?")),
    )
    return db


@pytest.mark.parametrize("version", range(1, len(MIGRATIONS)))
def test_an_older_file_is_read_searched_and_rated(file: Path, version: int) -> None:
    of_version(file, version).close()
    store = opened(file)
    (summary,) = store.summaries()
    (exchange,) = store.exchanges(summary.id)
    assert (summary.title, exchange.answer) == (
        "Old margin",
        answered("What was the margin?").answer,
    )
    assert [found.exchange for found in search(store, "freight", 9)] == [exchange.id]
    assert [found.summary.title for found in search(store, "old", 9)] == ["Old margin"]
    exchange.thumb = 1
    store.put(summary.id, exchange, NOON)
    assert len(store.rated()) == 1
    assert store.database.rows("PRAGMA user_version")[0][0] == len(MIGRATIONS)


def test_an_answer_is_read_as_it_was_kept_by_the_version_before(file: Path) -> None:
    of_version(file, len(MIGRATIONS)).close()
    kept = Path(__file__).with_name("answer_of_version_3.json").read_text(encoding="utf-8")
    store = opened(file)
    with store.database.writing() as db:
        db.execute("UPDATE exchanges SET answer = ?", (kept,))
    answer = store.exchanges(1)[0].answer
    assert answer is not None
    assert answer.text.startswith("Operating margin was **15.8 %** in 2023 [1]")
    assert answer.quotes is not None
    assert answer.quotes.evidence[0].passage.file.startswith("northwind")
    assert answer.figures[0].text == "15.8 %"
    assert answer.sources[0].file == "northwind_annual_report_2023.md"


def test_a_step_that_fails_leaves_the_file_at_the_version_it_had(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    db = of_version(file, 1)
    steps = (MIGRATIONS[0], (*MIGRATIONS[1], "INSERT INTO nowhere VALUES (1)"))
    monkeypatch.setattr("ragopt_tui.chat.conversations.schema.MIGRATIONS", steps)
    with pytest.raises(sqlite3.OperationalError, match="nowhere"):
        migrate(db)
    assert version_of(db) == 1
    tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master")}
    assert "exchange_words" not in tables


def test_an_older_file_that_is_locked_is_neither_changed_nor_set_aside(file: Path) -> None:
    db = of_version(file, 1)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("BEGIN IMMEDIATE")
    with pytest.raises(RagoptError, match="locked by another program"):
        Database(file, busy_seconds=0.05)
    db.execute("ROLLBACK")
    assert version_of(db) == 1
    assert len(opened(file).summaries()) == 1
