"""Waiting for a state of the program, never for a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from textual.app import App
from textual.pilot import Pilot

from ragopt_tui.ui.screens.main import MainScreen

_LONGEST_SECONDS = 60.0


async def until(
    pilot: Pilot[None], holds: Callable[[], object], seconds: float = _LONGEST_SECONDS
) -> None:
    """Let the program run until something holds; fails after a minute, or as many seconds as given."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"did not come to hold: {screen_text(pilot.app)}")
        await asyncio.sleep(0.01)
    await pilot.pause()


def main_screen(app: App[None]) -> MainScreen:
    """The main screen that was opened last."""
    return next(screen for screen in reversed(app.screen_stack) if isinstance(screen, MainScreen))


def screen_text(app: App[None]) -> str:
    """All characters on the screen, line by line."""
    width, height = app.size
    strips = app.screen._compositor.render_strips()
    return "\n".join(strip.text.rstrip() for strip in strips[:height])[: width * height * 2]


async def shown(pilot: Pilot[None], text: str) -> None:
    """Wait until some text is on the screen."""
    await until(pilot, lambda: text in screen_text(pilot.app))


async def library_read(pilot: Pilot[None]) -> None:
    """Wait until the sidebar shows what is known of the models."""
    screen = main_screen(pilot.app)
    await until(pilot, lambda: any(entry.record.files for entry in screen.library.shelf.entries))


async def ready(pilot: Pilot[None]) -> MainScreen:
    """Wait until questions can be answered and the library has been read."""
    await until(pilot, lambda: any(isinstance(s, MainScreen) for s in pilot.app.screen_stack))
    screen = main_screen(pilot.app)
    await until(pilot, lambda: screen.dialogue.ready)
    await library_read(pilot)
    return screen


async def ask(pilot: Pilot[None], question: str) -> MainScreen:
    """Type a question, send it, and wait until it is in the conversation."""
    screen = main_screen(pilot.app)
    before = len(screen.conversation.exchanges)
    screen.pane.prompt.focus()
    screen.pane.prompt.put(question)
    await pilot.press("enter")
    await until(pilot, lambda: len(screen.conversation.exchanges) > before)
    return screen


async def answered(pilot: Pilot[None], question: str) -> MainScreen:
    """Ask and wait until the answer is whole."""
    screen = await ask(pilot, question)
    await until(pilot, lambda: screen.conversation.exchanges[-1].over and not screen.dialogue.busy)
    return screen
