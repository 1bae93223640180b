"""The library on the screen: found, described, chosen, cared for."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input, OptionList

from ragopt_tui.chat.conversations.variant_hash import combined_hash, file_hash, variant_files
from ragopt_tui.errors import RagoptError
from ragopt_tui.models.generation_settings import GenerationSettings
from ragopt_tui.models.machine import Machine
from ragopt_tui.models.store import VariantStore
from ragopt_tui.settings import folders
from ragopt_tui.training.configuration.config import TrainingConfig
from ragopt_tui.training.configuration.values import DataChoice, Schedule
from ragopt_tui.ui.app import RagoptApp
from ragopt_tui.ui.screens.confirm import Confirm
from ragopt_tui.ui.screens.models import Models
from ragopt_tui.ui.widgets.model_tree import ModelTree
from tests.models.tiny_models import adapter_folder, base_folder
from tests.ui.kept import kept
from tests.ui.library_records import ADAPTER, BUILTIN, GONE, MISTRAL, SERVED, many, put
from tests.ui.scripted import QUESTION, ScriptedEngine, events_of, quotes_answer, scripted_app
from tests.ui.waiting import answered, main_screen, ready, screen_text, shown, until

SIZE = (160, 45)
LARGE = Machine(64 << 30, 48 << 30)
SMALL = Machine(1 << 30, 64 << 20)


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ragopt_tui.models.machine.this_machine", lambda: LARGE)


def store() -> VariantStore:
    return VariantStore(folders().models)


async def opened(pilot: Pilot[None], number: int) -> Models:
    """Open the list and wait until it shows so many variants."""
    await ready(pilot)
    await pilot.press("f2")
    await until(pilot, lambda: isinstance(pilot.app.screen, Models))
    screen = pilot.app.screen
    assert isinstance(screen, Models)
    await until(pilot, lambda: screen.query_one(OptionList).option_count == number)
    return screen


async def marked(pilot: Pilot[None], typed: str) -> Models:
    """Open the list and filter it until one variant is left."""
    screen = await opened(pilot, len(store().records()))
    await pilot.press(*typed)
    await until(pilot, lambda: screen.query_one(OptionList).option_count == 1)
    return screen


async def test_the_sidebar_shows_what_was_made_from_what_and_why_one_cannot_answer() -> None:
    put(MISTRAL, ADAPTER, GONE)
    app = scripted_app()
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await shown(pilot, "LoRA r16")
        lines = [line[:33].rstrip() for line in screen_text(app).split("\n")]
        at = lines.index(" ▼ ○ Mistral 7…nstruct v0.3 bf16")
        assert lines[at + 1 : at + 4] == [
            " └ ○ fin-qa …econd try] LoRA r16",
            " ▼ ! phi 3… Q4_K_M Q4_K_M 2.4 GB",
            " └ /models/phi-3.5-mini.gguf is…",
        ]


async def test_what_is_typed_narrows_the_list_to_what_is_said_of_variants() -> None:
    put(MISTRAL, ADAPTER, GONE, SERVED)
    app = scripted_app()
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, 7)
        for typed, id in (
            ("workshop #large", "mistral-7b"),
            ("broken", "old-gguf"),
            ("endpoint", "served"),
            ("fin-qa", "fin-qa"),
        ):
            screen.query_one(Input).value = typed
            await until(pilot, lambda id=id: screen.marked().variant.id == id)
            assert screen.query_one(OptionList).option_count == 1
        screen.query_one(Input).value = "nothing is called so"
        await shown(pilot, "No variant holds all these words.")


async def test_enter_lets_the_marked_variant_answer_and_a_broken_one_does_not() -> None:
    put(MISTRAL, GONE)
    engine = ScriptedEngine()
    app = scripted_app(engine=engine)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await marked(pilot, "phi")
        await pilot.press("enter")
        await shown(pilot, "is gone.")
        assert isinstance(app.screen, Models)
        app.screen.query_one(Input).value = "workshop"
        await until(pilot, lambda: app.screen.marked().variant.id == "mistral-7b")
        await pilot.press("enter")
        await until(pilot, lambda: ("load", {"variant": "mistral-7b"}) in engine.calls)
        assert main_screen(app).variant_id == "mistral-7b"


async def test_a_key_that_comes_at_once_with_what_is_typed_is_for_what_is_left_then() -> None:
    put(MISTRAL, GONE)
    engine = ScriptedEngine()
    app = scripted_app(engine=engine)
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, 5)
        # All in one piece, as over a slow line; a pilot waits after each key.
        for character in "workshop":
            app.post_message(events.Key(character, character))
        app.post_message(events.Key("enter", "\r"))
        await until(pilot, lambda: ("load", {"variant": "mistral-7b"}) in engine.calls)
        assert main_screen(app).variant_id == "mistral-7b"


async def test_names_and_reasons_keep_within_the_room_that_the_scrollbar_leaves() -> None:
    put(*many(60))
    app = scripted_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("f6")
        await shown(pilot, "Q4_K_M 2.4 GB")
        await opened(pilot, 63)
        rows = app.screen.query_one(OptionList)
        lines = [
            1 + bool(entry.variant.problem) for entry in main_screen(app).library.shelf.entries
        ]
        await until(pilot, lambda: rows.virtual_size.height == sum(lines))


async def test_one_key_goes_to_the_model_before_and_back() -> None:
    put(MISTRAL)
    engine = ScriptedEngine()
    app = scripted_app(engine=engine)
    async with app.run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await pilot.press("alt+m")
        await until(pilot, lambda: isinstance(app.screen, Models))
        await pilot.press(*"workshop")
        await until(pilot, lambda: app.screen.query_one(OptionList).option_count == 1)
        await pilot.press("enter")
        await until(pilot, lambda: ("load", {"variant": "mistral-7b"}) in engine.calls)
        await until(pilot, lambda: not screen.engine_note)
        for answering in ("quotes", "mistral-7b"):
            await pilot.press("alt+m")
            await until(pilot, lambda id=answering: screen.variant_id == id)
            await until(pilot, lambda: not screen.engine_note)


async def test_the_facts_of_the_marked_variant_stand_beside_the_list() -> None:
    put(MISTRAL, ADAPTER)
    app = scripted_app()
    async with app.run_test(size=SIZE) as pilot:
        await marked(pilot, "workshop")
        for fact in (
            "MistralForCausalLM",
            "7.2B",
            "32,768 tokens",
            "mistralai/Mistral-7B-Instruct-v0.3",
            "The one from the workshop [2025].",
            "fin-qa [second try]",
        ):
            await shown(pilot, fact)


async def test_how_a_variant_was_trained_here_and_what_it_needs_stand_with_its_facts() -> None:
    config = TrainingConfig(data=DataChoice("fin-2024 [v1]"), training=Schedule(seed=7))
    made = {"run": "k3f9", "config": asdict(config), "data": {"id": "fin-2024 [v1]"}}
    ended = {"step": "train", "at": 120, "loss": 0.12345, "evaluation_loss": 0.3}
    put(MISTRAL, replace(ADAPTER, made=made | ended))
    app = scripted_app()
    async with app.run_test(size=SIZE) as pilot:
        screen = await marked(pilot, "second")
        for fact in (
            "run k3f9, up to step 120",
            "LoRA · 3.0 epochs planned · learning rate",
            "batches of 2 x 1 · seed 7",
            "data set fin-2024 [v1]",
            "training 0.1235 · evaluation 0.3",
        ):
            await shown(pilot, fact)
        screen.query_one(Input).value = "bf16 built-in"
        await shown(pilot, "tokens of context)")
        assert "Fits here: needs" in screen_text(app)


async def test_on_a_narrow_screen_one_key_shows_the_facts_in_place_of_the_list() -> None:
    put(MISTRAL)
    app = scripted_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await marked(pilot, "workshop")
        assert "MistralForCausalLM" not in screen_text(app)
        await pilot.press("f4")
        await shown(pilot, "MistralForCausalLM")
        await pilot.press("pagedown")
        await shown(pilot, "Added")
        await pilot.press("pageup", "f4")
        await until(pilot, lambda: "MistralForCausalLM" not in screen_text(app))


async def test_a_variant_is_renamed_tagged_and_noted() -> None:
    put(MISTRAL)
    app = scripted_app()
    async with app.run_test(size=SIZE) as pilot:
        await marked(pilot, "workshop")
        await pilot.press("f2", "ctrl+u", *"New [name]", "enter")
        await until(pilot, lambda: store().record("mistral-7b").variant.name == "New [name]")
        await pilot.press("ctrl+t", "ctrl+u", *"best, tried", "enter")
        await until(pilot, lambda: store().record("mistral-7b").tags == ("best", "tried"))
        await shown(pilot, "#best #tried")
        await pilot.press("ctrl+o", "end", *" And more.", "ctrl+s")
        await until(pilot, lambda: store().record("mistral-7b").note.endswith("And more."))


async def test_a_removed_variant_comes_back_with_one_key() -> None:
    put(MISTRAL)
    app = scripted_app()
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, 4)
        await pilot.press("pagedown", "ctrl+d")
        await until(pilot, lambda: screen.query_one(OptionList).option_count == 3)
        assert [each.id for each in store().trashed()] == ["mistral-7b"]
        await pilot.press("ctrl+z")
        await until(pilot, lambda: screen.query_one(OptionList).option_count == 4)


async def test_removing_a_base_names_the_adapters_that_need_it_and_they_say_so_then() -> None:
    put(MISTRAL, ADAPTER)
    app = scripted_app()
    async with app.run_test(size=SIZE) as pilot:
        screen = await marked(pilot, "workshop")
        await pilot.press("ctrl+d")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await shown(pilot, "fin-qa [second try] sits on it and cannot answer without it.")
        await pilot.press("y")
        await until(pilot, lambda: app.screen is screen and store().trashed())
        screen.query_one(Input).value = ""
        await shown(pilot, "Its base mistral-7b is not in the library")


async def test_the_trash_is_emptied_after_asking() -> None:
    put(MISTRAL, GONE)
    store().remove("old-gguf")
    app = scripted_app()
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, 4)
        await screen.run_action("screen.empty_trash")
        await shown(pilot, "Delete 1 variant in the trash for good?")
        await pilot.press("y")
        await until(pilot, lambda: not store().trashed())


async def test_what_comes_with_the_program_cannot_be_removed_or_renamed() -> None:
    app = scripted_app()
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        screen = await opened(pilot, 3)
        await pilot.press("ctrl+d")
        await shown(pilot, "comes with the program")
        await pilot.press("f2")
        assert app.screen is screen


async def test_settings_are_kept_copied_and_refused_in_a_sentence() -> None:
    put(MISTRAL, SERVED)
    store().set_settings("served", GenerationSettings(temperature=0.7, system_prompt="Be brief."))
    app = scripted_app()
    async with app.run_test(size=SIZE) as pilot:
        await marked(pilot, "workshop")
        await pilot.press("ctrl+s")
        await shown(pilot, "Settings of Mistral")
        await shown(pilot, "Needs here with 2,048 tokens: bf16 ")
        await shown(pilot, " · nf4 ")
        await pilot.press("ctrl+y")
        await shown(pilot, "Enter copies them here")
        await pilot.press("enter")
        await shown(pilot, "Be brief.")
        form = app.screen
        form.query_one("#set-precision", Input).value = "nf3"
        await pilot.press("ctrl+s")
        await shown(pilot, "precision cannot be 'nf3'")
        form.query_one("#set-precision", Input).value = "nf4"
        await pilot.press("ctrl+s")
        wanted = GenerationSettings(temperature=0.7, system_prompt="Be brief.", precision="nf4")
        await until(pilot, lambda: store().settings_of("mistral-7b") == wanted)


async def test_what_does_not_fit_in_memory_says_so_before_it_is_chosen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ragopt_tui.models.machine.this_machine", lambda: SMALL)
    app = scripted_app()
    async with app.run_test(size=SIZE) as pilot:
        screen = await marked(pilot, "bf16")
        await shown(pilot, "built-in bf16 does not fit: it needs")
        screen.query_one(Input).value = "fits"
        await until(pilot, lambda: screen.marked().variant.id == "quotes")


async def test_the_one_that_answers_gives_way_to_quotes_when_it_is_removed() -> None:
    put(MISTRAL)
    app = scripted_app(variant="mistral-7b")
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        screen = await ready(pilot)
        await until(pilot, lambda: "LoRA" not in screen_text(app) and screen.library.shelf)
        store().remove("mistral-7b")
        await screen.library.load()
        await until(pilot, lambda: screen.variant_id == "quotes")


async def test_a_model_that_the_engine_did_not_survive_is_shown_as_broken() -> None:
    put(MISTRAL)
    engine = ScriptedEngine()
    app = scripted_app(engine=engine)
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        # What the engine's client does when the process dies while it loads a model.
        store().mark("mistral-7b", "The engine crashed while it loaded it.")
        engine.die("The engine crashed in native code (SIGSEGV).")
        await shown(pilot, "The engine crashed while it …")
        await shown(pilot, "! Mistral")


async def test_an_answer_of_an_adapter_keeps_the_hash_of_its_base_and_its_own() -> None:
    put(MISTRAL, ADAPTER)
    app = scripted_app(events_of(replace(quotes_answer(), variant="fin-qa")), variant="fin-qa")
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await answered(pilot, QUESTION)
        await until(pilot, lambda: kept() and kept()[0].variant_hash)
        states = variant_files(BUILTIN) * 2
        hashes = [file_hash(state, lambda: False) for state in states]
        assert kept()[0].variant_hash == combined_hash(states, hashes)


def test_a_variant_is_given_by_the_unique_beginning_of_its_id() -> None:
    put(MISTRAL, GONE)
    assert isinstance(scripted_app(variant="mist"), RagoptApp)
    with pytest.raises(RagoptError, match="is gone"):
        scripted_app(variant="old")


async def test_three_hundred_variants_are_listed_and_filtered() -> None:
    put(*many(300))
    app = scripted_app()
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        tree = main_screen(app).query_one(ModelTree)
        await until(pilot, lambda: len(main_screen(app).library.shelf.entries) == 303)
        await until(pilot, lambda: tree.virtual_size.height > 300)
        screen = await opened(pilot, 303)
        for typed in ("m", "mi", "mistral 1", ""):
            screen.query_one(Input).value = typed
            number = len(screen.library.shelf.matching(typed))
            await until(pilot, lambda n=number: screen.query_one(OptionList).option_count == n)


async def test_the_place_in_the_sidebar_stays_when_the_library_changes_and_follows_who_answers() -> (
    None
):
    put(*many(60))
    app = scripted_app()
    async with app.run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        tree = screen.query_one(ModelTree)
        await until(pilot, lambda: tree.virtual_size.height > 60)
        tree.focus()
        await pilot.press(*["down"] * 40, *["up"] * 4)
        at, top = tree.cursor_node, tree.scroll_offset
        assert at is not None
        assert top.y > 0
        store().rename("variant-000", "Renamed")
        await screen.library.load()
        await until(pilot, lambda: tree.cursor_node is not at)
        assert tree.cursor_node is not None
        assert (tree.cursor_node.data, tree.scroll_offset) == (at.data, top)
        await opened(pilot, 63)
        await pilot.press(*"mistral 55", "enter")
        await until(pilot, lambda: screen.variant_id == "variant-055")
        await shown(pilot, "● Mistral")
        assert tree.cursor_node.data.id == "variant-055"


async def test_a_chat_template_is_given_to_a_model_that_brings_none() -> None:
    untold = replace(MISTRAL, facts=replace(MISTRAL.facts, own_chat_template=False))
    put(untold)
    app = scripted_app()
    async with app.run_test(size=SIZE) as pilot:
        screen = await marked(pilot, "workshop")
        await shown(pilot, "has no chat template")
        await screen.run_action("screen.template_variant")
        await shown(pilot, "Ctrl+S keeps this Jinja template")
        await pilot.press(*"{{ x }}", "ctrl+s")
        await until(pilot, lambda: store().record("mistral-7b").chat_template == "{{ x }}")
        await shown(pilot, "given by you")
        assert not screen.marked().variant.problem


async def test_choosing_a_model_without_chat_template_asks_for_one() -> None:
    put(replace(MISTRAL, facts=replace(MISTRAL.facts, own_chat_template=False)), GONE)
    app = scripted_app()
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await marked(pilot, "workshop")
        await pilot.press("enter")
        await shown(pilot, "Chat template of Mistral 7B")
        await pilot.press(*"{{ x }}", "ctrl+s")
        await until(pilot, lambda: store().record("mistral-7b").chat_template == "{{ x }}")


async def test_choosing_a_model_without_chat_template_in_the_sidebar_asks_for_one() -> None:
    put(replace(MISTRAL, facts=replace(MISTRAL.facts, own_chat_template=False)))
    engine = ScriptedEngine()
    app = scripted_app(engine=engine)
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await shown(pilot, "! Mistral")
        tree = main_screen(app).query_one(ModelTree)
        node = next(node for node in tree.root.children if node.data.id == "mistral-7b")
        tree.move_cursor(node)
        tree.focus()
        await pilot.press("enter")
        await shown(pilot, "Chat template of Mistral 7B")
        assert ("load", {"variant": "mistral-7b"}) not in engine.calls
        await pilot.press(*"{{ x }}", "ctrl+s")
        await until(pilot, lambda: store().record("mistral-7b").chat_template == "{{ x }}")
        await shown(pilot, "○ Mistral")
        await pilot.press("enter")
        await until(pilot, lambda: ("load", {"variant": "mistral-7b"}) in engine.calls)


async def test_choosing_an_adapter_that_names_no_base_asks_what_it_sits_on(tmp_path: Path) -> None:
    store().add(base_folder(tmp_path / "narrow"), name="Narrow [1]")
    store().add(base_folder(tmp_path / "wide", hidden=16), name="Wide")
    store().add(adapter_folder(tmp_path / "lora", ""), name="Nameless")
    app = scripted_app()
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        screen = await opened(pilot, 6)
        await pilot.press(*"nameless")
        await until(pilot, lambda: screen.query_one(OptionList).option_count == 1)
        await pilot.press("enter")
        await shown(pilot, "What Nameless sits on")
        assert "Wide" not in screen_text(app)
        await pilot.press("enter")
        await shown(pilot, "Nameless sits on Narrow [1].")
        assert (store().find("nameless").parent, store().find("nameless").problem) == (
            "narrow-1",
            "",
        )


async def test_answers_are_headed_by_the_name_that_the_library_has_for_who_gave_them() -> None:
    put(MISTRAL)
    answer = replace(quotes_answer(), variant="mistral-7b", quotes=None)
    app = scripted_app(events_of(answer))
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        screen = main_screen(app)
        screen.variant_id = "mistral-7b"
        await answered(pilot, QUESTION)
        await shown(pilot, "◇ Mistral 7B Instruct v0.3 — generated")
        store().rename("mistral-7b", "Workshop [7B]")
        await screen.library.load()
        await shown(pilot, "◇ Workshop [7B] — generated")
