"""What the library looks like; look at a changed picture before accepting it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from textual.pilot import Pilot

from ragopt_tui.ui.model_memory import MemoryEstimates
from ragopt_tui.ui.model_shelf import Shelf
from ragopt_tui.ui.screens.add_model import AddModel
from tests.ui.library_records import ADAPTER, GONE, MISTRAL, SERVED, put, suggest
from tests.ui.scripted import scripted_app
from tests.ui.test_models import marked, opened
from tests.ui.test_snapshots import SMALL, USUAL, WIDE, Compare, _still
from tests.ui.waiting import ready, shown, until

__all__ = ["_still"]


FITS = "Fits here: needs 1.2 GB, 51.5 GB are free."
FITS_NOT = (
    "built-in bf16 does not fit: it needs 1.2 GB (0.9 GB weights, 134 MB for 2,048 tokens of "
    "context), 105 MB of memory are free. Choose a smaller model or quantisation, or free memory."
)


@pytest.fixture(autouse=True)
def library(_still: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A base with an adapter, one that is gone, and one of a server; the estimates stay the same."""
    put(MISTRAL, ADAPTER, GONE, SERVED)
    estimated(monkeypatch, FITS, fits=True)


def estimated(monkeypatch: pytest.MonkeyPatch, memory: str, *, fits: bool) -> None:
    """Have every model of this machine need the same."""

    def on(_estimates: MemoryEstimates, shelf: Shelf) -> Shelf:
        return Shelf(
            tuple(
                replace(each, memory=memory, fits=fits)
                if each.variant.path and not each.variant.problem
                else each
                for each in shelf.entries
            )
        )

    monkeypatch.setattr(MemoryEstimates, "on", on)


def test_the_library_beside_the_chat(snap_compare: Compare) -> None:
    async def read(pilot: Pilot[Any]) -> None:
        await ready(pilot)
        await shown(pilot, "LoRA r16")

    assert snap_compare(scripted_app(), terminal_size=WIDE, run_before=read)


@pytest.mark.parametrize("size", [SMALL, WIDE], ids=["small", "wide"])
def test_the_list_of_models(snap_compare: Compare, size: tuple[int, int]) -> None:
    async def listed(pilot: Pilot[Any]) -> None:
        await opened(pilot, 7)
        await shown(pilot, "is gone.")
        await pilot.press("down", "down", "down")
        await until(pilot, lambda: not pilot.app.workers)

    assert snap_compare(scripted_app(), terminal_size=size, run_before=listed)


def test_what_does_not_fit_in_memory(
    snap_compare: Compare, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def listed(pilot: Pilot[Any]) -> None:
        await opened(pilot, 7)
        await pilot.press("down")
        await shown(pilot, "does not fit: it needs")

    estimated(monkeypatch, FITS_NOT, fits=False)
    assert snap_compare(scripted_app(), terminal_size=USUAL, run_before=listed)


def test_the_facts_of_a_model_on_a_small_terminal(snap_compare: Compare) -> None:
    async def described(pilot: Pilot[Any]) -> None:
        await marked(pilot, "lora")
        await pilot.press("f4")
        await shown(pilot, "q_proj, v_proj")

    assert snap_compare(scripted_app(), terminal_size=SMALL, run_before=described)


@pytest.mark.parametrize("size", [SMALL, USUAL], ids=["small", "usual"])
def test_the_settings_of_a_model(snap_compare: Compare, size: tuple[int, int]) -> None:
    async def asked(pilot: Pilot[Any]) -> None:
        await marked(pilot, "workshop")
        await pilot.press("ctrl+s")
        await shown(pilot, "Settings of Mistral")
        await shown(pilot, "Needs here")
        await pilot.press(*"0.7")

    assert snap_compare(scripted_app(), terminal_size=size, run_before=asked)


def test_adding_a_model(snap_compare: Compare) -> None:
    async def asked(pilot: Pilot[Any]) -> None:
        await opened(pilot, 7)
        await pilot.press("ctrl+n")
        await until(pilot, lambda: isinstance(pilot.app.screen, AddModel))

    assert snap_compare(scripted_app(), terminal_size=SMALL, run_before=asked)


@pytest.mark.parametrize("size", [SMALL, USUAL], ids=["small", "usual"])
def test_getting_a_model(snap_compare: Compare, size: tuple[int, int]) -> None:
    async def asked(pilot: Pilot[Any]) -> None:
        suggest()
        await opened(pilot, 7)
        await pilot.press("ctrl+g")
        await shown(pilot, "Suggested for the memory of this machine")

    assert snap_compare(scripted_app(), terminal_size=size, run_before=asked)


def test_the_list_of_models_without_colour(
    snap_compare: Compare, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def listed(pilot: Pilot[Any]) -> None:
        await opened(pilot, 7)
        await shown(pilot, "is gone.")

    monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(scripted_app(), terminal_size=USUAL, run_before=listed)
