"""Exchanges as the interface keeps them."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ragopt_tui.chat.answer import Answer
from ragopt_tui.chat.conversations.store import ConversationStore, open_store
from ragopt_tui.chat.exchange import Exchange
from tests.ui.scripted import HITS, quotes_answer

NOON = datetime(2025, 3, 14, 12, 0).astimezone()
DOCS = "/reports/northwind"


def answered(question: str, answer: Answer | None = None, **fields: Any) -> Exchange:
    """A question with its finished answer."""
    answer = answer or quotes_answer(question)
    return Exchange(question, answer.variant, NOON, DOCS, state="done", answer=answer, **fields)


def stopped(question: str) -> Exchange:
    """A question whose answer was stopped after its first words."""
    return Exchange(question, "builtin", NOON, DOCS, state="stopped", text="Revenue", hits=HITS)


def opened(file: Path) -> ConversationStore:
    """The store of a file that is sound."""
    store, aside = open_store(file)
    assert aside is None
    return store


def conversation(store: ConversationStore, *questions: str, title: str = "", at: int = 0) -> int:
    """A conversation with answers, `at` minutes after noon, and its id."""
    now = NOON + timedelta(minutes=at)
    id, _ = store.begin(DOCS, title or questions[0], answered(questions[0]), now)
    for question in questions[1:]:
        store.put(id, answered(question), now)
    return id
