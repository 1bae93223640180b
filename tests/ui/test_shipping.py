"""From the list of models to a GGUF file: chosen, walked by a job, offered, and copied out."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, OptionList

from ragopt_tui.conversion.paces import Paces
from ragopt_tui.conversion.quantisations import QUANTISATIONS
from ragopt_tui.jobs.events import Reporter
from ragopt_tui.jobs.folder import JobFolder, JobResult, JobSpec
from ragopt_tui.jobs.job import Job
from ragopt_tui.models.record import ModelFacts
from ragopt_tui.settings import Settings, folders
from ragopt_tui.ui.screens.line import Line
from ragopt_tui.ui.screens.shipping import Shipping
from tests.conversion.conftest import converter
from tests.ui.library_records import ADAPTER, BUILTIN, GONE, MISTRAL, SERVED, put
from tests.ui.scripted import ScriptedEngine, scripted_app
from tests.ui.test_models import machine, marked, store
from tests.ui.test_snapshots import SMALL, USUAL, WIDE, Compare, _still
from tests.ui.waiting import main_screen, ready, screen_text, shown, until

__all__ = ["_still", "converter", "machine"]
SIZE = (120, 36)
TITLE = "fin-qa [second try] to Q4_K_M"
MADE = replace(
    GONE.changed(
        id="fin-qa-q4",
        name="fin-qa Q4_K_M",
        path=BUILTIN.parent / "gguf" / "builtin-Q8_0.gguf",
        parent="fin-qa",
    ),
    facts=ModelFacts("gguf", "llama", "", "Q4_K_M", 7_248_023_552, 32768, 32768, True),
    files=(),
)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk with room for a model of 7 billion parameters."""
    monkeypatch.setattr("ragopt_tui.ui.screens.shipping._free_bytes", lambda: 73_000_000_000)


async def choosing(pilot: Pilot[Any], typed: str) -> Shipping:
    """Open the choice of a quantisation for the variant that is found by what is typed."""
    await marked(pilot, typed)
    await pilot.press("ctrl+l")
    await until(pilot, lambda: isinstance(pilot.app.screen, Shipping))
    screen = pilot.app.screen
    assert isinstance(screen, Shipping)
    await shown(pilot, "are free.")
    return screen


def choose(screen: Shipping, name: str) -> None:
    at = [each.name for each in QUANTISATIONS].index(name)
    screen.query_one(OptionList).highlighted = at


async def test_a_model_becomes_a_gguf_file_in_two_keys_and_answers(converter: Path) -> None:
    engine = ScriptedEngine()
    app = scripted_app(engine=engine)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await choosing(pilot, "bf16")
        # Verifying the whole built-in model would take longer than all else here.
        await pilot.press("v", "enter")
        await pilot.press("escape")
        await until(
            pilot, lambda: any("/load lets it" in n.message for n in app._notifications), 90
        )
        [made] = [r for r in store().records() if r.facts.quantisation == "Q4_K_M"]
        await pilot.press("alt+g")
        await until(pilot, lambda: main_screen(app).variant_id == made.variant.id)
        await until(pilot, lambda: not main_screen(app).engine_note)
    assert made.variant.parent == "builtin"


@pytest.mark.parametrize(
    ("typed", "offered"), [("workshop", True), ("lora", True), ("phi", False), ("served", False)]
)
async def test_the_key_is_there_only_for_what_can_be_shipped(typed: str, offered: bool) -> None:
    put(MISTRAL, ADAPTER, GONE, SERVED)
    app = scripted_app()
    async with app.run_test(size=SIZE) as pilot:
        await marked(pilot, typed)
        await until(pilot, lambda: ("^l GGUF" in screen_text(app)) == offered)


async def test_types_that_need_importance_are_refused_without_it(disk: None) -> None:
    put(MISTRAL, ADAPTER)
    app = scripted_app()
    async with app.run_test(size=SIZE) as pilot:
        screen = await choosing(pilot, "lora")
        choose(screen, "IQ2_XS")
        await pilot.press("enter")
        await shown(pilot, "IQ2_XS needs importance: D measures it.")
        assert app.screen is screen


async def test_how_long_it_takes_is_said_by_what_ran_here(disk: None) -> None:
    put(MISTRAL, ADAPTER)
    parameters = MISTRAL.facts.parameters or 0
    paces = Paces.of(folders().data)
    for step, seconds in (("merge", 125.0), ("convert", 125.0), ("quantise", 300.0)):
        paces.note(step, parameters, seconds)
    app = scripted_app()
    async with app.run_test(size=SIZE) as pilot:
        screen = await choosing(pilot, "lora")
        await shown(pilot, "How long it takes is not known yet")
        await pilot.press("v")
        await shown(pilot, "About 9 min")
        choose(screen, "IQ4_XS")
        await shown(pilot, "How long it takes is not known yet")


async def test_a_disk_that_is_too_small_is_said_and_nothing_begins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put(MISTRAL, ADAPTER)
    monkeypatch.setattr("ragopt_tui.ui.screens.shipping._free_bytes", lambda: 9_000_000_000)
    app = scripted_app()
    async with app.run_test(size=SIZE) as pilot:
        screen = await choosing(pilot, "lora")
        await shown(pilot, "! Takes 20.2 GB of disk")
        await pilot.press("enter")
        await pilot.pause()
        assert app.screen is screen
        assert not folders().jobs.exists()


async def test_what_was_chosen_is_what_the_job_is_told(
    disk: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(MISTRAL, ADAPTER)
    told: list[Any] = []

    def start(*values: Any, **options: Any) -> Job:
        told.append((values, options))
        return written_job(JobResult("cancelled", "Cancelled."))

    monkeypatch.setattr("ragopt_tui.conversion.starting.start_ship", start)
    app = scripted_app()
    async with app.run_test(size=SIZE) as pilot:
        screen = await choosing(pilot, "lora")
        choose(screen, "Q6_K")
        await pilot.press("d", "k", "v", "n", "enter")
        await until(pilot, lambda: told)
    values, options = told[0]
    assert values == ("fin-qa", ADAPTER.variant.name, "Q6_K")
    assert options == {
        "onto": "nf4",
        "docs": str(app.docs),
        "keep": True,
        "verify": False,
        "texts": "",
    }


async def test_a_gguf_is_copied_with_a_modelfile(tmp_path: Path) -> None:
    app = scripted_app()
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await marked(pilot, "q8_0")
        await app.run_action("screen.export_variant")
        await until(pilot, lambda: isinstance(app.screen, Line))
        app.screen.query_one(Input).value = str(tmp_path / "out")
        await pilot.press("enter")
        await until(pilot, lambda: any("2 files" in n.message for n in app._notifications))
    assert {file.name for file in (tmp_path / "out").iterdir()} == {
        "Modelfile",
        "builtin-Q8_0.gguf",
    }


def test_choosing(snap_compare: Compare, disk: None) -> None:
    put(MISTRAL, ADAPTER)

    async def asked(pilot: Pilot[Any]) -> None:
        await choosing(pilot, "lora")

    assert snap_compare(scripted_app(), terminal_size=SMALL, run_before=asked)


def test_the_path_under_way(snap_compare: Compare, running: Job) -> None:
    put(MISTRAL, ADAPTER)

    async def walked(pilot: Pilot[Any]) -> None:
        await ready(pilot)
        await shown(pilot, "LoRA r16")
        await shown(pilot, "1 of 6 · merging")

    assert snap_compare(scripted_app(), terminal_size=WIDE, run_before=walked)


def test_the_path_under_way_in_the_list_of_models(snap_compare: Compare, running: Job) -> None:
    put(MISTRAL, ADAPTER)

    async def walked(pilot: Pilot[Any]) -> None:
        await marked(pilot, "lora")
        await shown(pilot, "Ctrl+X stops it")
        await shown(pilot, "1 of 6 · merging")

    assert snap_compare(scripted_app(), terminal_size=SMALL, run_before=walked)


async def test_what_stops_the_path_is_named_as_the_user_has_it(running: Job) -> None:
    put(MISTRAL, ADAPTER)
    app = scripted_app(settings=Settings(keys={"cancel_job": "f12"}))
    async with app.run_test(size=SIZE) as pilot:
        await marked(pilot, "lora")
        await shown(pilot, "F12 stops it")


ENDS = {
    "finished": JobResult(
        "finished", "", "", {"variant": "fin-qa-q4", "message": f"{MADE.variant.name} is in the library: 4.39 GB."}
    ),
    "failed": JobResult(
        "failed",
        "fin-qa [second try] could not be converted: llama.cpp knows no such tokenizer.",
        "This model can be used as it is, but not as GGUF.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("end", ENDS)
def test_the_end_of_the_path(snap_compare: Compare, end: str) -> None:
    put(MISTRAL, ADAPTER, *([MADE] if end == "finished" else []))

    async def ended(pilot: Pilot[Any]) -> None:
        pilot.app._disable_notifications = False
        screen = await ready(pilot)
        await shown(pilot, "LoRA r16")
        await screen.library.jobs.begin(lambda: written_job(ENDS[end]))
        await shown(pilot, "in the library: 4.39" if end == "finished" else "not be converted")

    assert snap_compare(scripted_app(), terminal_size=USUAL, run_before=ended)


@pytest.fixture
def running() -> Iterator[Job]:
    """A job that merges, as another process would write it."""
    job, lock = _begun()
    report = Reporter(job.folder.events_file)
    report.begin_stage(1, 6)
    report.progress("merging", 6_200_000_000, 14_500_000_000, "bytes", "", 65.0)
    yield job
    os.close(lock)
    shutil.rmtree(job.folder.path)


def written_job(result: JobResult) -> Job:
    """A job that has ended."""
    job, lock = _begun()
    job.folder.write_result(result)
    os.close(lock)
    return job


def _begun() -> tuple[Job, int]:
    spec = JobSpec("20250314-120000-abcd", "ship", TITLE, "ragopt_tui.none:none", {})
    folder = JobFolder(folders().jobs / spec.id)
    return Job(folder, spec), folder.create(spec)
