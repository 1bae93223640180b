"""What is kept of a conversation, and that it comes back as it was."""

from __future__ import annotations

import dataclasses
import json
from datetime import timedelta
from pathlib import Path

import pytest

from ragopt_tui.chat.conversations.rows import exchange_json
from ragopt_tui.chat.conversations.store import ConversationStore
from ragopt_tui.errors import RagoptError
from tests.chat.conversations.exchanges import DOCS, NOON, answered, conversation, opened, stopped
from tests.ui.scripted import quotes_answer, refusal, unsupported


def test_an_exchange_comes_back_as_it_was_after_the_store_was_closed(
    store: ConversationStore, file: Path
) -> None:
    made = answered(
        "What was the margin?\nIn 2023?",
        unsupported("What was the margin?\nIn 2023?"),
        resolved_question="What was Northwind's margin in 2023?",
        filters={"periods": ["FY2023"]},
        variant_hash="ab" * 32,
        prompt=[{"role": "user", "content": "Passages:\n\n[1] …"}],
        settings={"refusal_threshold": 0.2, "passages": 6, "max_answer_tokens": 256},
        difference="Since 1 March 2025, 09:00: the text differs.",
        again_of=7,
    )
    id, number = store.begin(DOCS, "Margin", made, NOON)
    store.close()
    (back,) = opened(file).exchanges(id)
    assert back == dataclasses.replace(
        made, id=number, text=made.answer.text, hits=made.answer.evidence
    )


@pytest.mark.parametrize("answer", [quotes_answer(), refusal(), unsupported()])
def test_every_kind_of_answer_is_rebuilt_whole(store: ConversationStore, answer: object) -> None:
    id, _ = store.begin(DOCS, "t", answered("q", answer), NOON)
    assert store.exchanges(id)[0].answer == answer


def test_a_stopped_answer_keeps_its_words_and_its_passages(store: ConversationStore) -> None:
    id, _ = store.begin(DOCS, "t", stopped("q"), NOON)
    (back,) = store.exchanges(id)
    assert (back.state, back.text, back.hits) == ("stopped", "Revenue", stopped("q").hits)


def test_a_question_is_kept_when_asked_and_its_answer_when_finished(
    store: ConversationStore,
) -> None:
    exchange = dataclasses.replace(answered("q"), state="working", answer=None)
    id, exchange.id = store.begin(DOCS, "t", exchange, NOON)
    assert store.exchanges(id)[0].state == "stopped"
    exchange.state, exchange.answer = "done", quotes_answer("q")
    assert store.put(id, exchange, NOON) == exchange.id
    (back,) = store.exchanges(id)
    assert (back.state, back.answer) == ("done", quotes_answer("q"))


def test_exchanges_are_given_in_pages_from_the_end(store: ConversationStore) -> None:
    id = conversation(store, *(f"question {n}" for n in range(10)))
    last = store.exchanges(id, limit=3)
    assert [e.question for e in last] == ["question 7", "question 8", "question 9"]
    earlier = store.exchanges(id, before=last[0].id, limit=4)
    assert [e.question for e in earlier] == [f"question {n}" for n in range(3, 7)]
    assert store.count_before(id, last[0].id or 0) == 7


def test_conversations_are_listed_by_last_use_and_the_latest_of_a_folder_is_found(
    store: ConversationStore,
) -> None:
    first, second = conversation(store, "one"), conversation(store, "two", at=5)
    assert [s.id for s in store.summaries()] == [second, first]
    store.put(first, answered("later"), NOON + timedelta(minutes=9))
    assert [s.id for s in store.summaries()] == [first, second]
    assert [s.id for s in store.summaries(limit=1)] == [first]
    latest = store.latest(DOCS)
    assert latest is not None
    assert (latest.id, latest.questions) == (first, 2)
    other = store.latest(DOCS, other_than=first)
    assert other is not None
    assert other.id == second
    assert store.latest("/elsewhere") is None


def test_a_title_is_one_line_and_never_empty(store: ConversationStore) -> None:
    id = conversation(store, "What was\nrevenue?\x1b[31m")
    assert store.summary(id).title == "What was revenue?\ufffd[31m"
    assert store.rename(id, "  Revenue \n 2023 ") == "Revenue 2023"
    assert store.summary(id).title == "Revenue 2023"
    with pytest.raises(RagoptError, match="needs a title"):
        store.rename(id, " \n ")


def test_what_was_deleted_last_comes_back_and_is_forgotten_after_a_while(
    store: ConversationStore,
) -> None:
    first, second = conversation(store, "one"), conversation(store, "two")
    store.delete(first, NOON)
    store.delete(second, NOON + timedelta(hours=1))
    assert store.summaries() == []
    assert store.summary(second) is None
    restored = store.restore()
    assert restored is not None
    assert (restored.id, restored.questions) == (second, 1)
    store.forget_deleted(before=NOON + timedelta(minutes=30))
    assert store.restore() is None
    assert store.exchanges(first) == []
    assert [s.id for s in store.summaries()] == [second]


def test_a_forgotten_conversation_leaves_no_word_in_the_file(
    store: ConversationStore, file: Path
) -> None:
    kept = conversation(store, "What about goodwill?")
    gone = conversation(store, "Whatabout Xylophonia?", title="Xylophonia")
    store.delete(gone, NOON)
    store.forget_deleted(before=NOON + timedelta(hours=1))
    store.close()
    content = file.read_bytes().lower()
    assert b"xylophonia" not in content
    assert b"goodwill" in content
    assert len(opened(file).exchanges(kept)) == 1


def test_an_answer_that_comes_after_the_conversation_was_deleted_brings_it_back(
    store: ConversationStore,
) -> None:
    id = conversation(store, "one")
    store.delete(id, NOON)
    store.put(id, answered("two"), NOON)
    assert store.summary(id).questions == 2
    store.delete(id, NOON)
    store.forget_deleted(before=NOON + timedelta(hours=1))
    with pytest.raises(RagoptError, match="no longer there"):
        store.put(id, answered("three"), NOON)


def test_thumbs_and_corrections_are_json_with_the_evidence_they_were_given_for(
    store: ConversationStore,
) -> None:
    id = conversation(store, "one", "two", "three")
    first, second, third = store.exchanges(id)
    first.thumb = third.thumb = 1
    second.thumb, second.correction = -1, "It was 14.2 %."
    for exchange in (first, second, third):
        store.put(id, exchange, NOON)
    third.thumb = 0
    store.put(id, third, NOON)
    rated = json.loads(json.dumps(store.rated()))
    assert [(r["question"], r["thumb"], r["correction"]) for r in rated] == [
        ("one", 1, ""),
        ("two", -1, "It was 14.2 %."),
    ]
    assert rated[0]["evidence"][0]["text"].startswith("Revenue rose by 6.1 %")
    assert rated[1]["answer"]["index_version"] == "g1.v14"
    assert [e.thumb for e in store.exchanges(id)] == [1, -1, 0]
    store.delete(id, NOON)
    assert store.rated() == []


@pytest.mark.parametrize("question", ["margin " * 7143, "?!… --- ()", "Umsatz für 2023? 売上高は?"])
def test_any_question_is_kept_as_asked(store: ConversationStore, question: str) -> None:
    id, _ = store.begin(DOCS, question, answered(question), NOON)
    (back,) = store.exchanges(id)
    assert back.question == question
    assert exchange_json(back)["resolved_question"] == question
    assert 0 < len(store.summary(id).title) <= 120
