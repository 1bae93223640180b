"""Make screenshots/*.svg from the running program on the sample documents.

The real index job and the real engine run, in a home of their own that is deleted afterwards.

    python recipes/screenshots/make_screenshots.py [folder]
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from textual.pilot import Pilot

from ragopt_tui.settings import Settings
from ragopt_tui.ui.app import RagoptApp
from ragopt_tui.ui.screens.main import MainScreen

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "sample_docs"
WIDE, USUAL, SMALL = (160, 45), (120, 36), (80, 24)
QUESTION = "What was Veldmark's revenue in 2024?"
UNANSWERED = "What is the name of Veldmark's dog?"
LONGEST_SECONDS = 300.0


async def until(pilot: Pilot[None], holds: Callable[[], bool]) -> None:
    """Let the program run until something holds."""
    async with asyncio.timeout(LONGEST_SECONDS):
        while not holds():
            await asyncio.sleep(0.05)
    # What came last is laid out and drawn before the picture is taken.
    for _ in range(5):
        await pilot.pause()


def save(app: RagoptApp, folder: Path, name: str) -> None:
    """Write a picture of the screen as it is now."""
    file = folder / f"{name}.svg"
    file.write_text(app.export_screenshot(title="ragopt-tui"), encoding="utf-8")
    print(file)


async def ready(pilot: Pilot[None], screen: MainScreen) -> None:
    """Wait until the documents are read and the engine can answer."""
    await until(pilot, lambda: not screen.workspace.indexing.running and screen.dialogue.ready)


async def ask(pilot: Pilot[None], screen: MainScreen, question: str) -> None:
    """Ask and wait for the answer."""
    screen.pane.prompt.put(question)
    before = len(screen.conversation.exchanges)
    await pilot.press("enter")
    await until(pilot, lambda: len(screen.conversation.exchanges) > before)
    await until(pilot, lambda: screen.conversation.exchanges[-1].over)


async def wide(folder: Path) -> None:
    """The first start, indexing, answers by quotes, a source, and the documents."""
    app = RagoptApp(DOCS, Settings())
    async with app.run_test(size=WIDE) as pilot:
        screen = main_screen(app)
        await until(pilot, lambda: (screen.workspace.indexing.fraction or 0) > 0.3)
        save(app, folder, "indexing")
        await ready(pilot, screen)
        await ask(pilot, screen, QUESTION)
        save(app, folder, "answer")
        await screen.run_action("screen.open_source")
        await until(pilot, lambda: app.screen is not screen)
        await until(pilot, lambda: bool(app.screen.query("DocumentView").first().virtual_size))
        save(app, folder, "source")
        await pilot.press("escape")
        await ask(pilot, screen, UNANSWERED)
        save(app, folder, "refusal")
        await pilot.press("f3")
        await until(pilot, lambda: bool(app.screen.query("DataTable").first().row_count))  # type: ignore[attr-defined]
        save(app, folder, "documents")
        await pilot.press("f2", "down")
        await until(pilot, lambda: "here" in app.screen.query("Facts").first().render().plain)  # type: ignore[attr-defined,union-attr]
        save(app, folder, "models")


async def generated(folder: Path) -> None:
    """An answer written by the built-in model."""
    app = RagoptApp(DOCS, Settings(), "builtin-q8_0")
    async with app.run_test(size=WIDE) as pilot:
        screen = main_screen(app)
        await ready(pilot, screen)
        await ask(pilot, screen, QUESTION)
        save(app, folder, "generated")


async def variations(folder: Path) -> None:
    """The same answer at 80x24 and in the light theme, the commands, the help, the first start."""
    for name, size, theme in (
        ("small", SMALL, "textual-dark"),
        ("light", WIDE, "textual-light"),
    ):
        app = RagoptApp(DOCS, Settings(theme=theme))
        async with app.run_test(size=size) as pilot:
            screen = main_screen(app)
            await ready(pilot, screen)
            await ask(pilot, screen, QUESTION)
            save(app, folder, name)
    # The folder that is offered is drawn without where this machine keeps it.
    os.environ["HOME"] = str(ROOT)
    app = RagoptApp(None, Settings())
    async with app.run_test(size=USUAL) as pilot:
        await until(pilot, lambda: bool(app.screen.query("#folder-path")))
        save(app, folder, "first-start")


def main_screen(app: RagoptApp) -> MainScreen:
    """The screen with the conversation."""
    screen = app.screen
    assert isinstance(screen, MainScreen)
    return screen


def main() -> None:
    """Make all pictures."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {"RAGOPT_HOME": home, "HF_HUB_OFFLINE": "1"}
        for part in (wide, generated, variations):
            asyncio.run(part(folder))


if __name__ == "__main__":
    main()
