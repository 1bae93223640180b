"""Words found in all conversations while they are typed."""

from __future__ import annotations

import pytest

from ragopt_tui.chat.conversations.search import MARK_END, MARK_START, full_text_query, search
from ragopt_tui.chat.conversations.store import ConversationStore
from tests.chat.conversations.exchanges import DOCS, NOON, answered, conversation, stopped
from tests.ui.scripted import refusal


def titles(store: ConversationStore, typed: str) -> list[str]:
    return [found.summary.title for found in search(store, typed, 50)]


@pytest.fixture
def filled(store: ConversationStore) -> ConversationStore:
    id, _ = store.begin(
        DOCS, "Dividend", answered("What dividend does the Board propose?", refusal()), NOON
    )
    store.put(id, answered("Und die Dividende für Zürich?", refusal()), NOON)
    conversation(store, "What was the operating margin?", title="Margins", at=1)
    return store


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("margin", ["Margins"]),
        ("marg", ["Margins"]),
        ("OPERATING marg", ["Margins"]),
        ("margin dividend", []),
        ("14.2 %", ["Margins"]),
        ("freight", ["Margins"]),
        ("zurich", ["Dividend"]),
        ("ZÜR", ["Dividend"]),
        ("divid", ["Dividend"]),
        ("documents do not say", ["Dividend"]),
        ("absent", []),
        ("", []),
        ("?!", []),
        ('"', []),
        ("margin NOT freight", []),
        ("margin*", ["Margins"]),
        ("question:margin", []),
        ("margin)", ["Margins"]),
        ("x " * 25_000, []),
    ],
)
def test_all_words_must_stand_in_one_exchange_or_title(
    filled: ConversationStore, typed: str, expected: list[str]
) -> None:
    assert titles(filled, typed) == expected


def test_a_match_shows_its_newest_exchange_with_the_words_marked(
    filled: ConversationStore,
) -> None:
    (found,) = search(filled, "dividend", 50)
    exchanges = filled.exchanges(found.summary.id)
    assert (found.exchange, found.matches) == (exchanges[1].id, 2)
    assert f"{MARK_START}Dividende{MARK_END}" in found.excerpt


def test_a_long_conversation_full_of_a_word_hides_no_other(store: ConversationStore) -> None:
    conversation(store, "revenue of the oldest", title="Old")
    id = conversation(store, "revenue", title="New", at=1)
    for _ in range(600):
        store.put(id, answered("revenue", refusal()), NOON)
    assert titles(store, "revenue") == ["New", "Old"]


def test_a_title_alone_is_a_match_without_excerpt(filled: ConversationStore) -> None:
    (found,) = search(filled, "margins", 50)
    assert (found.exchange, found.excerpt, found.matches) == (None, "", 0)


def test_what_is_renamed_deleted_stopped_or_answered_later_is_found_as_it_is_now(
    filled: ConversationStore,
) -> None:
    (margins,) = [s for s in filled.summaries() if s.title == "Margins"]
    filled.rename(margins.id, "Profitability")
    assert titles(filled, "profitab") == ["Profitability"]
    assert titles(filled, "margins") == []
    exchange = stopped("What about goodwill?")
    exchange.id = filled.put(margins.id, exchange, NOON)
    assert titles(filled, "revenue goodwill") == ["Profitability"]
    exchange.text = "Impairment"
    filled.put(margins.id, exchange, NOON)
    assert titles(filled, "revenue goodwill") == []
    assert titles(filled, "impairment goodwill") == ["Profitability"]
    filled.delete(margins.id, NOON)
    assert titles(filled, "goodwill") == []
    filled.restore()
    assert titles(filled, "goodwill") == ["Profitability"]
    filled.delete(margins.id, NOON)
    filled.forget_deleted(before=NOON.replace(year=2026))
    assert titles(filled, "goodwill") == []
    # FTS5 raises here if its words and the rows they were made of have come apart.
    with filled.database.writing() as db:
        db.execute(
            "INSERT INTO exchange_words (exchange_words, rank) VALUES ('integrity-check', 1)"
        )
        db.execute("INSERT INTO title_words (title_words, rank) VALUES ('integrity-check', 1)")


def test_a_query_holds_only_quoted_words() -> None:
    assert full_text_query('net "income" OR x') == '"net" """income""" "OR" "x"*'
    assert full_text_query(" – ") == ""
