"""A document opened at its citations."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ragopt_tui.chat.answer import Answer
from ragopt_tui.knowledge.document import Document
from ragopt_tui.ui.widgets.document_view import DocumentView
from tests.ui.scripted import (
    CALL,
    QUESTION,
    REMARK,
    REPORT,
    ScriptedEngine,
    citation,
    events_of,
    quotes_answer,
    scripted_app,
)
from tests.ui.waiting import answered, ready, screen_text, shown, until


def across_files() -> Answer:
    """An answer that cites two passages of the report and one of the call."""
    answer = quotes_answer()
    third = citation(3, REMARK, "operating margin of 14.2 percent")
    return replace(answer, citations=(*answer.citations, third))


def marked(view: DocumentView) -> list[str]:
    """The marked pieces of text that are on the screen."""
    marks = [
        view.get_component_rich_style(f"document--{name}").bgcolor for name in ("mark", "current")
    ]
    return [
        segment.text
        for y in range(view.size.height)
        for segment in view.render_line(y)
        if segment.style and segment.style.bgcolor in marks and segment.text.strip()
    ]


async def test_it_opens_at_the_cited_lines_with_the_quote_marked() -> None:
    app = scripted_app(events_of(across_files()))
    async with app.run_test(size=(100, 30)) as pilot:
        await ready(pilot)
        await answered(pilot, QUESTION)
        await pilot.press("alt+3")
        await shown(pilot, "line 60 · citation 3 of 3")
        view = app.screen.query_one(DocumentView)
        await shown(pilot, "CFO: Our operating margin")
        assert marked(view) == ["operating margin of 14.2 percent"]
        assert "▸  60  CFO:" in screen_text(app)
        assert "Operator remark 40." in screen_text(app)


async def test_n_and_p_step_through_citations_from_file_to_file_and_escape_goes_back() -> None:
    app = scripted_app(events_of(across_files()))
    async with app.run_test(size=(100, 30)) as pilot:
        await ready(pilot)
        screen = await answered(pilot, QUESTION)
        await pilot.press("alt+1")
        await shown(pilot, f"[1] {REPORT}")
        await pilot.press("n")
        await shown(pilot, "line 13 · citation 2 of 3")
        await pilot.press("n")
        await shown(pilot, f"[3] {CALL}")
        await pilot.press("n")
        await shown(pilot, "line 7 · citation 1 of 3")
        await pilot.press("p")
        await shown(pilot, "line 60 · citation 3 of 3")
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)


async def test_search_marks_matches_and_steps_through_them() -> None:
    app = scripted_app(events_of(across_files()))
    async with app.run_test(size=(100, 30)) as pilot:
        await ready(pilot)
        screen = await answered(pilot, QUESTION)
        await pilot.press("alt+3")
        await shown(pilot, "citation 3 of 3")
        await pilot.press("slash", *"remark 5", "enter")
        await shown(pilot, "match 1 of 11")
        await shown(pilot, "Operator remark 5.")
        await pilot.press("n")
        await shown(pilot, "match 2 of 11")
        await pilot.press("p", "p")
        await shown(pilot, "match 11 of 11")
        await pilot.press("escape")
        await shown(pilot, "line 60 · citation 3 of 3")
        assert app.screen is not screen
        await pilot.press("slash", *"zzz", "enter")
        await shown(pilot, "! Nothing found.")


async def test_a_file_that_is_gone_is_said_and_the_screen_can_be_left() -> None:
    engine = ScriptedEngine(documents={})
    app = scripted_app(events_of(quotes_answer()), engine=engine)
    async with app.run_test(size=(100, 30)) as pilot:
        await ready(pilot)
        screen = await answered(pilot, QUESTION)
        await pilot.press("alt+1")
        await shown(pilot, f"! {REPORT} is no longer in the folder. F5 reads what changed.")
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)


async def test_resizing_stays_at_the_line() -> None:
    app = scripted_app(events_of(across_files()))
    async with app.run_test(size=(100, 30)) as pilot:
        await ready(pilot)
        await answered(pilot, QUESTION)
        await pilot.press("alt+3")
        await shown(pilot, "CFO: Our operating margin")
        await pilot.resize_terminal(60, 20)
        await until(pilot, lambda: app.screen.query_one(DocumentView).size.height == 18)
        await shown(pilot, "Operator remark 5")


async def test_a_hundred_thousand_lines_draw_only_the_rows_in_view(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines = [f"line {n} of a long ledger, {n * 7} euros" for n in range(1, 100_001)]
    engine = ScriptedEngine(documents={"ledger.csv": "\n".join(lines)})
    app = scripted_app(engine=engine)
    drawn: list[int] = []
    original = DocumentView.render_line
    monkeypatch.setattr(
        DocumentView, "render_line", lambda view, y: drawn.append(y) or original(view, y)
    )
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await ready(pilot)
        from ragopt_tui.ui.messages import OpenDocument

        screen.post_message(OpenDocument("ledger.csv"))
        await shown(pilot, "100,000 lines")
        await shown(pilot, "line 1 of a long ledger")
        await pilot.press("end")
        await shown(pilot, "line 100000 of a long ledger, 700000 euros")
        assert len(drawn) < 5000


async def test_pages_and_wide_characters_are_shown_where_they_stand() -> None:
    view = DocumentView()
    text = "first page\n決算短信 " + "売上高 " * 30 + "\nlast [bold]line[/]"
    document = Document("a.pdf", "a", text, (), (1, 1, 2), (1, 2, 2))
    app = scripted_app()
    async with app.run_test(size=(60, 20)) as pilot:
        await ready(pilot)
        await app.screen.mount(view)
        view.styles.height = 10
        await pilot.pause()
        await view.show(document, [])
        await pilot.pause()
        rows = [view.render_line(y).text for y in range(8)]
        assert rows[0].split() == ["p1", "1", "first", "page"]
        assert rows[1].split()[:2] == ["p2", "1"]
        assert any("last [bold]line[/]" in row for row in rows)
        assert all(strip == 60 for strip in (view.render_line(y).cell_length for y in range(8)))
