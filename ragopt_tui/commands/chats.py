"""`ragopt-tui chats`: list, show and export the conversations of the assistant."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ragopt_tui.chat.conversations.database import Database
from ragopt_tui.chat.conversations.export import file_name, save_markdown, to_markdown
from ragopt_tui.chat.conversations.rows import exchange_json
from ragopt_tui.chat.conversations.search import search
from ragopt_tui.chat.conversations.store import ConversationStore, Summary, store_file
from ragopt_tui.chat.exchange import Exchange
from ragopt_tui.errors import RagoptError
from ragopt_tui.plaintext import one_line, without_controls

_MOST_FOUND = 10_000


def list_chats(words: str | None, as_json: bool) -> int:
    """Print the conversations, the last used first, or those that hold all of `words`."""
    with _store() as store:
        summaries = _summaries(store, words)
    if as_json:
        print(json.dumps({"conversations": [s.to_json() for s in summaries]}, ensure_ascii=False))
        return 0
    for summary in summaries:
        print(
            f"{summary.id:>5}  {summary.updated:%Y-%m-%d %H:%M}  {summary.questions:>5}"
            f"  {without_controls(summary.title)}  ({one_line(summary.docs, 4096)})"
        )
    if not summaries:
        print("No conversation was found.", file=sys.stderr)
    return 0


def show_chat(conversation: int, as_json: bool) -> int:
    """Print a conversation as Markdown, or with all that is kept of it as JSON."""
    summary, exchanges = _read(conversation)
    if as_json:
        held = [exchange_json(exchange) for exchange in exchanges]
        print(json.dumps(summary.to_json() | {"exchanges": held}, ensure_ascii=False))
    else:
        sys.stdout.write(to_markdown(summary.title, summary.docs, exchanges))
    return 0


def export_chat(conversation: int, out: str | None, as_json: bool) -> int:
    """Write a conversation to a Markdown file that is not there yet, and print its name."""
    summary, exchanges = _read(conversation)
    path = Path(out or file_name(summary.title)).expanduser()
    save_markdown(path, summary.title, summary.docs, exchanges)
    if as_json:
        print(json.dumps({"file": str(path), "questions": len(exchanges)}, ensure_ascii=False))
    else:
        print(path)
    return 0


def _summaries(store: ConversationStore | None, words: str | None) -> list[Summary]:
    if store is None:
        return []
    if words is None:
        return store.summaries()
    return [found.summary for found in search(store, words, _MOST_FOUND)]


def _read(conversation: int) -> tuple[Summary, list[Exchange]]:
    with _store() as store:
        summary = store.summary(conversation) if store else None
        if store is None or summary is None:
            raise RagoptError(
                f"There is no conversation {conversation}.",
                "`ragopt-tui chats list` gives the numbers of all of them.",
            )
        return summary, store.exchanges(conversation)


@contextmanager
def _store() -> Iterator[ConversationStore | None]:
    """Give the store, which a command neither makes nor sets aside; None before the first question."""
    file = store_file()
    if not file.exists():
        yield None
        return
    store = ConversationStore(Database(file))
    try:
        yield store
    finally:
        store.close()
