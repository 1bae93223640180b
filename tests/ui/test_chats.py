"""The list of all conversations."""

from __future__ import annotations

from pathlib import Path

from textual import events
from textual.widgets import Input, OptionList

from ragopt_tui.ui.screens.chats import Chats
from ragopt_tui.ui.widgets.exchange_card import ExchangeCard
from tests.ui.kept import exchange, held, kept, stored
from tests.ui.scripted import QUESTION, events_of, quotes_answer, refusal, scripted_app
from tests.ui.waiting import answered, main_screen, ready, screen_text, shown, until

WIDE = (160, 45)


def rows(app: object) -> list[str]:
    """The titles in the list, as they are shown."""
    listed = app.screen.query_one("#chat-list", OptionList)  # type: ignore[attr-defined]
    return [str(option.prompt).split("\n")[0][2:].split("  ")[0] for option in listed.options]


async def test_conversations_are_found_while_typing_and_opened_where_the_words_are() -> None:
    held(*(exchange(f"question {n}", refusal(f"question {n}")) for n in range(40)), title="Long")
    held(exchange("What about goodwill?", refusal()), title="Impairment", days_ago=2)
    app = scripted_app()
    async with app.run_test(size=WIDE) as pilot:
        screen = await ready(pilot)
        await pilot.press("f7")
        await until(pilot, lambda: rows(app) == ["Long", "Impairment"])
        await pilot.press(*"goodw")
        await until(pilot, lambda: rows(app) == ["Impairment"])
        await pilot.press("ctrl+u", *"question 7")
        await until(pilot, lambda: rows(app) == ["Long"])
        await shown(pilot, "question 7")
        await pilot.press("enter")
        await until(pilot, lambda: screen.conversation.selected)
        assert screen.conversation.selected.question == "question 7"  # type: ignore[union-attr]
        await shown(pilot, "question 7")
        while "question 0" not in screen_text(app):
            await pilot.press("pageup")
            await pilot.pause()
        assert screen.conversation.earlier == 0
        assert len(app.query(ExchangeCard)) < 40
        await pilot.press("alt+end")
        await shown(pilot, "question 39")


async def test_a_conversation_is_renamed_deleted_and_brought_back() -> None:
    held(exchange("one"), title="One")
    held(exchange("two"), title="Two", days_ago=2)
    app = scripted_app()
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        screen = await ready(pilot)
        await pilot.press("ctrl+t")
        await until(pilot, lambda: screen.conversation.exchanges)
        await pilot.press("f7")
        await until(pilot, lambda: rows(app) == ["One", "Two"])
        await pilot.press("f2")
        await until(pilot, lambda: not isinstance(app.screen, Chats))
        app.screen.query_one(Input).value = "One [bold]"
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Chats) and "One [bold]" in rows(app))
        await pilot.press("down", "ctrl+d")
        await until(pilot, lambda: rows(app) == ["One [bold]"])
        await shown(pilot, "Deleted: Two.")
        await pilot.press("ctrl+z")
        await until(pilot, lambda: rows(app) == ["One [bold]", "Two"])
        await pilot.press("escape")
        await until(pilot, lambda: "One [bold]" in screen_text(app).split("\n")[0])
        assert [s.title for s in stored().summaries()] == ["One [bold]", "Two"]


async def test_a_key_that_comes_at_once_with_words_is_for_the_conversation_that_holds_them() -> (
    None
):
    held(exchange("one"), title="One")
    held(exchange("What about goodwill?"), title="Two", days_ago=2)
    app = scripted_app()
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await ready(pilot)
        await pilot.press("f7")
        await until(pilot, lambda: rows(app) == ["One", "Two"])
        # All in one piece, as over a slow line; a pilot waits after each key.
        for character in "goodw":
            app.post_message(events.Key(character, character))
        app.post_message(events.Key("ctrl+d", "\x04"))
        await shown(pilot, "Deleted: ")
        assert [each.title for each in stored().summaries()] == ["One"]


async def test_deleting_the_open_conversation_leaves_an_empty_one_and_undo_brings_it_back() -> None:
    app = scripted_app(events_of(quotes_answer()), events_of(refusal("next")))
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        screen = await ready(pilot)
        await answered(pilot, QUESTION)
        await until(pilot, lambda: kept() and kept()[0].answer)
        await pilot.press("f7")
        await until(pilot, lambda: rows(app) == [QUESTION])
        await pilot.press("ctrl+d")
        await shown(pilot, "There are no conversations yet.")
        await pilot.press("escape")
        await until(pilot, lambda: not screen.conversation.exchanges)
        await shown(pilot, "Ask a question about these documents.")
        screen.pane.prompt.put("/undo")
        await pilot.press("enter")
        await shown(pilot, f"Back: {QUESTION}")
        await answered(pilot, "next")
        await until(pilot, lambda: len(stored().summaries()) == 2)


async def test_a_new_conversation_is_begun_from_the_list_and_a_title_given_by_command() -> None:
    app = scripted_app(events_of(quotes_answer()))
    async with app.run_test(size=WIDE) as pilot:
        screen = await ready(pilot)
        await answered(pilot, QUESTION)
        await until(pilot, lambda: screen.keeper.conversation.id)
        screen.pane.prompt.put("/rename")
        await pilot.press("enter")
        await shown(pilot, "Enter renames")
        app.screen.query_one(Input).value = "Margin"
        await pilot.press("enter")
        await until(pilot, lambda: "Margin" in screen_text(app).split("\n")[0])
        screen.pane.prompt.put("/chats")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Chats) and rows(app) == ["Margin"])
        await pilot.press("ctrl+n")
        await until(pilot, lambda: not app.query(ExchangeCard))
        assert screen.keeper.conversation.id is None


async def test_a_conversation_about_another_folder_opens_that_folder(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    held(exchange("about it", docs=str(elsewhere)), docs=str(elsewhere))
    app = scripted_app()
    async with app.run_test(size=WIDE) as pilot:
        await ready(pilot)
        await pilot.press("f7")
        await until(pilot, lambda: rows(app) == ["about it"])
        await pilot.press("enter")
        await until(pilot, lambda: app.docs == elsewhere)
        await until(pilot, lambda: main_screen(app).conversation.exchanges)
        await shown(pilot, "about it")
        assert main_screen(app).keeper.conversation.id == 1


async def test_a_conversation_about_a_folder_that_is_gone_is_shown_all_the_same() -> None:
    held(exchange("about it", docs="/nowhere/reports"), docs="/nowhere/reports")
    app = scripted_app()
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        screen = await ready(pilot)
        await pilot.press("f7")
        await until(pilot, lambda: rows(app) == ["about it"])
        await pilot.press("enter")
        await until(pilot, lambda: screen.conversation.exchanges)
        await shown(pilot, "/nowhere/reports is no longer there")
        await until(pilot, lambda: len(screen.sources.cards) == 4)


async def test_hundreds_of_conversations_with_odd_titles_are_listed() -> None:
    for n in range(230):
        held(exchange(f"[bold]{n}[/] \x1b[31m \ue000 £ 年"), days_ago=1 + n)
    app = scripted_app()
    async with app.run_test(size=(60, 16)) as pilot:
        await ready(pilot)
        await pilot.press("f7")
        await until(pilot, lambda: len(rows(app)) == 200)
        await shown(pilot, "[bold]0[/]")
        await pilot.press(*["pagedown"] * 60)
        await until(pilot, lambda: "[bold]199" in screen_text(app))
