"""The Documents tab."""

from __future__ import annotations

from textual.app import App
from textual.widgets import DataTable

from ragopt_tui.ui.indexing import Indexing
from ragopt_tui.ui.widgets.document_view import DocumentView
from tests.ui.scripted import DOCS, DONE, EMBEDDING, ScriptedLibrary, record, scripted_app
from tests.ui.waiting import ready, screen_text, shown, until


def files(app: App[None]) -> list[str | None]:
    table = app.screen.query_one(DataTable)
    return [row.key.value for row in table.ordered_rows]


async def test_each_file_has_its_state_and_left_out_ones_their_reason() -> None:
    app = scripted_app()
    async with app.run_test(size=(140, 30)) as pilot:
        await ready(pilot)
        await pilot.press("f3")
        await shown(pilot, "! left out")
        await shown(pilot, "It is encrypted and needs a password.")
        text = screen_text(app)
        assert "✓ read" in text
        assert "12 documents · 431 passages · 1 file left out" in text
        await pilot.press("f3")
        await shown(pilot, "Ask a question")


async def test_filter_sort_and_open() -> None:
    app = scripted_app()
    async with app.run_test(size=(140, 30), notifications=True) as pilot:
        await ready(pilot)
        await pilot.press("f3")
        await until(pilot, lambda: files(app)[-1:] == ["scan.pdf"])
        await pilot.press("s")
        assert files(app)[0] == "scan.pdf"
        await pilot.press("s")
        assert files(app)[0] == "northwind_annual_report_2023.md"
        await pilot.press("slash", *"q4", "enter")
        await until(pilot, lambda: files(app) == ["northwind_q4_2023_earnings_call.txt"])
        await pilot.press("enter")
        await until(pilot, lambda: app.screen.query(DocumentView))
        await shown(pilot, "61 lines")
        await pilot.press("escape")
        await until(pilot, lambda: not app.screen.query(DocumentView))
        app.screen.query_one("#filter").focus()
        await pilot.press("escape")
        await until(pilot, lambda: len(files(app)) == 4)


async def test_names_with_markup_and_escapes_are_shown_as_they_are() -> None:
    library = ScriptedLibrary(files=[record("[red]a[/] \x1b[31m\nb.md", 1, title="[/tmp] $m")])
    app = scripted_app(library=library)
    async with app.run_test(size=(140, 30)) as pilot:
        await ready(pilot)
        await pilot.press("f3")
        await shown(pilot, "[red]a[/]")
        assert "[/tmp] $m" in screen_text(app)


async def test_reading_shows_how_far_it_is_and_then_the_files() -> None:
    library = ScriptedLibrary([EMBEDDING], files=[])
    app = scripted_app(library=library)
    async with app.run_test(size=(140, 30)) as pilot:
        await shown(pilot, "reading documents… 43%")
        await pilot.press("f3")
        await shown(pilot, "━━━")
        await shown(pilot, "embedding · 12 s left")
        library.files = [record("late.md", 3)]
        library.states.append(DONE)
        await shown(pilot, "late.md")


async def test_an_empty_folder_says_what_to_do() -> None:
    summary = {**DONE.summary, "files": 0, "passages": 0, "left_out": []}
    library = ScriptedLibrary([Indexing(DOCS, running=False, summary=summary)], files=[])
    app = scripted_app(library=library)
    async with app.run_test(size=(140, 30)) as pilot:
        await shown(pilot, "No documents were found in this folder.")
        await pilot.press("f3")
        await shown(pilot, "press F5")


async def test_a_failed_reading_is_said_with_what_to_do() -> None:
    failed = Indexing(DOCS, running=False, problem="The disk is full.", hint="Free some space.")
    app = scripted_app(library=ScriptedLibrary([failed]))
    async with app.run_test(size=(140, 30)) as pilot:
        await shown(pilot, "! The disk is full.")
        await shown(pilot, "Free some space.")


async def test_rebuilding_asks_first() -> None:
    library = ScriptedLibrary()
    app = scripted_app(library=library)
    async with app.run_test(size=(140, 30)) as pilot:
        screen = await ready(pilot)
        screen.pane.prompt.put("/rebuild")
        await pilot.press("enter")
        await shown(pilot, "Read every document of sample_docs again?")
        await pilot.press("escape")
        await pilot.press("f5")
        await until(pilot, lambda: library.begun == [False, False])
        screen.action_rebuild()
        await shown(pilot, "Read every document")
        await pilot.press("y")
        await until(pilot, lambda: library.begun == [False, False, True])
