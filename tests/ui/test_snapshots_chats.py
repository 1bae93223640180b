"""What conversations look like; look at a changed picture before accepting it."""

from __future__ import annotations

from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import OptionList

from tests.ui.kept import exchange, held
from tests.ui.scripted import QUESTION, events_of, quotes_answer, refusal, scripted_app
from tests.ui.test_snapshots import SMALL, USUAL, WIDE, Compare, _still  # noqa: F401 - a fixture
from tests.ui.waiting import ready, shown, until


async def searched(pilot: Pilot[Any]) -> None:
    held(
        exchange(QUESTION),
        exchange("What drove the margin of the Components segment?"),
        title="Margins 2023",
    )
    held(exchange("Is a dividend proposed?", refusal()), days_ago=3)
    held(exchange("How far did operating margins fall?"), days_ago=400, docs="/reports/other")
    await ready(pilot)
    await pilot.press("f7", *"margin")
    await until(pilot, lambda: pilot.app.screen.query_one(OptionList).option_count == 2)
    await shown(pilot, "Margins 2023")


@pytest.mark.parametrize("size", [SMALL, WIDE], ids=["small", "wide"])
def test_search_in_conversations(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(scripted_app(), terminal_size=size, run_before=searched)


def test_a_conversation_to_go_on_with(snap_compare: Compare) -> None:
    async def offered(pilot: Pilot[Any]) -> None:
        held(exchange(QUESTION, refusal()))
        await ready(pilot)
        await shown(pilot, "goes on with")

    assert snap_compare(scripted_app(), terminal_size=SMALL, run_before=offered)


def test_a_question_asked_again_and_its_answer_judged(snap_compare: Compare) -> None:
    async def again(pilot: Pilot[Any]) -> None:
        held(exchange(QUESTION, refusal()))
        await ready(pilot)
        await pilot.press("ctrl+t")
        await shown(pilot, "no answer in the documents")
        await pilot.press("ctrl+r")
        await shown(pilot, "there is an answer")
        await pilot.press("alt+y")
        await shown(pilot, "marked as a good answer")

    app = scripted_app(events_of(quotes_answer()))
    assert snap_compare(app, terminal_size=USUAL, run_before=again)
