"""Side panels fold by width and by key."""

from __future__ import annotations

import pytest

from ragopt_tui.ui.panels import Panel
from tests.ui.scripted import QUESTION, events_of, quotes_answer, scripted_app
from tests.ui.waiting import answered, ready, until


@pytest.mark.parametrize(("width", "state"), [(80, "hidden"), (109, "hidden"), (110, "beside")])
def test_the_width_decides_until_the_user_does(width: int, state: str) -> None:
    panel = Panel(110)
    panel.resize(width)
    assert panel.state == state
    panel.toggle()
    assert panel.state == ("over" if state == "hidden" else "hidden")
    panel.toggle()
    assert panel.state == state


def test_a_choice_is_forgotten_when_the_width_crosses_the_mark() -> None:
    panel = Panel(110)
    panel.resize(80)
    panel.toggle()
    panel.resize(81)
    assert panel.state == "over"
    panel.resize(120)
    assert panel.state == "beside"
    panel.resize(80)
    assert panel.state == "hidden"


@pytest.mark.parametrize(
    ("size", "shown"),
    [((80, 24), (False, False)), ((120, 40), (True, False)), ((200, 50), (True, True))],
)
async def test_panels_at_usual_sizes(size: tuple[int, int], shown: tuple[bool, bool]) -> None:
    app = scripted_app()
    async with app.run_test(size=size) as pilot:
        screen = await ready(pilot)
        assert (screen.query_one("#sidebar").display, screen.sources.display) == shown


async def test_sources_lie_over_the_chat_take_the_focus_and_go_with_escape() -> None:
    app = scripted_app(events_of(quotes_answer()))
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        screen = await answered(pilot, QUESTION)
        await pilot.press("f4")
        await until(pilot, lambda: screen.focused is screen.sources.cards[0])
        assert screen.sources.has_class("-over")
        await pilot.press("escape")
        await until(pilot, lambda: screen.focused is screen.pane.prompt)
        assert not screen.sources.display


async def test_hiding_a_panel_gives_the_focus_back() -> None:
    app = scripted_app(events_of(quotes_answer()))
    async with app.run_test(size=(200, 50)) as pilot:
        await ready(pilot)
        screen = await answered(pilot, QUESTION)
        screen.sources.cards[1].focus()
        await pilot.press("f4")
        await until(pilot, lambda: screen.focused is screen.pane.prompt)
