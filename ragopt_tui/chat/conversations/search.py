"""Words looked for in all conversations, while they are being typed."""

from __future__ import annotations

from dataclasses import dataclass

from ragopt_tui.chat.conversations.store import (
    SELECT_SUMMARY,
    ConversationStore,
    Summary,
    summary_of,
)
from ragopt_tui.plaintext import without_controls

MARK_START, MARK_END = "\ue000", "\ue001"
"""Private characters around what was found in an excerpt."""
_MOST_MATCHES = 500
_MOST_WORDS = 32
_EXCERPT_WORDS = 16


@dataclass(frozen=True, slots=True)
class Found:
    """A conversation in which all words stand together, and the newest exchange that holds them.

    `exchange` and `excerpt` are None and "" where only the title holds them. `matches` counts the
    exchanges that do. In `excerpt` what was found stands between MARK_START and MARK_END.
    """

    summary: Summary
    exchange: int | None
    excerpt: str
    matches: int


def search(store: ConversationStore, typed: str, limit: int) -> list[Found]:
    """Give the conversations that hold every typed word, the last used first; none for no word.

    The last word may be the beginning of one. Case and accents do not matter.
    """
    wanted = full_text_query(typed)
    if not wanted:
        return []
    exchanges = _exchanges(store, wanted)
    titled = store.database.rows(
        "SELECT rowid FROM title_words WHERE title_words MATCH ? ORDER BY rowid DESC LIMIT ?",
        (wanted, _MOST_MATCHES),
    )
    conversations = {int(row["rowid"]) for row in titled} | exchanges.keys()
    marks = ", ".join("?" * len(conversations))
    rows = store.database.rows(
        f"{SELECT_SUMMARY} WHERE c.deleted IS NULL AND c.id IN ({marks})"
        " ORDER BY c.updated DESC, c.id DESC LIMIT ?",
        (*conversations, limit),
    )
    return [_found(store, wanted, summary_of(row), exchanges) for row in rows]


def full_text_query(typed: str) -> str:
    """Give an FTS5 query for all words of `typed`, the last as a prefix; empty without a word.

    Each word is quoted, so that nothing typed is read as a query's operator.
    """
    words = [word for word in without_controls(typed).split() if any(map(str.isalnum, word))]
    quoted = ['"' + word.replace('"', '""') + '"' for word in words[:_MOST_WORDS]]
    return " ".join(quoted) + "*" if quoted else ""


def _exchanges(store: ConversationStore, wanted: str) -> dict[int, list[int]]:
    """Give the newest exchanges that hold the words, newest first, by their conversation."""
    rows = store.database.rows(
        "SELECT e.id, e.conversation FROM exchange_words w JOIN exchanges e ON e.id = w.rowid"
        " WHERE exchange_words MATCH ? ORDER BY w.rowid DESC LIMIT ?",
        (wanted, _MOST_MATCHES),
    )
    found: dict[int, list[int]] = {}
    for row in rows:
        found.setdefault(int(row["conversation"]), []).append(int(row["id"]))
    return found


def _found(
    store: ConversationStore, wanted: str, summary: Summary, exchanges: dict[int, list[int]]
) -> Found:
    ids = exchanges.get(summary.id, [])
    if not ids:
        return Found(summary, None, "", 0)
    rows = store.database.rows(
        "SELECT snippet(exchange_words, -1, ?, ?, '…', ?) AS excerpt FROM exchange_words"
        " WHERE exchange_words MATCH ? AND rowid = ?",
        (MARK_START, MARK_END, _EXCERPT_WORDS, wanted, ids[0]),
    )
    return Found(summary, ids[0], str(rows[0]["excerpt"]) if rows else "", len(ids))
