"""The whole program: the real engine, a real index job, and the screen."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from ragopt_tui.settings import Settings
from ragopt_tui.ui.app import RagoptApp
from ragopt_tui.ui.widgets.documents_pane import DocumentsPane
from tests.ui.waiting import answered, ask, main_screen, screen_text, shown, until

REPORT = """# Northwind Industries plc: Annual report 2023

## Results

Revenue rose to EUR 2,418 million in 2023, from EUR 2,279 million in 2022.

The operating margin was 14.2 % in 2023, up from 12.9 % in 2022.

## Dividend

The Board proposes a dividend of EUR 1.20 per share for 2023.
"""


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    folder = tmp_path / "reports [2023]"
    folder.mkdir()
    (folder / "northwind_2023.md").write_text(REPORT, encoding="utf-8")
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7 nothing more")
    return folder


async def test_a_folder_is_read_asked_and_its_source_opened_and_the_engine_may_die(
    reports: Path,
) -> None:
    app = RagoptApp(reports, Settings())
    async with app.run_test(size=(160, 45), notifications=True) as pilot:
        screen = main_screen(app)
        question = "What was the operating margin of Northwind in 2023?"
        await ask(pilot, question)
        await until(pilot, lambda: screen.conversation.exchanges[0].over, seconds=90)
        await shown(pilot, "1 document · ")
        await shown(pilot, "1 file left out")
        assert screen.conversation.exchanges[0].answer is not None
        assert "14.2 %" in screen_text(app)
        await pilot.press("alt+1")
        await shown(pilot, "▸   7  The operating margin was 14.2 % in 2023")
        await pilot.press("escape")

        os.kill(screen.workspace.engine.pid, signal.SIGKILL)  # type: ignore[attr-defined]
        await until(pilot, lambda: screen.workspace.engine.state == "ready", seconds=60)  # type: ignore[attr-defined]
        await answered(pilot, "What dividend is proposed for 2023?")
        await shown(pilot, "1.20")
        assert len(screen.conversation.exchanges) == 2

        await pilot.press("f3")
        await until(pilot, lambda: app.screen.query(DocumentsPane))
        await shown(pilot, "broken.pdf")
        await shown(pilot, "! left out")
