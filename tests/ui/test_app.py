"""Themes, quitting, and what happens when something goes wrong."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from ragopt_tui.errors import RagoptError
from ragopt_tui.models.store import VariantStore
from ragopt_tui.settings import Settings, folders, load_settings
from tests.ui.library_records import BUILTIN
from tests.ui.scripted import (
    EMBEDDING,
    QUESTION,
    ScriptedEngine,
    ScriptedLibrary,
    events_of,
    quotes_answer,
    scripted_app,
)
from tests.ui.waiting import ask, ready, screen_text, shown, until


def test_an_unknown_theme_is_said_before_the_screen_opens() -> None:
    with pytest.raises(RagoptError, match="unknown theme 'neon'"):
        scripted_app(settings=Settings(theme="neon"))


def test_an_unknown_model_is_said_before_the_screen_opens() -> None:
    with pytest.raises(RagoptError, match="no model"):
        scripted_app(variant="bultin")


async def test_a_usual_model_whose_files_are_gone_leaves_quotes_to_answer_and_is_named(
    tmp_path: Path,
) -> None:
    gone = tmp_path / "gone"
    shutil.copytree(BUILTIN, gone)
    store = VariantStore(folders().models)
    store.add(gone, name="mine")
    shutil.rmtree(gone)
    with pytest.raises(RagoptError, match=r"gone is gone\."):
        scripted_app(variant="mine")
    app = scripted_app(settings=Settings(model="mine"), variant="mine")
    async with app.run_test(size=(120, 30), notifications=True) as pilot:
        await ready(pilot)
        await shown(pilot, "Quotes answer:")
        await shown(pilot, "quotes — verbatim")


async def test_an_unexpected_error_in_the_background_is_a_sentence_and_a_log() -> None:
    app = scripted_app()
    async with app.run_test(size=(120, 30), notifications=True) as pilot:
        screen = await ready(pilot)

        async def broken() -> None:
            raise KeyError("surprise [/tmp]")

        screen.run_worker(broken())
        await shown(pilot, "Something went wrong that should not have.")
        assert "Traceback" not in screen_text(app)
        assert "surprise [/tmp]" in (folders().logs / "interface.log").read_text()
        await pilot.press("f1")
        await shown(pilot, "Keys and commands")


async def test_an_answer_that_makes_no_sense_is_a_sentence_in_the_conversation() -> None:
    events = events_of(quotes_answer())
    events[-1].data.pop("evidence")
    app = scripted_app(events, events_of(quotes_answer()))
    async with app.run_test(size=(120, 30), notifications=True) as pilot:
        await ready(pilot)
        screen = await ask(pilot, QUESTION)
        await shown(pilot, "! The answer could not be shown.")
        assert "KeyError: 'evidence'" in (folders().logs / "interface.log").read_text()
        await until(pilot, lambda: not screen.dialogue.busy)
        await ask(pilot, "again?")
        await until(pilot, lambda: screen.conversation.exchanges[-1].state == "done")


async def test_an_error_that_stops_the_program_leaves_a_sentence_and_no_traceback(
    capsys: pytest.CaptureFixture[str],
) -> None:
    app = scripted_app()

    async def run() -> None:
        async with app.run_test(size=(120, 30)) as pilot:
            screen = await ready(pilot)
            screen.call_later(lambda: 1 // 0)
            await until(pilot, lambda: app.return_code)

    with pytest.raises(ZeroDivisionError):
        await run()
    assert app.return_code == 1
    said = capsys.readouterr().err
    assert "ragopt-tui had to stop" in said
    assert "Traceback" not in said
    assert "ZeroDivisionError" in (folders().logs / "interface.log").read_text()


async def test_quitting_asks_only_where_an_answer_would_be_lost() -> None:
    gate = asyncio.Event()
    events = events_of(quotes_answer())
    app = scripted_app([*events[:3], gate])
    async with app.run_test(size=(120, 30)) as pilot:
        await ready(pilot)
        screen = await ask(pilot, QUESTION)
        await until(pilot, lambda: screen.dialogue.busy)
        await pilot.press("ctrl+q")
        await shown(pilot, "Quit and lose it?")
        await pilot.press("n")
        await until(pilot, lambda: app.screen is screen)
        assert app.is_running
        await pilot.press("ctrl+q", "y")
        await until(pilot, lambda: not app.is_running or app.return_code == 0)


async def test_quitting_says_that_reading_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    app = scripted_app(library=ScriptedLibrary([EMBEDDING]))
    async with app.run_test(size=(120, 30)) as pilot:
        await shown(pilot, "reading documents")
        await pilot.press("ctrl+q")
    assert "go on being read in the background" in capsys.readouterr().err


async def test_the_theme_changes_between_light_and_dark() -> None:
    app = scripted_app()
    async with app.run_test(size=(120, 30)) as pilot:
        await ready(pilot)
        await pilot.press("f8")
        assert not app.current_theme.dark
        await pilot.press("f8")
        assert app.current_theme.dark


@pytest.mark.parametrize("theme", ["nord", "textual-light"])
async def test_the_theme_is_kept_for_the_next_start_and_the_chosen_one_comes_back(
    theme: str,
) -> None:
    app = scripted_app(settings=Settings(theme=theme))
    async with app.run_test(size=(120, 30)) as pilot:
        await ready(pilot)
        await pilot.press("f8")
        other = "textual-light" if theme == "nord" else "textual-dark"
        await until(pilot, lambda: load_settings().theme == app.theme == other)
        await pilot.press("f8")
        await until(pilot, lambda: load_settings().theme == app.theme == theme)


async def test_a_theme_that_cannot_be_kept_is_said_and_used_all_the_same(home: Path) -> None:
    app = scripted_app()
    (home / "config").mkdir(parents=True)
    (home / "config" / "settings.toml").write_text("theme = [")
    async with app.run_test(size=(120, 30), notifications=True) as pilot:
        await ready(pilot)
        await pilot.press("f8")
        await shown(pilot, "theme could not be saved")
        assert not app.current_theme.dark


async def test_without_colour_marks_tell_states_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = scripted_app(events_of(quotes_answer()))
    async with app.run_test(size=(160, 40)) as pilot:
        await ready(pilot)
        screen = await ask(pilot, QUESTION)
        await until(pilot, lambda: screen.conversation.exchanges[0].over)
        styles = {
            segment.style.color.triplet
            for strip in app.screen._compositor.render_strips()
            for segment in strip.apply_filter(app.get_line_filters()[-1], app.background_colors[0])
            if segment.style and segment.style.color and segment.style.color.triplet
        }
        assert styles
        assert all(t.red == t.green == t.blue for t in styles)
        assert "● quotes" in screen_text(app)
        assert "○ built-in Q8_0" in screen_text(app)


async def test_the_engine_ends_with_the_program() -> None:
    engine = ScriptedEngine()
    states = []
    app = scripted_app(engine=engine)
    async with app.run_test(size=(120, 30)) as pilot:
        await ready(pilot)
        engine.on_state = lambda state, reason: states.append(state)
    assert states == ["stopped"]
