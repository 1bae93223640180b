"""The companies and periods of a question on the screen: shown, taken away, kept, warned about."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from textual.pilot import Pilot

from ragopt_tui.chat.answer import Answer
from ragopt_tui.chat.protocol import Event
from ragopt_tui.knowledge.scope import Filter, OtherScope
from ragopt_tui.ui.screens.pick import Pick
from ragopt_tui.ui.widgets.scope_chips import ScopeChips
from tests.ui.kept import exchange, held, kept
from tests.ui.scripted import (
    QUESTION,
    ScriptedEngine,
    events_of,
    quotes_answer,
    refusal,
    scripted_app,
)
from tests.ui.test_snapshots import SMALL, WIDE, Compare, _still, asking
from tests.ui.waiting import answered, main_screen, ready, screen_text, shown, until

__all__ = ["_still"]

COMPANY = Filter("company", "Northwind Industries plc", "Northwind's", "used")
YEAR = Filter("period", "FY2023", "in 2023", "used")
BEFORE = Filter("period", "FY2022", "the year before", "relaxed")


def scoped(*filters: Filter, answer: Answer | None = None) -> list[Event]:
    """What the engine sends for a question with these filters."""
    answer = replace(answer or quotes_answer(), filters=filters)
    values = [each.to_json() for each in filters]
    return [Event(1, "filters", {"filters": values}), *events_of(answer)]


def removed(filter: Filter) -> Filter:
    return replace(filter, state="removed")


async def test_what_a_question_asks_about_is_shown_and_kept_with_it() -> None:
    app = scripted_app(scoped(COMPANY, BEFORE))
    async with app.run_test(size=(120, 36)) as pilot:
        await ready(pilot)
        await answered(pilot, QUESTION)
        await shown(pilot, "Northwind Industries plc ✕  FY2022 (too little there) ✕")
        await until(pilot, lambda: kept() and kept()[0].answer)
        assert kept()[0].scope == (COMPANY, BEFORE)


async def test_a_question_without_company_and_period_has_no_line_for_them() -> None:
    app = scripted_app(scoped())
    async with app.run_test(size=(120, 36)) as pilot:
        await ready(pilot)
        screen = await answered(pilot, QUESTION)
        assert not screen.query_one(ScopeChips).display
        await pilot.press("alt+w")
        assert app.screen is screen


async def test_the_only_filter_is_taken_away_and_put_back_by_one_key_each_as_a_further_question() -> (
    None
):
    engine = ScriptedEngine()
    scripts = [scoped(YEAR), scoped(removed(YEAR)), scoped(YEAR)]
    app = scripted_app(*scripts, engine=engine)
    async with app.run_test(size=(120, 60)) as pilot:
        await ready(pilot)
        screen = await answered(pilot, QUESTION)
        for n, without in ((2, [["period", "FY2023"]]), (3, [])):
            await pilot.press("alt+w")
            await until(pilot, lambda n=n: len(engine.asked) == n and screen.dialogue.idle)
            assert (engine.asked[-1]["question"], engine.asked[-1]["without"]) == (
                QUESTION,
                without,
            )
        await shown(pilot, "FY2023 removed +")
        await shown(pilot, "asked without FY2023; the text is the same.")
        await shown(pilot, "asked with FY2023 again; the text is the same.")
        await until(pilot, lambda: len(kept()) == 3 and kept()[2].answer)
        assert [each.scope for each in kept()] == [(YEAR,), (removed(YEAR),), (YEAR,)]


async def test_of_several_filters_one_is_picked_from_a_list() -> None:
    engine = ScriptedEngine()
    app = scripted_app(scoped(COMPANY, YEAR), scoped(COMPANY, removed(YEAR)), engine=engine)
    async with app.run_test(size=(120, 36)) as pilot:
        await ready(pilot)
        screen = await answered(pilot, QUESTION)
        await pilot.press("alt+w")
        await until(pilot, lambda: isinstance(app.screen, Pick))
        await pilot.press("down", "enter")
        await until(pilot, lambda: len(engine.asked) == 2 and screen.dialogue.idle)
        assert engine.asked[1]["without"] == [["period", "FY2023"]]


async def test_a_click_takes_a_filter_away_before_the_engine_says_so() -> None:
    engine = ScriptedEngine()
    app = scripted_app(scoped(COMPANY, YEAR), events_of(quotes_answer()), engine=engine)
    async with app.run_test(size=(120, 36)) as pilot:
        await ready(pilot)
        screen = await answered(pilot, QUESTION)
        chips = screen.query_one(ScopeChips)
        await pilot.click(chips, offset=(len("Northwind Industries plc ✕  FY"), 0))
        await until(pilot, lambda: len(engine.asked) == 2 and screen.dialogue.idle)
        assert engine.asked[1]["without"] == [["period", "FY2023"]]
        await shown(pilot, "FY2023 removed +")


async def test_asking_again_leaves_out_what_was_taken_away() -> None:
    held(exchange(QUESTION, scope=[COMPANY, removed(YEAR)]))
    engine = ScriptedEngine()
    app = scripted_app(scoped(COMPANY, removed(YEAR)), engine=engine)
    async with app.run_test(size=(120, 60)) as pilot:
        screen = await ready(pilot)
        await pilot.press("ctrl+t")
        await shown(pilot, "Northwind Industries plc ✕  FY2023 removed +")
        await pilot.press("ctrl+r")
        await until(pilot, lambda: len(engine.asked) == 1 and screen.dialogue.idle)
        assert engine.asked[0]["without"] == [["period", "FY2023"]]


async def test_another_question_is_asked_with_all_it_names() -> None:
    engine = ScriptedEngine()
    app = scripted_app(scoped(removed(YEAR)), scoped(YEAR), engine=engine)
    async with app.run_test(size=(120, 36)) as pilot:
        await ready(pilot)
        await answered(pilot, QUESTION)
        await answered(pilot, "And the year before?")
        assert engine.asked[1]["without"] == []


async def test_nothing_is_changed_while_the_question_is_still_being_answered() -> None:
    import asyncio

    engine = ScriptedEngine()
    app = scripted_app([scoped(YEAR)[0], asyncio.Event()], engine=engine)
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        await ready(pilot)
        main_screen(app).pane.prompt.put(QUESTION)
        await pilot.press("enter")
        await shown(pilot, "FY2023 ✕")
        await pilot.press("alt+w")
        await shown(pilot, "still being answered")
        assert len(engine.asked) == 1
        await pilot.press("escape")
        await shown(pilot, "Stopped.")


async def test_a_citation_about_another_period_is_warned_about() -> None:
    other = (OtherScope(2, "period", "FY2023", "FY2022"), OtherScope(1, "company", "A", "B [x]"))
    app = scripted_app(events_of(replace(quotes_answer(), other_scope=other)))
    async with app.run_test(size=(120, 36)) as pilot:
        await ready(pilot)
        await answered(pilot, QUESTION)
        assert "! [2] is about FY2022, not FY2023." in screen_text(app)
        assert "! [1] is about B [x], not A." in screen_text(app)


MANY = (COMPANY, Filter("company", "Tarnbrook Instruments plc", "Tarnbrook", "used"), YEAR, BEFORE)
WARNED = replace(quotes_answer(), other_scope=(OtherScope(2, "period", "FY2023", "FY2022"),))


async def in_all_states(pilot: Pilot[Any]) -> None:
    await asking()(pilot)
    await pilot.press("alt+w", "down", "down", "enter")
    screen = main_screen(pilot.app)
    await until(pilot, lambda: len(screen.conversation.exchanges) == 2 and screen.dialogue.idle)
    await shown(pilot, "removed")


@pytest.mark.parametrize("size", [SMALL, WIDE], ids=["small", "wide"])
def test_chips_kept_to_relaxed_and_removed(snap_compare: Compare, size: tuple[int, int]) -> None:
    after = scoped(COMPANY, MANY[1], removed(YEAR), BEFORE, answer=refusal())
    app = scripted_app(scoped(*MANY), after)
    assert snap_compare(app, terminal_size=size, run_before=in_all_states)


def test_chips_without_colour(snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = scripted_app(scoped(COMPANY, removed(YEAR), BEFORE))
    assert snap_compare(app, terminal_size=SMALL, run_before=asking())


def test_a_company_or_period_to_pick(snap_compare: Compare) -> None:
    async def listed(pilot: Pilot[Any]) -> None:
        await asking()(pilot)
        await pilot.press("alt+w")
        await shown(pilot, "Enter asks again")

    app = scripted_app(scoped(*MANY[:3], removed(BEFORE)))
    assert snap_compare(app, terminal_size=SMALL, run_before=listed)


@pytest.mark.parametrize("size", [SMALL, WIDE], ids=["small", "wide"])
def test_a_citation_about_another_year(snap_compare: Compare, size: tuple[int, int]) -> None:
    app = scripted_app(scoped(COMPANY, YEAR, answer=WARNED))
    assert snap_compare(app, terminal_size=size, run_before=asking())
