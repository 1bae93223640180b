"""What the screen looks like; look at a changed picture before accepting it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import DataTable

from ragopt_tui.chat.source_changes import SourceChange
from ragopt_tui.knowledge.difference import Difference
from ragopt_tui.models.machine import Machine
from ragopt_tui.settings import Settings
from ragopt_tui.ui.widgets.document_view import DocumentView
from ragopt_tui.ui.widgets.prompt import Prompt
from tests.ui.scripted import (
    EMBEDDING,
    NOON,
    QUESTION,
    REPORT,
    STATES,
    ScriptedEngine,
    ScriptedLibrary,
    died,
    events_of,
    quotes_answer,
    refusal,
    scripted_app,
    unsupported,
)
from tests.ui.waiting import answered, ask, library_read, main_screen, ready, shown, until

Compare = Callable[..., bool]
Step = Callable[[Pilot[Any]], Awaitable[None]]
WIDE = (160, 45)
USUAL = (120, 36)
SMALL = (80, 24)


@pytest.fixture(autouse=True)
def _still(monkeypatch: pytest.MonkeyPatch) -> None:
    """No blinking cursor, and neither folders nor the memory of this machine."""
    machine = Machine(64 << 30, 48 << 30)
    monkeypatch.setattr("ragopt_tui.models.machine.this_machine", lambda: machine)
    original = Prompt.__init__

    def still(prompt: Prompt, **values: Any) -> None:
        original(prompt, **values)
        prompt.cursor_blink = False

    monkeypatch.setattr(Prompt, "__init__", still)
    monkeypatch.setattr("textual.widgets.Input.cursor_blink", False)
    known = [
        (Path("/home/analyst/reports/northwind"), "used before"),
        (Path("/opt/ragopt-tui/sample_docs"), "sample documents"),
    ]
    monkeypatch.setattr("ragopt_tui.ui.folder_choice.known_folders", lambda: known)


def asking(question: str = QUESTION) -> Step:
    async def step(pilot: Pilot[Any]) -> None:
        await ready(pilot)
        await answered(pilot, question)
        await pilot.pause()

    return step


def test_first_start(snap_compare: Compare) -> None:
    async def asked(pilot: Pilot[Any]) -> None:
        await shown(pilot, "/home/analyst")

    assert snap_compare(scripted_app(docs=None), terminal_size=USUAL, run_before=asked)


def test_ready_for_the_first_question(snap_compare: Compare) -> None:
    async def opened(pilot: Pilot[Any]) -> None:
        await ready(pilot)
        await shown(pilot, "431 passages")

    assert snap_compare(scripted_app(), terminal_size=WIDE, run_before=opened)


def test_indexing(snap_compare: Compare) -> None:
    async def reading(pilot: Pilot[Any]) -> None:
        await shown(pilot, "43%")
        await library_read(pilot)
        await ask(pilot, QUESTION)
        await shown(pilot, "the answer follows")

    app = scripted_app(library=ScriptedLibrary([EMBEDDING]), engine=ScriptedEngine(passages=0))
    assert snap_compare(app, terminal_size=WIDE, run_before=reading)


def test_answer_with_sources(snap_compare: Compare) -> None:
    app = scripted_app(events_of(quotes_answer()))
    assert snap_compare(app, terminal_size=WIDE, run_before=asking())


def test_answer_on_a_large_screen(snap_compare: Compare) -> None:
    app = scripted_app(events_of(quotes_answer()))
    assert snap_compare(app, terminal_size=(200, 50), run_before=asking())


def test_source_opened(snap_compare: Compare) -> None:
    async def opened(pilot: Pilot[Any]) -> None:
        await asking()(pilot)
        await pilot.press("alt+1")
        await shown(pilot, "citation 1 of 2")
        await until(pilot, lambda: pilot.app.screen.query_one(DocumentView).virtual_size.height)

    app = scripted_app(events_of(quotes_answer()))
    assert snap_compare(app, terminal_size=USUAL, run_before=opened)


def test_refusal(snap_compare: Compare) -> None:
    app = scripted_app(events_of(refusal()))
    assert snap_compare(app, terminal_size=WIDE, run_before=asking())


def test_unsupported_generated_answer(snap_compare: Compare) -> None:
    app = scripted_app(events_of(unsupported()), variant="builtin-q8_0")
    assert snap_compare(app, terminal_size=WIDE, run_before=asking())


def test_error(snap_compare: Compare) -> None:
    app = scripted_app([*events_of(quotes_answer())[:3], died()])
    assert snap_compare(app, terminal_size=USUAL, run_before=asking())


def test_small_terminal(snap_compare: Compare) -> None:
    app = scripted_app(events_of(quotes_answer()))
    assert snap_compare(app, terminal_size=SMALL, run_before=asking())


def test_small_terminal_with_sources_over_the_chat(snap_compare: Compare) -> None:
    async def over(pilot: Pilot[Any]) -> None:
        await asking()(pilot)
        await pilot.press("f4")
        await shown(pilot, "Components segment moved")

    app = scripted_app(events_of(quotes_answer()))
    assert snap_compare(app, terminal_size=SMALL, run_before=over)


@pytest.mark.parametrize("size", [SMALL, WIDE], ids=["small", "wide"])
def test_a_changed_source(snap_compare: Compare, size: tuple[int, int]) -> None:
    async def changed(pilot: Pilot[Any]) -> None:
        await asking()(pilot)
        library.differs = Difference(changed=(REPORT,))
        library.changed = changes
        await main_screen(pilot.app).workspace.read_changes(NOON)
        await shown(pilot, "! Changed since this answer")
        await shown(pilot, "12:00 northwind")
        await until(pilot, lambda: not pilot.app.workers)

    changes = [
        SourceChange(STATES[0], "changed"),
        SourceChange(STATES[1], "renamed", "calls/q4_2023.txt"),
    ]
    library = ScriptedLibrary()
    app = scripted_app(events_of(quotes_answer()), library=library)
    assert snap_compare(app, terminal_size=size, run_before=changed)


def test_light_theme(snap_compare: Compare) -> None:
    app = scripted_app(events_of(quotes_answer()), settings=Settings(theme="textual-light"))
    assert snap_compare(app, terminal_size=WIDE, run_before=asking())


def test_without_colour(snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = scripted_app(events_of(quotes_answer()))
    assert snap_compare(app, terminal_size=USUAL, run_before=asking())


def test_documents(snap_compare: Compare) -> None:
    async def listed(pilot: Pilot[Any]) -> None:
        await ready(pilot)
        await pilot.press("f3")
        await until(pilot, lambda: pilot.app.screen.query_one(DataTable).row_count == 4)
        await shown(pilot, "It is encrypted")

    assert snap_compare(scripted_app(), terminal_size=USUAL, run_before=listed)


def test_commands(snap_compare: Compare) -> None:
    async def typed(pilot: Pilot[Any]) -> None:
        await ready(pilot)
        await pilot.press("slash")
        await shown(pilot, "/stop")

    assert snap_compare(scripted_app(), terminal_size=SMALL, run_before=typed)


def test_help(snap_compare: Compare) -> None:
    async def helped(pilot: Pilot[Any]) -> None:
        await ready(pilot)
        await pilot.press("f1")
        await shown(pilot, "Keys and commands")

    assert snap_compare(scripted_app(), terminal_size=USUAL, run_before=helped)
