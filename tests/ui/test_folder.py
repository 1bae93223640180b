"""Choosing a folder of documents."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import Input, OptionList

from ragopt_tui.errors import RagoptError
from ragopt_tui.ui.folder_choice import checked_folder, folders_like, known_folders, remember
from ragopt_tui.ui.screens.folder import FolderScreen
from ragopt_tui.ui.screens.main import MainScreen
from tests.ui.scripted import scripted_app
from tests.ui.waiting import ready, screen_text, shown, until


@pytest.fixture
def reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("reports 2023", "reports [2024]", "other", ".hidden"):
        (tmp_path / "docs" / name).mkdir(parents=True)
    (tmp_path / "docs" / "notes.md").write_text("x")
    return tmp_path / "docs"


async def test_the_first_start_asks_and_opens_the_folder_that_is_typed(reports: Path) -> None:
    app = scripted_app(docs=None)
    async with app.run_test(size=(100, 30)) as pilot:
        await shown(pilot, "Which documents?")
        await until(pilot, lambda: isinstance(app.screen, FolderScreen))
        app.screen.query_one(Input).value = str(reports / "reports [2024]")
        await pilot.press("enter")
        screen = await ready(pilot)
        assert screen.opening.docs == reports / "reports [2024]"
        assert "reports [2024]" in screen_text(app)
        assert known_folders()[0] == (reports / "reports [2024]", "used before")


async def test_what_is_wrong_with_a_path_is_said(reports: Path) -> None:
    app = scripted_app(docs=None)
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, FolderScreen))
        for typed, said in (
            ("nowhere", "There is no folder nowhere."),
            ("docs/notes.md", "is a file"),
        ):
            app.screen.query_one(Input).value = typed
            await pilot.press("enter")
            await shown(pilot, said)


async def test_tab_completes_and_down_chooses(reports: Path) -> None:
    app = scripted_app(docs=None)
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, FolderScreen))
        folders = app.screen.query_one(OptionList)
        await pilot.press(*"docs/rep")
        await until(pilot, lambda: folders.option_count == 2)
        await pilot.press("tab")
        assert app.screen.query_one(Input).value == "docs/reports 2023/"
        app.screen.query_one(Input).value = "docs/"
        await until(pilot, lambda: folders.option_count == 3)
        await pilot.press("down", "enter")
        screen = await ready(pilot)
        assert screen.opening.docs == reports / "other"


async def test_another_folder_can_be_opened_and_escape_keeps_the_one_before(reports: Path) -> None:
    app = scripted_app(docs=reports / "other")
    async with app.run_test(size=(100, 30)) as pilot:
        before = await ready(pilot)
        await pilot.press("ctrl+o")
        await shown(pilot, "Which documents?")
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is before)
        await pilot.press("ctrl+o")
        await shown(pilot, "Which documents?")
        app.screen.query_one(Input).value = str(reports / "reports 2023")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, MainScreen) and app.screen is not before)
        screen = await ready(pilot)
        assert screen.opening.docs == reports / "reports 2023"


def test_folders_are_offered_by_their_start_hidden_ones_when_asked(reports: Path) -> None:
    assert [path.name for path in folders_like("docs/")] == [
        "other",
        "reports 2023",
        "reports [2024]",
    ]
    assert [path.name for path in folders_like("docs/.h")] == [".hidden"]
    assert folders_like("nowhere/x") == []
    assert folders_like("docs/\0") == []


def test_checked_folders(reports: Path) -> None:
    assert checked_folder(" docs/other ") == reports / "other"
    for typed in ("", "nowhere", "docs/notes.md", "a\0b"):
        with pytest.raises(RagoptError):
            checked_folder(typed)


def test_folders_are_remembered_newest_first_and_only_while_they_exist(reports: Path) -> None:
    for name in ("other", "reports 2023", "other"):
        remember(reports / name)
    used = [path for path, why in known_folders() if why == "used before"]
    assert used == [reports / "other", reports / "reports 2023"]
    (reports / "other").rmdir()
    assert known_folders()[0][0] == reports / "reports 2023"
