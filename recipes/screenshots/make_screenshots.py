"""Make screenshots/*.svg from the running program on the sample documents.

The real index job, training and engine run, in a home of their own that is deleted afterwards.

    python recipes/screenshots/make_screenshots.py [folder]
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from textual.pilot import Pilot
from textual.widgets import OptionList

from ragopt_tui.errors import RagoptError
from ragopt_tui.settings import Settings
from ragopt_tui.training.configuration.presets import preset
from ragopt_tui.training.configuration.values import Schedule
from ragopt_tui.training.data.importing import Request, import_set
from ragopt_tui.training.data.store import DataSetStore
from ragopt_tui.training.runs.starting import start_training
from ragopt_tui.ui.app import RagoptApp
from ragopt_tui.ui.screens.main import MainScreen
from ragopt_tui.ui.widgets.chart_board import ChartBoard

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "sample_docs"
WIDE, USUAL, SMALL = (160, 45), (120, 36), (80, 24)
QUESTION = "What was Veldmark's revenue in 2024?"
UNANSWERED = "What is the name of Veldmark's dog?"
LONGEST_SECONDS = 300.0
ASKED = {"prompt": "question", "completion": "answer"}
SAMPLE = "What was Veldmark's revenue in 2024?"
SCHEDULE = Schedule(
    max_steps=60, per_device_train_batch_size=4, max_length=128, warmup_steps=6, eval_steps=10,
    save_steps=0, padding_free=True,
)  # fmt: skip


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


def trained() -> None:
    """Train the built-in model twice for some steps, the second time at a lower rate."""
    data = ROOT / "recipes" / "finance_questions" / "finance_questions.csv"
    id = import_set(
        Request(str(data), format="prompt-completion", columns=ASKED, group="group"), DataSetStore()
    ).id
    for name, rate in (("finance questions", 2e-3), ("at a lower rate", 3e-4)):
        schedule = replace(SCHEDULE, learning_rate=rate)
        config = replace(preset("cpu-demo").config, name=name, training=schedule)
        config = replace(config, data=replace(config.data, set=id), samples=(SAMPLE,))
        job = start_training(config)
        deadline = time.monotonic() + LONGEST_SECONDS
        while job.state == "running" and time.monotonic() < deadline:
            time.sleep(0.2)
        if job.state != "finished":
            raise RagoptError(f"The run {name} did not finish: {job.reason}")


async def training(folder: Path) -> None:
    """The curves of two runs beside each other."""
    trained()
    app = RagoptApp(DOCS, Settings())
    async with app.run_test(size=WIDE) as pilot:
        await ready(pilot, main_screen(app))
        await pilot.press("f10")
        runs = app.screen.query("#runs")
        await until(pilot, lambda: bool(runs) and runs.only_one(OptionList).option_count == 2)
        await pilot.press("space", "down", "space")
        await until(pilot, lambda: _compared(app))
        save(app, folder, "training")


def _compared(app: RagoptApp) -> bool:
    pictures = app.screen.query_one(ChartBoard).pictures
    return bool(pictures) and {line.mark for line in pictures[0].lines if line.columns} >= {
        "A",
        "B",
    }


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
    for parts in ((training,), (wide, generated, variations)):
        with tempfile.TemporaryDirectory() as home:
            os.environ |= {"RAGOPT_HOME": home, "HF_HUB_OFFLINE": "1"}
            for part in parts:
                asyncio.run(part(folder))


if __name__ == "__main__":
    main()
