"""Conversations put into this test's store, as if they had been held before."""

from __future__ import annotations

from datetime import timedelta

from ragopt_tui.chat.answer import Answer
from ragopt_tui.chat.conversations.store import ConversationStore, open_store
from ragopt_tui.chat.exchange import Exchange
from tests.ui.scripted import DOCS, NOON, quotes_answer


def exchange(question: str, answer: Answer | None = None, **fields: object) -> Exchange:
    """A question with its finished answer, asked the day before."""
    answer = answer or quotes_answer(question)
    asked = NOON - timedelta(days=1)
    docs = str(DOCS)
    made = Exchange(question, answer.variant, asked, docs, state="done", answer=answer)
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def held(*exchanges: Exchange, title: str = "", days_ago: int = 1, docs: str = str(DOCS)) -> int:
    """Keep a conversation and give its id."""
    now = NOON - timedelta(days=days_ago)
    store, _ = open_store()
    id, _ = store.begin(docs, title or exchanges[0].question, exchanges[0], now)
    for each in exchanges[1:]:
        store.put(id, each, now)
    store.close()
    return id


def kept(id: int = 1) -> list[Exchange]:
    """What is on disk of a conversation."""
    store = stored()
    try:
        return store.exchanges(id)
    finally:
        store.close()


def stored() -> ConversationStore:
    """The store as another program sees it."""
    return open_store()[0]
