"""Answers say which of their sources are no longer what they were."""

from __future__ import annotations

from pathlib import Path

import pytest

from ragopt_tui.chat.source_changes import SourceChange
from ragopt_tui.settings import Settings
from ragopt_tui.ui.app import RagoptApp
from ragopt_tui.ui.widgets.answer_card import AnswerCard
from ragopt_tui.ui.widgets.citation_chip import CitationChip
from ragopt_tui.ui.widgets.document_view import DocumentView
from ragopt_tui.ui.widgets.source_card import SourceCard
from tests.ui.scripted import (
    CALL,
    QUESTION,
    REPORT,
    REPORT_TEXT,
    STATES,
    ScriptedEngine,
    ScriptedLibrary,
    events_of,
    quotes_answer,
    refusal,
    scripted_app,
    unsupported,
)
from tests.ui.waiting import answered, main_screen, ready, screen_text, shown, until

_LONG = 120.0
STATE_OF = {state.file: state for state in STATES}
CHANGED = SourceChange(STATE_OF[REPORT], "changed")


def on_card(app: RagoptApp) -> str:
    return " ".join(str(each.render()) for each in app.screen.query(".-since"))


def on_sources(app: RagoptApp) -> list[bool]:
    """Whether each source says that it changed."""
    cards = app.screen.query(SourceCard)
    return ["! changed since" in str(card.render()) for card in cards]


async def test_a_change_is_said_on_the_card_the_citation_and_the_source_and_taken_back() -> None:
    library = ScriptedLibrary()
    app = scripted_app(events_of(quotes_answer()), library=library)
    async with app.run_test(size=(160, 45)) as pilot:
        await ready(pilot)
        screen = await answered(pilot, QUESTION)
        assert on_card(app) == ""
        library.changed = [CHANGED]
        await pilot.press("f5")
        await shown(pilot, f"! Changed since this answer: {REPORT}")
        assert all("! changed since" in str(c.render()) for c in screen.query(CitationChip))
        assert on_sources(app) == [True, True, False, True]
        library.changed = []
        await pilot.press("f5")
        await until(pilot, lambda: not on_card(app))
        assert on_sources(app) == [False] * 4
        assert not screen.query_one(AnswerCard).has_class("-outdated")


async def test_an_answer_that_comes_from_a_file_already_changed_says_so_at_once() -> None:
    library = ScriptedLibrary(changed=[CHANGED])
    app = scripted_app(events_of(quotes_answer()), library=library)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await answered(pilot, QUESTION)
        await shown(pilot, "! Changed since this answer:")


async def test_a_file_that_is_gone_or_renamed_is_named_with_its_name_now() -> None:
    gone = SourceChange(STATE_OF[REPORT], "gone")
    library = ScriptedLibrary(changed=[gone])
    app = scripted_app(events_of(quotes_answer()), library=library)
    async with app.run_test(size=(160, 45), notifications=True) as pilot:
        await ready(pilot)
        await answered(pilot, QUESTION)
        await shown(pilot, f"! No longer in the folder: {REPORT}")
        await shown(pilot, "! no longer there")
        library.changed = [SourceChange(STATE_OF[REPORT], "renamed", CALL)]
        await pilot.press("f5")
        await until(
            pilot, lambda: on_card(app) == f"Renamed since this answer: {REPORT}, now {CALL}"
        )
        await pilot.press("alt+1")
        await shown(pilot, f"[1] {CALL}")


async def test_a_source_that_is_not_cited_is_marked_but_does_not_put_the_answer_in_question() -> (
    None
):
    library = ScriptedLibrary(changed=[SourceChange(STATE_OF[CALL], "changed")])
    app = scripted_app(events_of(quotes_answer()), library=library)
    async with app.run_test(size=(160, 45)) as pilot:
        await ready(pilot)
        await answered(pilot, QUESTION)
        await until(pilot, lambda: on_sources(app) == [False, False, True, False])
        assert on_card(app) == ""


async def test_a_refusal_and_the_quotes_beside_an_answer_say_it_too() -> None:
    library = ScriptedLibrary(changed=[CHANGED])
    asks = events_of(refusal()), events_of(unsupported())
    app = scripted_app(*asks, library=library)
    async with app.run_test(size=(160, 60)) as pilot:
        await ready(pilot)
        await answered(pilot, "What is the dividend?")
        await until(pilot, lambda: REPORT in on_card(app))
        screen = await answered(pilot, QUESTION)
        await until(pilot, lambda: len(screen.query(".-since")) == 3)


async def test_an_answer_of_a_conversation_that_is_resumed_says_it_too() -> None:
    app = scripted_app(events_of(quotes_answer()))
    async with app.run_test(size=(120, 36)) as pilot:
        await ready(pilot)
        await answered(pilot, QUESTION)
    app = scripted_app(library=ScriptedLibrary(changed=[CHANGED]))
    async with app.run_test(size=(120, 36)) as pilot:
        await ready(pilot)
        await shown(pilot, "goes on with")
        await pilot.press("ctrl+t")
        await shown(pilot, f"! Changed since this answer: {REPORT}")
        await until(pilot, lambda: on_sources(app).count(True) == 3)


async def test_a_source_opens_where_the_cited_words_stand_now_or_says_that_they_are_gone() -> None:
    engine = ScriptedEngine(
        documents={
            REPORT: "One more line.\n\n" + REPORT_TEXT.replace("14.2 % | 12.9", "14.3 % | 12.9")
        }
    )
    app = scripted_app(events_of(quotes_answer()), engine=engine)
    async with app.run_test(size=(120, 36)) as pilot:
        await ready(pilot)
        await answered(pilot, QUESTION)
        await pilot.press("alt+1")
        await shown(pilot, "what it cites stands here now")
        await shown(pilot, "line 9 · citation 1 of 2")
        await pilot.press("n")
        await shown(pilot, "what it cites is no longer in it")
        await shown(pilot, "not there · citation 2 of 2")
        assert app.screen.query_one(DocumentView).virtual_size.height
        await pilot.press("n")
        await shown(pilot, "line 9 · citation 1 of 2")


REVENUE = "# Northwind annual report 2023\n\nRevenue rose to EUR {} million in 2023.\n"


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "reports"
    folder.mkdir()
    (folder / "northwind.md").write_text(REVENUE.format("2,418"))
    return folder


async def test_a_file_is_corrected_after_the_answer_and_the_next_answer_has_the_correction(
    docs: Path,
) -> None:
    app = RagoptApp(docs, Settings())
    async with app.run_test(size=(120, 36)) as pilot:
        await until(pilot, lambda: main_screen(app).dialogue.ready, _LONG)
        screen = await answered(pilot, "What was Northwind's revenue in 2023?")
        await until(pilot, lambda: "2,418" in screen_text(app), _LONG)
        (docs / "northwind.md").write_text(REVENUE.format("2,481"))
        await until(
            pilot, lambda: "! Changed since this answer: northwind.md" in screen_text(app), _LONG
        )
        await until(pilot, lambda: "northwind.md changed" in screen_text(app), _LONG)
        await until(pilot, lambda: not screen.workspace.indexing.running, _LONG)
        await answered(pilot, "What was the revenue of Northwind in fiscal 2023?")
        await until(pilot, lambda: "2,481" in screen_text(app), _LONG)
        assert len(screen.query(".-since")) == 1
