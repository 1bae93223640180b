"""Conversations that stay: kept as they happen, opened again, asked again, judged."""

from __future__ import annotations

import asyncio
import dataclasses
import re
from pathlib import Path

import pytest
from textual.widgets import TextArea

from ragopt_tui.chat.protocol import Event
from ragopt_tui.ui.widgets.citation_chip import CitationChip
from ragopt_tui.ui.widgets.exchange_card import ExchangeCard
from tests.ui.kept import exchange, held, kept, stored
from tests.ui.scripted import (
    QUESTION,
    ScriptedEngine,
    died,
    events_of,
    quotes_answer,
    refusal,
    scripted_app,
    unsupported,
)
from tests.ui.waiting import answered, ask, main_screen, ready, screen_text, shown, until

WIDE = (160, 45)
MAKING = [
    Event(1, "settings", {"refusal_threshold": 0.2, "passages": 6, "seed": None}),
    Event(1, "prompt", {"messages": [{"role": "user", "content": "[1] …"}]}),
]


async def test_a_question_is_on_disk_when_asked_and_its_answer_when_it_is_whole() -> None:
    gate = asyncio.Event()
    events = [*MAKING, *events_of(unsupported())]
    app = scripted_app([*events[:5], gate, *events[5:]], variant="builtin-q8_0")
    async with app.run_test(size=WIDE) as pilot:
        await ready(pilot)
        screen = await ask(pilot, QUESTION)
        await until(pilot, lambda: stored().summaries())
        (asked,) = kept()
        assert (asked.question, asked.answer) == (QUESTION, None)
        gate.set()
        await until(pilot, lambda: kept()[0].variant_hash)
        (done,) = kept()
        assert done.answer == unsupported()
        assert done.prompt == [{"role": "user", "content": "[1] …"}]
        assert done.settings == {"refusal_threshold": 0.2, "passages": 6}
        assert done.seed is None
        assert done.resolved_question == QUESTION
        assert done.docs == "/reports/sample_docs"
        assert len(done.variant_hash) == 64
        assert screen.keeper.conversation.title == QUESTION
        assert QUESTION in screen_text(app).split("\n")[0]


async def test_stopped_and_failed_answers_are_kept_as_that() -> None:
    gate = asyncio.Event()
    events = events_of(quotes_answer())
    app = scripted_app([*events[:4], gate], [*events[:4], died()])
    async with app.run_test(size=WIDE) as pilot:
        await ready(pilot)
        await ask(pilot, "stopped?")
        await shown(pilot, "Operating margin was")
        await pilot.press("escape")
        await until(pilot, lambda: kept() and kept()[0].state == "stopped" and kept()[0].text)
        await answered(pilot, "failed?")
        await until(pilot, lambda: kept()[-1].state == "failed")
        stopped, failed = kept()
        assert stopped.text.startswith("Operating margin was")
        assert stopped.hits == quotes_answer().evidence
        assert failed.problem.startswith("The engine was killed")


async def test_the_view_after_a_restart_is_what_it_was() -> None:
    asks = [
        events_of(quotes_answer("first")),
        [*events_of(quotes_answer())[:4], died()],
        events_of(unsupported("third")),
    ]
    app = scripted_app(*asks)
    async with app.run_test(size=WIDE) as pilot:
        await ready(pilot)
        for question in ("first", "second", "third"):
            await answered(pilot, question)
        await pilot.press("alt+y")
        await until(pilot, lambda: kept()[-1].thumb)
        await until(pilot, lambda: main_screen(app).conversation.is_anchored)
        await pilot.pause()
        before = screen_text(app)
    again = scripted_app()
    async with again.run_test(size=WIDE) as pilot:
        await ready(pilot)
        await shown(pilot, "Ctrl+T goes on with “first” (12:00; 3 questions).")
        await pilot.press("ctrl+t")
        await shown(pilot, "15.8 %")
        await until(pilot, lambda: main_screen(again).conversation.is_anchored)
        await until(pilot, lambda: screen_text(again) == before)


async def test_a_new_conversation_leaves_the_one_before_and_one_key_goes_back() -> None:
    app = scripted_app(events_of(quotes_answer("first")), events_of(refusal("second")))
    async with app.run_test(size=WIDE) as pilot:
        screen = await ready(pilot)
        await answered(pilot, "first")
        await until(pilot, lambda: kept() and kept()[0].answer)
        await pilot.press("ctrl+n")
        await shown(pilot, "Ask a question about these documents.")
        assert not screen.sources.cards
        await answered(pilot, "second")
        await until(pilot, lambda: len(stored().summaries()) == 2)
        await pilot.press("ctrl+t")
        await until(pilot, lambda: screen.conversation.exchanges[0].question == "first")
        await until(pilot, lambda: screen.sources.cards)
        await pilot.press("ctrl+t")
        await until(pilot, lambda: screen.conversation.exchanges[0].question == "second")


async def test_of_a_long_conversation_the_end_is_opened_and_the_rest_is_read_when_reached() -> None:
    held(*(exchange(f"question {n}.", quotes_answer(f"question {n}.")) for n in range(120)))
    app = scripted_app(events_of(refusal("question 120.")))
    async with app.run_test(size=(100, 24)) as pilot:
        screen = await ready(pilot)
        await pilot.press("ctrl+t")
        conversation = screen.conversation
        await until(pilot, lambda: conversation.exchanges)
        await until(pilot, lambda: conversation.scroll_y == conversation.max_scroll_y > 0)
        assert conversation.exchanges[-1].question == "question 119."
        assert conversation.earlier > 90
        assert len(app.query(ExchangeCard)) < 15
        for _ in range(40):
            await pilot.press("alt+up")
        await until(pilot, lambda: screen.picked().question == "question 80.")  # type: ignore[union-attr]
        await shown(pilot, "question 80.")
        assert len(app.query(ExchangeCard)) < 25
        await answered(pilot, "question 120.")
        await shown(pilot, "no answer in the documents")
        await until(pilot, lambda: len(kept()) == 121 and kept()[-1].answer)


@pytest.mark.slow
async def test_the_reader_stays_where_he_reads_while_earlier_questions_are_drawn() -> None:
    held(*(exchange(f"question {n}.", quotes_answer(f"question {n}.")) for n in range(40)))
    app = scripted_app()
    async with app.run_test(size=(100, 24)) as pilot:
        screen = await ready(pilot)
        await pilot.press("ctrl+t")
        conversation = screen.conversation
        await until(pilot, lambda: conversation.scroll_y == conversation.max_scroll_y > 0)
        seen: list[int] = []
        while conversation.earlier or conversation.scroll_y > 0:
            conversation.scroll_relative(y=-4, animate=False)
            await pilot.pause()
            found = re.findall(r"question (\d+)\.", screen_text(app).split("\n", 1)[1])
            seen += [int(n) for n in found if not seen or int(n) != seen[-1]]
        assert seen == sorted(seen, reverse=True)
        assert set(seen) == set(range(40))


async def test_a_conversation_is_not_left_while_an_answer_is_written() -> None:
    gate = asyncio.Event()
    events = events_of(quotes_answer())
    app = scripted_app([*events[:4], gate, *events[4:]])
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await ready(pilot)
        screen = await ask(pilot, QUESTION)
        await until(pilot, lambda: screen.dialogue.busy)
        await pilot.press("ctrl+n")
        await shown(pilot, "An answer is still being written; Esc stops it.")
        assert len(screen.conversation.exchanges) == 1
        gate.set()
        await until(pilot, lambda: not screen.dialogue.busy)


async def test_a_question_asked_again_says_what_differs_and_keeps_both_answers() -> None:
    held(exchange(QUESTION), exchange("other"))
    later = dataclasses.replace(quotes_answer(), index_version="g1.v15", text="Otherwise. [1]")
    app = scripted_app(events_of(later))
    async with app.run_test(size=WIDE) as pilot:
        screen = await ready(pilot)
        await pilot.press("ctrl+t")
        await until(pilot, lambda: len(screen.conversation.exchanges) == 2)
        await pilot.press("alt+up", "alt+up")
        await until(pilot, lambda: screen.picked() is screen.conversation.exchanges[0])
        await pilot.press("ctrl+r")
        await shown(pilot, "Since 13 March 2025, 12:00: the index went from g1.v14 to g1.v15;")
        await until(pilot, lambda: kept()[-1].difference)
        first, _, again = kept()
        assert (again.question, again.again_of) == (QUESTION, first.id)
        assert again.difference.endswith("the text differs.")
        assert first.answer == quotes_answer()


async def test_a_question_is_edited_and_sent_as_another_one() -> None:
    app = scripted_app(
        events_of(quotes_answer("in 2023?")), events_of(refusal("in 2023? And 2022"))
    )
    async with app.run_test(size=WIDE) as pilot:
        screen = await ready(pilot)
        await answered(pilot, "in 2023?")
        await pilot.press("alt+q", *" And 2022", "enter")
        await until(pilot, lambda: len(screen.conversation.exchanges) == 2)
        assert [e.question for e in screen.conversation.exchanges] == [
            "in 2023?",
            "in 2023? And 2022",
        ]
        await until(pilot, lambda: len(kept()) == 2)


async def test_thumbs_and_a_correction_stay_with_the_answer_that_is_marked() -> None:
    app = scripted_app(events_of(quotes_answer("first")), events_of(quotes_answer("second")))
    async with app.run_test(size=WIDE) as pilot:
        screen = await ready(pilot)
        await answered(pilot, "first")
        await answered(pilot, "second")
        app.query(CitationChip).first().focus()
        await until(pilot, lambda: screen.picked() is screen.conversation.exchanges[0])
        await pilot.press("alt+n")
        await shown(pilot, "- marked as a bad answer")
        await pilot.press("escape", "alt+y")
        await shown(pilot, "+ marked as a good answer")
        await pilot.press("alt+y")
        await until(pilot, lambda: "good answer" not in screen_text(app))
        screen.pane.prompt.put("/correct")
        await pilot.press("enter")
        await shown(pilot, "Ctrl+S keeps it")
        field = app.screen.query_one(TextArea)
        assert field.text == quotes_answer().text
        field.text = "It was 14.2 % [bold]."
        await pilot.press("ctrl+s")
        await shown(pilot, "Corrected: It was 14.2 % [bold].")
        await until(pilot, lambda: [r["thumb"] for r in stored().rated()] == [-1, 0])
        first, second = stored().rated()
        assert (first["question"], first["correction"]) == ("first", "")
        assert (second["question"], second["correction"]) == ("second", "It was 14.2 % [bold].")
        assert second["evidence"][0]["file"] == "northwind_annual_report_2023.md"


async def test_code_blocks_are_copied_one_after_the_other() -> None:
    answer = dataclasses.replace(
        refusal(), refused=False, text="So:\n\n```python\na = 1\n```\n\nand\n\n~~~\nb [2]\n~~~\n"
    )
    app = scripted_app(events_of(answer))
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        screen = await ready(pilot)
        await answered(pilot, QUESTION)
        copied = []
        for n in (1, 2, 1):
            screen.pane.prompt.put("/code")
            await pilot.press("enter")
            await shown(pilot, f"Code block {n} of 2 copied.")
            copied.append(app.clipboard)
            app.clear_notifications()
        assert copied == ["a = 1\n", "b [2]\n", "a = 1\n"]


async def test_the_conversation_is_exported_as_markdown_and_nothing_is_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    app = scripted_app(events_of(quotes_answer()))
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        screen = await ready(pilot)
        await answered(pilot, QUESTION)
        await until(pilot, lambda: kept() and kept()[0].answer)
        file = tmp_path / "What-was-Northwind-s-operating-margin-in-2023.md"
        file.write_text("mine")
        screen.pane.prompt.put("/export")
        await pilot.press("enter")
        await shown(pilot, "Enter writes Markdown")
        await pilot.press("enter")
        await shown(pilot, "there already")
        assert file.read_text() == "mine"
        file.unlink()
        await shown(pilot, "Enter writes Markdown")
        await pilot.press("enter")
        await shown(pilot, "Exported to")
        text = file.read_text()
        assert f"## 1. {QUESTION}" in text
        assert "index g1.v14; 0.3 s.*" in text
        assert list(tmp_path.glob(".*.md.*")) == []


async def test_a_question_of_fifty_thousand_characters_is_asked_kept_and_drawn_in_part() -> None:
    question = "why? " * 10_000
    engine = ScriptedEngine()
    app = scripted_app(events_of(refusal(question.strip())), engine=engine)
    async with app.run_test(size=WIDE) as pilot:
        await ready(pilot)
        screen = await answered(pilot, question)
        assert engine.asked[0]["question"] == question.strip()
        await until(pilot, lambda: kept() and kept()[0].question == question.strip())
        await pilot.press("alt+up")
        await shown(pilot, "(49,999 characters)")
        assert len(screen.keeper.conversation.title) <= 120


async def test_a_question_of_only_punctuation_is_asked_and_kept() -> None:
    app = scripted_app(events_of(refusal("?!…")))
    async with app.run_test(size=WIDE) as pilot:
        await ready(pilot)
        await answered(pilot, "?!…")
        await until(pilot, lambda: kept() and kept()[0].answer)
        assert kept()[0].question == "?!…"
