"""Follow-ups on the screen: how they are read is shown, kept, and can be put right."""

from __future__ import annotations

from dataclasses import replace

from ragopt_tui.chat.answer import Answer
from ragopt_tui.chat.protocol import Event
from tests.ui.kept import kept
from tests.ui.scripted import (
    MARGIN,
    QUESTION,
    ScriptedEngine,
    events_of,
    quotes_answer,
    refusal,
    scripted_app,
)
from tests.ui.test_snapshots import SMALL, Compare, _still, asking
from tests.ui.waiting import answered, ready, screen_text, shown, until

__all__ = ["_still"]

ASKED = "and in 2022?"
READING = "What was Northwind's operating margin in 2022?"


def follow_up() -> list[Event]:
    """What the engine sends for a follow-up."""
    answer: Answer = replace(quotes_answer(ASKED), resolved_question=READING)
    return [Event(1, "resolved", {"question": READING}), *events_of(answer)]


async def test_the_engine_gets_the_questions_before_as_they_were_read_with_their_answers() -> None:
    engine = ScriptedEngine()
    app = scripted_app(
        events_of(quotes_answer()), follow_up(), events_of(refusal("why?")), engine=engine
    )
    async with app.run_test(size=(120, 36)) as pilot:
        await ready(pilot)
        for question in (QUESTION, ASKED, "why?"):
            await answered(pilot, question)
        sentence = f"{MARGIN}, because freight and energy costs fell."
        assert [asked["earlier"] for asked in engine.asked] == [
            [],
            [{"question": QUESTION, "answer": sentence}],
            [
                {"question": QUESTION, "answer": sentence},
                {"question": READING, "answer": sentence},
            ],
        ]


async def test_how_a_follow_up_was_read_is_shown_kept_and_asked_again() -> None:
    engine = ScriptedEngine()
    app = scripted_app(events_of(quotes_answer()), follow_up(), follow_up(), engine=engine)
    async with app.run_test(size=(120, 50)) as pilot:
        await ready(pilot)
        await answered(pilot, QUESTION)
        assert "read as" not in screen_text(app)
        screen = await answered(pilot, ASKED)
        await shown(pilot, f"read as: {READING}")
        await until(pilot, lambda: len(kept()) == 2 and kept()[1].answer)
        assert [each.resolved_question for each in kept()] == [QUESTION, READING]
        await pilot.press("ctrl+r")
        await until(pilot, lambda: len(engine.asked) == 3 and screen.dialogue.idle)
        assert (engine.asked[2]["question"], engine.asked[2]["read_as"]) == (ASKED, READING)


async def test_a_reading_is_put_right_and_asked_as_it_is_written() -> None:
    engine = ScriptedEngine()
    app = scripted_app(follow_up(), events_of(refusal()), events_of(refusal()), engine=engine)
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await ready(pilot)
        await answered(pilot, ASKED)
        await pilot.press("alt+r")
        assert screen.pane.prompt.text == READING
        await pilot.press(*" Why?", "enter")
        await until(pilot, lambda: len(engine.asked) == 2 and screen.dialogue.idle)
        assert engine.asked[1]["question"] == engine.asked[1]["read_as"] == f"{READING} Why?"
        await answered(pilot, "and in 2021?")
        assert engine.asked[2]["read_as"] == ""


async def test_a_reading_is_still_one_after_a_look_at_earlier_questions() -> None:
    engine = ScriptedEngine()
    app = scripted_app(
        *[events_of(refusal())] * 2, follow_up(), events_of(refusal()), engine=engine
    )
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await ready(pilot)
        for question in (QUESTION, "why?", ASKED):
            await answered(pilot, question)
        await pilot.press("up", "up", "alt+r", "up")
        assert (screen.pane.prompt.text, screen.pane.prompt.as_written) == (ASKED, False)
        await pilot.press("down", "enter")
        await until(pilot, lambda: len(engine.asked) == 4 and screen.dialogue.idle)
        assert engine.asked[3]["question"] == engine.asked[3]["read_as"] == READING


async def test_there_is_no_reading_to_put_right_before_the_first_question() -> None:
    app = scripted_app()
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        await ready(pilot)
        await pilot.press("alt+r")
        await shown(pilot, "There is no question to edit yet.")


def test_a_follow_up_with_its_reading(snap_compare: Compare) -> None:
    assert snap_compare(scripted_app(follow_up()), terminal_size=SMALL, run_before=asking(ASKED))
