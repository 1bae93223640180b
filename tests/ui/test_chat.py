"""Asking and answering on the screen."""

from __future__ import annotations

import asyncio

from textual import events

from ragopt_tui.chat.protocol import Event
from ragopt_tui.errors import RagoptError
from ragopt_tui.ui.widgets.answer_text import AnswerText
from ragopt_tui.ui.widgets.citation_chip import CitationChip
from ragopt_tui.ui.widgets.conversation import Conversation
from ragopt_tui.ui.widgets.exchange_card import ExchangeCard
from tests.ui.scripted import (
    DONE,
    EMBEDDING,
    QUESTION,
    ScriptedEngine,
    ScriptedLibrary,
    died,
    events_of,
    quotes_answer,
    refusal,
    scripted_app,
    unsupported,
)
from tests.ui.waiting import answered, ask, ready, screen_text, shown, until

WIDE = (160, 45)


async def test_an_answer_shows_who_spoke_its_citations_and_its_sources() -> None:
    engine = ScriptedEngine()
    app = scripted_app(events_of(quotes_answer()), engine=engine)
    async with app.run_test(size=WIDE) as pilot:
        await ready(pilot)
        screen = await answered(pilot, QUESTION)
        text = screen_text(app)
        assert "quotes — verbatim" in text
        assert "0.3 s" in text
        assert "[1] northwind_annual_report_2023.md  line 7" in text
        assert "4 passages" in text
        assert len(screen.sources.cards) == 4
        (asked,) = engine.asked
        assert asked == {
            "question": QUESTION,
            "variant": "quotes",
            "passages": 6,
            "earlier": [],
            "read_as": "",
            "without": [],
        }
        assert app.query_one(AnswerText).source == quotes_answer().text


async def test_a_citation_in_the_text_opens_its_document() -> None:
    app = scripted_app(events_of(quotes_answer()))
    async with app.run_test(size=WIDE) as pilot:
        await ready(pilot)
        screen = await answered(pilot, QUESTION)
        card = screen.query_one(AnswerText)
        block = card.query("MarkdownParagraph").first()
        await block.action_link("source:1")
        await shown(pilot, "citation 1 of 2")


async def test_number_keys_open_sources_from_the_prompt_with_alt_and_elsewhere_without() -> None:
    app = scripted_app(events_of(quotes_answer()))
    async with app.run_test(size=WIDE) as pilot:
        await ready(pilot)
        screen = await answered(pilot, QUESTION)
        await pilot.press("alt+2")
        await shown(pilot, "line 13 · citation 2 of 2")
        await pilot.press("escape")
        await pilot.press("3")
        assert screen.pane.prompt.text == "3"
        screen.query(CitationChip).first().focus()
        await pilot.press("3")
        await shown(pilot, "northwind_q4_2023_earnings_call.txt")
        await shown(pilot, "line 60 · 3 of 3, not cited")


async def test_a_refusal_says_so_and_shows_the_closest_passages() -> None:
    app = scripted_app(events_of(refusal()))
    async with app.run_test(size=WIDE) as pilot:
        await ready(pilot)
        await answered(pilot, QUESTION)
        text = screen_text(app)
        assert "! no answer in the documents" in text
        assert "Closest passages" in text
        assert not app.query(CitationChip)


async def test_an_unsupported_answer_gives_the_reason_and_the_quotes_below() -> None:
    app = scripted_app(events_of(unsupported()))
    async with app.run_test(size=WIDE) as pilot:
        await ready(pilot)
        await answered(pilot, QUESTION)
        text = screen_text(app)
        assert "! Not supported by its sources: 15.8 % stands in no cited passage." in text
        assert "! [7] points at no source." in text
        assert "[7?]" in text
        assert text.index("built-in Q8_0 — generated") < text.index("quotes — verbatim")


async def test_questions_asked_while_documents_are_read_are_answered_afterwards() -> None:
    library = ScriptedLibrary([EMBEDDING])
    app = scripted_app(
        events_of(quotes_answer()), library=library, engine=ScriptedEngine(passages=0)
    )
    async with app.run_test(size=WIDE) as pilot:
        await shown(pilot, "reading documents… 43%")
        screen = await ask(pilot, QUESTION)
        await shown(pilot, "reading documents… the answer follows")
        library.states.append(DONE)
        await until(pilot, lambda: screen.conversation.exchanges[0].state == "done")
        await shown(pilot, "12 documents · 431 passages · 1 file left out")


async def test_one_question_waits_while_an_answer_is_written_and_a_second_stays_in_the_prompt() -> (
    None
):
    gate = asyncio.Event()
    events = events_of(quotes_answer())
    app = scripted_app([*events[:3], gate, *events[3:]], events_of(refusal("second?")))
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await ready(pilot)
        screen = await ask(pilot, QUESTION)
        await until(pilot, lambda: screen.dialogue.busy)
        await ask(pilot, "second?")
        await shown(pilot, "waits for the answer before it")
        screen.pane.prompt.put("third?")
        await pilot.press("enter")
        await shown(pilot, "One question waits already")
        assert screen.pane.prompt.text == "third?"
        gate.set()
        await until(pilot, lambda: all(e.state == "done" for e in screen.conversation.exchanges))
        assert [e.question for e in screen.conversation.exchanges] == [QUESTION, "second?"]


async def test_escape_stops_the_answer_and_keeps_what_had_come() -> None:
    gate = asyncio.Event()
    events = events_of(quotes_answer())
    app = scripted_app([*events[:4], gate, *events[4:]])
    async with app.run_test(size=WIDE) as pilot:
        await ready(pilot)
        screen = await ask(pilot, QUESTION)
        await shown(pilot, "Operating margin was")
        await pilot.press("escape")
        await until(pilot, lambda: screen.conversation.exchanges[0].state == "stopped")
        await shown(pilot, "Stopped.")
        assert "Operating margin was" in screen_text(app)
        assert not screen.dialogue.busy


async def test_escape_takes_back_a_question_that_waits() -> None:
    app = scripted_app(library=ScriptedLibrary([EMBEDDING]), engine=ScriptedEngine(passages=0))
    async with app.run_test(size=WIDE) as pilot:
        await shown(pilot, "reading documents")
        screen = await ask(pilot, QUESTION)
        await pilot.press("escape")
        await until(pilot, lambda: screen.conversation.exchanges[0].state == "stopped")


async def test_death_of_the_engine_is_one_sentence_and_the_conversation_goes_on() -> None:
    engine = ScriptedEngine()
    events = events_of(quotes_answer())
    app = scripted_app(events, [*events[:4], died()], events_of(refusal("again?")), engine=engine)
    async with app.run_test(size=WIDE) as pilot:
        screen = await ready(pilot)
        await answered(pilot, QUESTION)
        starts = engine.starts
        await answered(pilot, "and now?")
        engine.die("The engine was killed.")
        assert "! The engine was killed, probably because memory ran out" in screen_text(app)
        await until(pilot, lambda: engine.starts > starts)
        await answered(pilot, "again?")
        assert [e.state for e in screen.conversation.exchanges] == ["done", "failed", "done"]


async def test_an_engine_that_keeps_dying_is_not_started_for_ever() -> None:
    engine = ScriptedEngine()
    app = scripted_app(engine=engine)
    async with app.run_test(size=WIDE) as pilot:
        screen = await ready(pilot)
        before = engine.starts
        for _ in range(6):
            await screen.workspace.restart_engine()
        assert engine.starts - before == 3


async def test_a_failed_request_says_why_and_what_to_do() -> None:
    failed = Event(
        1, "failed", {"message": "The index is damaged.", "hint": "/rebuild repairs it."}
    )
    app = scripted_app([failed], events_of(quotes_answer()))
    async with app.run_test(size=WIDE) as pilot:
        await ready(pilot)
        screen = await answered(pilot, QUESTION)
        assert "! The index is damaged." in screen_text(app)
        assert "/rebuild repairs it." in screen_text(app)
        await pilot.press("ctrl+r")
        await until(pilot, lambda: screen.conversation.exchanges[-1].state == "done")
        assert [e.question for e in screen.conversation.exchanges] == [QUESTION, QUESTION]


async def test_the_arrow_keys_at_the_edges_go_through_earlier_questions() -> None:
    app = scripted_app(events_of(quotes_answer()), events_of(quotes_answer()))
    async with app.run_test(size=WIDE) as pilot:
        screen = await ready(pilot)
        await answered(pilot, "first\nquestion")
        await answered(pilot, "second")
        await pilot.press(*"draft", "up")
        assert screen.pane.prompt.text == "second"
        await pilot.press("up")
        assert screen.pane.prompt.text == "first\nquestion"
        await pilot.press("up")
        assert screen.pane.prompt.cursor_location[0] == 0
        await pilot.press("down", "down", "down")
        assert screen.pane.prompt.text == "draft"


async def test_up_in_a_question_of_several_rows_goes_up_a_row_first() -> None:
    app = scripted_app(events_of(quotes_answer()))
    async with app.run_test(size=(60, 24)) as pilot:
        screen = await ready(pilot)
        await answered(pilot, "first")
        long = "What was the operating margin of Northwind Industries in the fiscal year 2023?"
        screen.pane.prompt.put(long)
        await pilot.pause()
        await pilot.press("up")
        assert screen.pane.prompt.text == long
        await pilot.press("up")
        assert screen.pane.prompt.text == "first"
        await pilot.press("down")
        assert screen.pane.prompt.text == long


async def test_what_fits_stands_at_the_top_after_the_terminal_grew() -> None:
    app = scripted_app(events_of(quotes_answer()))
    async with app.run_test(size=(80, 14)) as pilot:
        await ready(pilot)
        screen = await answered(pilot, QUESTION)
        await until(pilot, lambda: screen.conversation.is_anchored)
        await pilot.resize_terminal(120, 50)
        await until(pilot, lambda: "You" in screen_text(app).split("\n")[2])


async def test_ctrl_j_makes_a_new_line_and_enter_sends_all_of_it() -> None:
    engine = ScriptedEngine()
    app = scripted_app(events_of(quotes_answer()), engine=engine)
    async with app.run_test(size=WIDE) as pilot:
        await ready(pilot)
        await pilot.press("a", "ctrl+j", "b", "enter")
        await until(pilot, lambda: engine.asked)
        assert engine.asked[0]["question"] == "a\nb"


async def test_a_question_and_enter_that_come_in_one_burst_are_sent_whole() -> None:
    engine = ScriptedEngine()
    app = scripted_app(events_of(quotes_answer()), engine=engine)
    async with app.run_test(size=WIDE) as pilot:
        await ready(pilot)
        for character in "capex?":
            app.post_message(events.Key(character, character))
        app.post_message(events.Key("enter", "\r"))
        await until(pilot, lambda: engine.asked)
        assert engine.asked[0]["question"] == "capex?"


async def test_slash_lists_commands_and_runs_the_marked_one() -> None:
    app = scripted_app()
    async with app.run_test(size=WIDE) as pilot:
        screen = await ready(pilot)
        await pilot.press("slash", "t", "h")
        await shown(pilot, "/theme")
        await pilot.press("enter")
        await until(pilot, lambda: app.theme == "textual-light")
        assert screen.pane.prompt.text == ""
        await pilot.press("slash", "down", "escape")
        await until(pilot, lambda: not screen.pane.query_one("#completion").display)
        assert screen.pane.prompt.text == "/"


async def test_an_unknown_command_is_not_sent_as_a_question() -> None:
    engine = ScriptedEngine()
    app = scripted_app(engine=engine)
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await ready(pilot)
        await pilot.press(*"/xyzzy", "enter")
        await shown(pilot, "There is no command /xyzzy")
        assert not engine.asked


async def test_the_answer_and_a_citation_are_copied_with_where_they_stand() -> None:
    app = scripted_app(events_of(quotes_answer()))
    async with app.run_test(size=WIDE) as pilot:
        await ready(pilot)
        await answered(pilot, QUESTION)
        await pilot.press("f9")
        assert app.clipboard.endswith("[2] northwind_annual_report_2023.md, line 13")
        app.query(CitationChip).first().focus()
        await pilot.press("c")
        await pilot.pause()
        assert app.clipboard.startswith("“Operating margin was 14.2 %")
        assert app.clipboard.endswith("— northwind_annual_report_2023.md, line 7")


async def test_text_of_models_and_documents_is_neither_markup_nor_terminal_control() -> None:
    nasty = "[bold]x[/] [/tmp] \x1b]0;title\x07 <b>html</b> $m [@click=app.quit]q[/] 𝕏 [9]"
    events = events_of(quotes_answer())
    app = scripted_app(
        [
            *events[:2],
            Event(1, "text", {"text": nasty}),
            Event(1, "failed", {"message": nasty, "hint": nasty}),
        ]
    )
    async with app.run_test(size=WIDE) as pilot:
        await ready(pilot)
        await answered(pilot, nasty)
        text = screen_text(app)
        assert "\x1b" not in text
        for part in ("[bold]x[/] [/tmp]", "<b>html</b> $m [@click=app.quit]q[/]"):
            assert text.count(part) >= 3


async def test_resizing_while_an_answer_streams_keeps_all_of_it() -> None:
    gates = [asyncio.Event() for _ in range(3)]
    events = events_of(quotes_answer())
    script = [*events[:4], gates[0], *events[4:6], gates[1], *events[6:8], gates[2], *events[8:]]
    app = scripted_app(script)
    async with app.run_test(size=(160, 45)) as pilot:
        await ready(pilot)
        screen = await ask(pilot, QUESTION)
        await until(pilot, lambda: screen.dialogue.busy)
        for gate, size in zip(gates, ((80, 24), (200, 50), (40, 12)), strict=True):
            await pilot.resize_terminal(*size)
            gate.set()
        await until(pilot, lambda: screen.conversation.exchanges[0].over)
        assert screen.query_one(AnswerText).source == quotes_answer().text
        await pilot.resize_terminal(160, 45)
        await shown(pilot, "because freight and energy costs fell. [1]")


async def test_a_long_conversation_follows_its_end_unless_the_reader_scrolled_away() -> None:
    asks = [events_of(quotes_answer()) for _ in range(6)]
    app = scripted_app(*asks)
    async with app.run_test(size=(100, 24)) as pilot:
        await ready(pilot)
        for n in range(5):
            await answered(pilot, f"question {n}")
        conversation = app.query_one(Conversation)
        await until(pilot, lambda: conversation.max_scroll_y > 0)
        await until(pilot, lambda: conversation.scroll_y == conversation.max_scroll_y)
        await pilot.press("pageup")
        await until(pilot, lambda: conversation.scroll_y < conversation.max_scroll_y)


async def test_of_a_long_conversation_only_what_is_near_the_reader_is_drawn() -> None:
    app = scripted_app(*[events_of(refusal()) for _ in range(30)])
    async with app.run_test(size=(100, 24)) as pilot:
        screen = await ready(pilot)
        for n in range(30):
            await answered(pilot, f"question number {n}")
        conversation = screen.conversation
        assert len(conversation.exchanges) == 30
        assert len(app.query(ExchangeCard)) < 20
        while conversation.scroll_y > 0:
            await pilot.press("pageup")
        await shown(pilot, "question number 0")
        await until(pilot, lambda: len(app.query(ExchangeCard)) < 20)
        await pilot.press("alt+end")
        await shown(pilot, "question number 29")


async def test_choosing_a_model_loads_it_and_marks_it() -> None:
    engine = ScriptedEngine()
    app = scripted_app(events_of(unsupported()), engine=engine)
    async with app.run_test(size=WIDE) as pilot:
        await ready(pilot)
        await pilot.press("f2")
        await shown(pilot, "built-in Q8_0")
        await shown(pilot, "3 variants")
        await pilot.press("down", "down", "enter")
        await shown(pilot, "● built-in Q8_0")
        await until(pilot, lambda: ("load", {"variant": "builtin-q8_0"}) in engine.calls)
        await answered(pilot, QUESTION)
        assert engine.asked[0]["variant"] == "builtin-q8_0"


async def test_a_model_that_cannot_be_loaded_leaves_the_one_before() -> None:
    engine = ScriptedEngine(load_error=RagoptError("model.gguf is broken.", "Fetch it again."))
    app = scripted_app(engine=engine)
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        screen = await ready(pilot)
        await pilot.press("f2", "down", "enter")
        await shown(pilot, "model.gguf is broken. Fetch it again.")
        assert screen.variant_id == "quotes"
        assert "● quotes" in screen_text(app)
