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
        "SELECT rowid FROM title_words WHERE title_words MATCH ?", (wanted,)
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


def _exchanges(store: ConversationStore, wanted: str) -> dict[int, tuple[int, int]]:
    """Give the newest exchange that holds the words, and how many do, by their conversation."""
    rows = store.database.rows(
        "SELECT e.conversation, max(e.id), count(*) FROM exchange_words w"
        " JOIN exchanges e ON e.id = w.rowid WHERE exchange_words MATCH ? GROUP BY e.conversation",
        (wanted,),
    )
    return {int(row[0]): (int(row[1]), int(row[2])) for row in rows}


def _found(
    store: ConversationStore, wanted: str, summary: Summary, exchanges: dict[int, tuple[int, int]]
) -> Found:
    if summary.id not in exchanges:
        return Found(summary, None, "", 0)
    newest, matches = exchanges[summary.id]
    rows = store.database.rows(
        "SELECT snippet(exchange_words, -1, ?, ?, '…', ?) AS excerpt FROM exchange_words"
        " WHERE exchange_words MATCH ? AND rowid = ?",
        (MARK_START, MARK_END, _EXCERPT_WORDS, wanted, newest),
    )
    return Found(summary, newest, str(rows[0]["excerpt"]) if rows else "", matches)
