"""The registry of actions and what is made from it."""

from __future__ import annotations

import pytest
from textual._xterm_parser import XTermParser
from textual.events import Key

from ragopt_tui.errors import RagoptError
from ragopt_tui.settings import Settings
from ragopt_tui.ui.actions import ACTIONS, BY_NAME, Action, matching_commands, slash_commands
from ragopt_tui.ui.app import RagoptApp
from ragopt_tui.ui.keys import bindings, remapped, spoken, tell_alt_numbers
from ragopt_tui.ui.screens.chats import Chats
from ragopt_tui.ui.screens.data_sets import DataSets
from ragopt_tui.ui.screens.document import DocumentScreen
from ragopt_tui.ui.screens.main import MainScreen
from ragopt_tui.ui.screens.models import Models
from ragopt_tui.ui.screens.train_form import TrainFormScreen
from ragopt_tui.ui.screens.train_run import TrainRunScreen
from ragopt_tui.ui.screens.verification import VerificationReport
from ragopt_tui.ui.widgets.citation_chip import CitationChip
from ragopt_tui.ui.widgets.documents_pane import DocumentsPane
from ragopt_tui.ui.widgets.model_tree import ModelTree
from ragopt_tui.ui.widgets.prompt import Prompt
from ragopt_tui.ui.widgets.source_card import SourceCard
from ragopt_tui.ui.widgets.train_pane import TrainPane
from tests.ui.scripted import scripted_app
from tests.ui.waiting import ready, screen_text, shown

OWNERS = {
    "app": (RagoptApp,),
    "main": (MainScreen,),
    "prompt": (Prompt,),
    "chats": (Chats,),
    "models": (Models,),
    "sources": (SourceCard, CitationChip, MainScreen),
    "sidebar": (ModelTree,),
    "documents": (DocumentsPane,),
    "document": (DocumentScreen,),
    "training": (TrainPane,),
    "run": (TrainRunScreen,),
    "training form": (TrainFormScreen,),
    "data sets": (DataSets,),
    "report": (VerificationReport,),
}


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.name)
def test_each_action_can_be_done_where_it_is_offered(action: Action) -> None:
    for owner in OWNERS[action.scope]:
        assert callable(getattr(owner, f"action_{action.name}"))


def test_names_and_slash_commands_are_unique() -> None:
    assert len(BY_NAME) == len(ACTIONS)
    assert len(slash_commands()) == sum(bool(action.slash) for action in ACTIONS)


def test_default_keys_mean_one_thing_in_each_place() -> None:
    taken = {}
    for action in ACTIONS:
        for key in filter(None, action.keys.split(",")):
            assert taken.setdefault((action.scope, key), action) is action


def test_bindings_carry_the_name_so_that_they_can_be_remapped() -> None:
    for scope in OWNERS:
        for binding in bindings(scope):
            assert BY_NAME[binding.id].scope == scope


def test_an_unknown_action_is_named_with_its_nearest() -> None:
    with pytest.raises(RagoptError, match=r"unknown action 'show_hepl'.*Did you mean show_help"):
        remapped({"show_hepl": "f1"})


def test_a_clash_of_keys_names_both_actions() -> None:
    with pytest.raises(RagoptError, match=r"gives F1 to both .*toggle_theme.*"):
        remapped({"toggle_theme": "f1"})


def test_a_clash_is_found_between_places_that_are_live_together() -> None:
    with pytest.raises(RagoptError, match="filter_documents"):
        remapped({"retry": "/"})
    assert remapped({"next_citation": "s"})


def test_a_bad_key_setting_stops_the_program_before_it_opens() -> None:
    with pytest.raises(RagoptError, match="unknown action"):
        scripted_app(settings=Settings(keys={"nope": "f1"}))


def test_keys_are_written_as_on_a_keyboard() -> None:
    assert spoken("ctrl+j,shift+enter") == "Ctrl+J or Shift+Enter"
    assert spoken("slash") == "/"
    assert spoken("f2") == "F2"
    assert spoken("n") == "n"


def test_commands_are_found_by_start_and_by_words() -> None:
    assert [action.name for action in matching_commands("/qui")] == ["quit"]
    assert matching_commands("/")[0].slash
    assert "toggle_theme" in [action.name for action in matching_commands("/dark")]


async def test_a_remapped_key_works_and_the_old_one_no_longer_does() -> None:
    app = scripted_app(settings=Settings(keys={"show_help": "f12"}))
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("f1")
        await pilot.pause()
        assert app.screen is app.screen_stack[0]
        await pilot.press("f12")
        await shown(pilot, "Keys and commands")
        assert "F12" in screen_text(app)


async def test_an_action_without_a_key_can_be_given_one() -> None:
    app = scripted_app(settings=Settings(keys={"rebuild": "f11"}))
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("f11")
        await shown(pilot, "Read every document of sample_docs again?")


async def test_the_palette_offers_what_the_screen_can_do() -> None:
    app = scripted_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        offered = {command.title for command in app.get_system_commands(app.screen)}
        assert {"Rebuild the index", "Quit", "Copy the answer"} <= offered
        assert "Previous" not in offered
        await pilot.press("ctrl+p")
        await shown(pilot, "Search for commands")
        await pilot.press(*"rebuild", "enter")
        await shown(pilot, "Read every document")


def test_alt_and_a_number_are_read_as_terminals_send_them_and_pounds_stay_pounds() -> None:
    tell_alt_numbers()
    parser = XTermParser()
    assert [event.key for event in parser.feed("\x1b3") if isinstance(event, Key)] == ["alt+3"]
    assert [event.character for event in parser.feed("£") if isinstance(event, Key)] == ["£"]


_ALT_AND_A_NAMED_KEY = ("alt+up", "alt+down", "alt+end", "alt+enter")


@pytest.mark.parametrize(
    "key",
    [
        key
        for action in ACTIONS
        for key in action.keys.split(",")
        if key.startswith("alt+") and key not in _ALT_AND_A_NAMED_KEY
    ],
)
def test_alt_and_a_letter_are_read_as_terminals_send_them(key: str) -> None:
    parser = XTermParser()
    # The empty piece stands for the end of input, after which Esc belongs to what followed it.
    events = [*parser.feed(f"\x1b{key[-1]}"), *parser.feed("")]
    assert [event.key for event in events if isinstance(event, Key)] == [key]
