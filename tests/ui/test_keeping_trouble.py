"""A store that fails never stops the chat: one sentence, and all is kept once it works again."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ragopt_tui.chat.conversations.store import store_file
from tests.ui.kept import exchange, held, kept
from tests.ui.scripted import QUESTION, events_of, quotes_answer, refusal, scripted_app
from tests.ui.waiting import answered, ready, screen_text, shown, until

WIDE = (160, 45)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have locks waited for only a moment."""
    connect: Callable[..., sqlite3.Connection] = sqlite3.connect

    def hurried(*arguments: Any, **options: Any) -> sqlite3.Connection:
        return connect(*arguments, **options | {"timeout": 0.05})

    monkeypatch.setattr("ragopt_tui.chat.conversations.database.sqlite3.connect", hurried)


def fill_disk(app: Any) -> Callable[[], None]:
    """Let chats.db grow no further, as on a full disk, and give what frees it again."""
    database = app._archive._store.database
    (pages,) = database.rows("PRAGMA page_count")[0]
    database.rows(f"PRAGMA max_page_count = {pages}")
    return lambda: database.rows("PRAGMA max_page_count = 1000000")


async def test_on_a_full_disk_the_chat_goes_on_and_is_kept_once_there_is_room() -> None:
    held(exchange("older"))
    asks = [events_of(quotes_answer(f"question {n}")) for n in range(3)]
    app = scripted_app(*asks)
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await ready(pilot)
        await shown(pilot, "Ctrl+T goes on with “older”")
        free = fill_disk(app)
        await answered(pilot, "question 0")
        await shown(pilot, "This conversation is not kept:")
        await shown(pilot, "question 0 (not kept)")
        await answered(pilot, "question 1")
        assert not any(e.answer for e in kept(2))
        free()
        await answered(pilot, "question 2")
        await shown(pilot, "The conversation is kept again.")
        await until(pilot, lambda: "(not kept)" not in screen_text(app))
        assert [e.question for e in kept(2)] == ["question 0", "question 1", "question 2"]
        assert all(e.answer for e in kept(2)[:2])


@pytest.mark.usefixtures("impatient")
async def test_a_locked_store_is_said_once_and_leaving_asks_for_an_export_first() -> None:
    held(exchange("older"))
    app = scripted_app(events_of(quotes_answer()), events_of(refusal("second")))
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        screen = await ready(pilot)
        await shown(pilot, "Ctrl+T goes on with “older”")
        other = sqlite3.connect(store_file(), isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        await answered(pilot, QUESTION)
        await until(pilot, lambda: screen.keeper.failing)
        await shown(pilot, "locked by another")
        await pilot.press("ctrl+n")
        await shown(pilot, "This conversation is not kept: /export saves it")
        assert len(screen.conversation.exchanges) == 1
        other.execute("ROLLBACK")
        await answered(pilot, "second")
        await until(pilot, lambda: len(kept(2)) == 2 and kept(2)[1].answer)


async def test_quitting_asks_before_a_conversation_that_is_not_kept_is_lost() -> None:
    held(exchange("older"))
    app = scripted_app(events_of(quotes_answer()))
    async with app.run_test(size=WIDE) as pilot:
        screen = await ready(pilot)
        await shown(pilot, "Ctrl+T goes on with “older”")
        fill_disk(app)
        await answered(pilot, QUESTION)
        await until(pilot, lambda: screen.keeper.failing)
        await pilot.press("ctrl+q")
        await shown(pilot, "This conversation could not be kept; /export saves it.")
        await pilot.press("n")
        assert app.return_code is None


async def test_what_could_not_be_kept_is_kept_at_the_latest_when_the_program_ends() -> None:
    held(exchange("older"))
    app = scripted_app(events_of(quotes_answer()))
    async with app.run_test(size=WIDE) as pilot:
        screen = await ready(pilot)
        await shown(pilot, "Ctrl+T goes on with “older”")
        free = fill_disk(app)
        await answered(pilot, QUESTION)
        await until(pilot, lambda: screen.keeper.failing)
        free()
    assert kept(2)[0].answer == quotes_answer()


async def test_a_damaged_store_is_named_set_aside_and_a_fresh_one_is_used() -> None:
    held(exchange("older"))
    file = store_file()
    file.write_bytes(b"no database " * 500)
    app = scripted_app(events_of(quotes_answer()))
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await ready(pilot)
        await shown(pilot, "The conversations were damaged.")
        (aside,) = file.parent.glob("chats.db.damaged-*")
        assert aside.read_bytes() == b"no database " * 500
        await answered(pilot, QUESTION)
        await until(pilot, lambda: kept() and kept()[0].answer)


async def test_a_store_damaged_while_in_use_begins_anew_with_all_that_is_on_the_screen() -> None:
    app = scripted_app(
        events_of(quotes_answer("first")), events_of(refusal("second")), events_of(refusal("third"))
    )
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await ready(pilot)
        await answered(pilot, "first")
        await answered(pilot, "second")
        await until(pilot, lambda: len(kept()) == 2 and kept()[1].answer)
        file = store_file()
        await app._archive.run(lambda store: store.database.rows("PRAGMA wal_checkpoint(TRUNCATE)"))
        whole = file.read_bytes()
        file.write_bytes(whole[:4096] + b"\xa5" * (len(whole) - 4096))
        app._archive._close()
        await answered(pilot, "third")
        await shown(pilot, "The conversations were damaged.")
        (aside,) = file.parent.glob("chats.db.damaged-*")
        assert aside.read_bytes()[:4096] == whole[:4096]
        await until(pilot, lambda: len(kept()) == 3 and kept()[2].answer)
        assert [e.question for e in kept()] == ["first", "second", "third"]


async def test_a_store_that_was_moved_away_while_in_use_begins_anew(tmp_path: Path) -> None:
    app = scripted_app(events_of(quotes_answer("first")), events_of(refusal("second")))
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await ready(pilot)
        await answered(pilot, "first")
        await until(pilot, lambda: kept() and kept()[0].answer)
        for file in store_file().parent.glob("chats.db*"):
            file.rename(tmp_path / file.name)
        await answered(pilot, "second")
        await shown(pilot, "The conversations were moved away")
        await until(pilot, lambda: len(kept()) == 2 and kept()[1].answer)
        assert [e.question for e in kept()] == ["first", "second"]


async def test_two_assistants_in_one_conversation_lose_nothing() -> None:
    held(exchange("older"))
    left = scripted_app(events_of(quotes_answer("left")))
    right = scripted_app(events_of(refusal("right")))
    async with left.run_test(size=WIDE) as one, right.run_test(size=WIDE) as two:
        for pilot in (one, two):
            screen = await ready(pilot)
            await pilot.press("ctrl+t")
            await until(pilot, lambda screen=screen: screen.conversation.exchanges)
        await answered(one, "left")
        await answered(two, "right")
        await until(one, lambda: len(kept()) == 3 and all(e.answer for e in kept()))
        assert sorted(e.question for e in kept()) == ["left", "older", "right"]
