"""What training looks like; look at a changed picture before accepting it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from textual.pilot import Pilot

from ragopt_tui.jobs.folder import JobResult
from ragopt_tui.training.configuration.config import TrainingConfig
from ragopt_tui.training.configuration.values import DataChoice, Lora, Schedule
from ragopt_tui.training.data.example import Example, Message
from ragopt_tui.training.data.record import DataSetRecord, Origin
from ragopt_tui.training.data.store import DataSetStore
from ragopt_tui.ui.screens.train_form import TrainFormScreen
from ragopt_tui.ui.train_draft import Draft
from ragopt_tui.ui.train_plan import PlanView, plan_view
from ragopt_tui.ui.widgets.train_form import TrainForm
from tests.training.made_runs import STARTED, MadeRun, made_run
from tests.ui.scripted import scripted_app
from tests.ui.test_snapshots import SMALL, USUAL, WIDE, Compare, _still
from tests.ui.waiting import ready, screen_text, shown, until

__all__ = ["_still"]
FIRST = TrainingConfig(name="fin-qa", data=DataChoice(set="tat-qa"))
SECOND = TrainingConfig(
    name="fin-qa [r 64]",
    data=DataChoice(set="tat-qa"),
    lora=Lora(r=64, lora_alpha=128),
    training=Schedule(learning_rate=5e-4, num_train_epochs=1),
)
PLAN = {
    "name": "fin-qa",
    "base": "built-in bf16",
    "method": "LoRA",
    "parameters": {"text": "1,245,184 of 34,808,320 (3.5773 %)"},
    "memory": {"device": "cpu", "need": 2_335_045_222, "free": 21_693_661_184, "fits": True},
    "data": {"rows": 412, "validation_rows": 45, "sampled": False},
    "steps": {"total": 618, "tokens": 512_310},
    "seconds": 212.0,
    "seconds_from": "as fast as fin-qa",
    "errors": [],
    "notes": ["3 rows are longer than max_length (512) and are cut."],
}


@pytest.fixture(autouse=True)
def _utc(_still: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The times of runs are those of one place."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def plan(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan that takes no time to work out."""

    async def at_once(_text: str) -> PlanView:
        return plan_view(PLAN)

    monkeypatch.setattr("ragopt_tui.ui.screens.train_form.planned", at_once)
    monkeypatch.setattr("ragopt_tui.ui.screens.train_form._PLAN_SECONDS", 0.0)


def finished(id: str = "aaaa") -> MadeRun:
    run = made_run(id, total=300, config=FIRST, started=STARTED - 9000)
    run.log(300, evaluate_every=30)
    said = "fin-qa is in the library: step 270, the best of 300 steps."
    run.end(JobResult("finished", said, "", {"message": said, "variant": "fin-qa"}))
    return run


def running(id: str = "bbbb") -> MadeRun:
    run = made_run(id, total=300, config=SECOND, started=STARTED - 600, seed=3)
    run.log(130, 1.3, evaluate_every=30)
    return run


async def training(pilot: Pilot[Any], text: str = "Gradient norm") -> None:
    """Open the tab and wait for something on it."""
    await ready(pilot)
    await pilot.press("f10")
    await shown(pilot, text)
    await until(pilot, lambda: "nothing logged yet" not in screen_text(pilot.app))


def test_no_runs_yet(snap_compare: Compare) -> None:
    async def opened(pilot: Pilot[Any]) -> None:
        await training(pilot, "Press n for a first one")

    assert snap_compare(scripted_app(), terminal_size=USUAL, run_before=opened)


def test_a_run_under_way(snap_compare: Compare) -> None:
    async def opened(pilot: Pilot[Any]) -> None:
        await training(pilot)
        await shown(pilot, "train fin-qa [r 64]")

    finished()
    run = running()
    assert snap_compare(scripted_app(), terminal_size=WIDE, run_before=opened)
    run.die()


def test_a_run_that_diverged(snap_compare: Compare) -> None:
    run = running()
    run.diverge()
    run.end(
        JobResult(
            "failed",
            "The run was ended at step 138: its loss is not a number any more.",
            "Lower learning_rate (a tenth is a start).",
        )
    )

    async def opened(pilot: Pilot[Any]) -> None:
        await training(pilot, "the run diverges")
        await shown(pilot, "◆ evaluation")

    assert snap_compare(scripted_app(), terminal_size=USUAL, run_before=opened)


def test_a_finished_run_read_at_a_step(snap_compare: Compare) -> None:
    finished()

    async def opened(pilot: Pilot[Any]) -> None:
        await training(pilot)
        await pilot.press(*["left"] * 30, "plus", "l")
        await shown(pilot, "log")
        await until(pilot, lambda: screen_text(pilot.app).count("step 242") == 5)

    assert snap_compare(scripted_app(), terminal_size=(200, 50), run_before=opened)


def test_two_runs_compared(snap_compare: Compare) -> None:
    finished()
    run = running()

    async def opened(pilot: Pilot[Any]) -> None:
        await training(pilot)
        await pilot.press("space", "down")
        await shown(pilot, "Loss, smoothed  A 0.")

    assert snap_compare(scripted_app(), terminal_size=WIDE, run_before=opened)
    run.die()


def test_the_settings_in_which_two_runs_differ(snap_compare: Compare) -> None:
    finished()
    run = running()

    async def opened(pilot: Pilot[Any]) -> None:
        await training(pilot)
        await pilot.press("space", "down", "x")
        await shown(pilot, "lora.lora_alpha")

    assert snap_compare(scripted_app(), terminal_size=USUAL, run_before=opened)
    run.die()


def test_training_on_a_small_terminal(snap_compare: Compare) -> None:
    finished()
    run = running()

    async def opened(pilot: Pilot[Any]) -> None:
        await training(pilot, "◆ evaluation")

    assert snap_compare(scripted_app(), terminal_size=SMALL, run_before=opened)
    run.die()


def test_training_without_colour(snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    finished()
    run = running()
    monkeypatch.setenv("NO_COLOR", "1")

    async def opened(pilot: Pilot[Any]) -> None:
        await training(pilot)
        await pilot.press("space", "down")
        await shown(pilot, "Loss, smoothed  A 0.")

    assert snap_compare(scripted_app(), terminal_size=USUAL, run_before=opened)
    run.die()


async def form(pilot: Pilot[Any], text: str) -> TrainFormScreen:
    await ready(pilot)
    screen = TrainFormScreen("New run", Draft.of_text(text))
    pilot.app.push_screen(screen)
    await until(pilot, lambda: screen.query(TrainForm) and screen.is_current)
    return screen


SMALL_YAML = """# for the board
name: fin-qa
base: builtin
data:
  set: tat-qa
lora:
  r: 16
training:
  learning_rate: 2.0e-4
  num_train_epochs: 2
"""


def test_the_form_with_its_plan(snap_compare: Compare, plan: None) -> None:
    async def opened(pilot: Pilot[Any]) -> None:
        await form(pilot, SMALL_YAML)
        await shown(pilot, "1,245,184")

    assert snap_compare(scripted_app(), terminal_size=WIDE, run_before=opened)


@pytest.mark.parametrize("size", [SMALL, USUAL], ids=["small", "usual"])
def test_the_form_with_errors(snap_compare: Compare, plan: None, size: tuple[int, int]) -> None:
    async def opened(pilot: Pilot[Any]) -> None:
        wrong = SMALL_YAML.replace("r: 16", "r: many").replace("2.0e-4", '"2e-4"')
        screen = await form(pilot, wrong.replace("num_train_epochs", "epochs"))
        screen.query_one(TrainForm).mark("lora.r")
        await shown(pilot, "line 7")

    assert snap_compare(scripted_app(), terminal_size=size, run_before=opened)


SEEN = {
    "overlap": {
        "duplicates": {"train": 2, "validation": 0},
        "same_examples": 0,
        "same_questions": 1,
    },
    "with_evidence": 3,
    "problems": [{"place": "line 42", "reason": "answer is empty"}],
    "tokens": {
        "train": {
            "rows": 3,
            "truncated": 1,
            "left_out": {"its answer lies behind 512 tokens": 1},
            "notes": {},
            "shortest": 119,
            "median": 121,
            "longest": 640,
            "tokens": 752,
            "loss_tokens": 39,
            "histogram": [
                {"start": 0, "end": 64, "rows": 0},
                {"start": 64, "end": 128, "rows": 2},
                {"start": 128, "end": 640, "rows": 0},
                {"start": 640, "end": 704, "rows": 1},
            ],
        }
    },
    "previews": [
        {
            "place": "line 2",
            "pieces": [
                [
                    "<s>[INST] Answer from the numbered lines.\n\nWhat was [x] in 2023? [/INST]",
                    False,
                ],
                [" It was 14.2 % [1].</s>", True],
            ],
            "tokens": 119,
            "truncated": False,
            "note": "",
            "left_out": "",
        },
        {
            "place": "line 3",
            "pieces": [],
            "tokens": 0,
            "truncated": False,
            "note": "",
            "left_out": "Its answer lies behind the first 512 tokens.",
        },
    ],
}


@pytest.mark.parametrize("size", [SMALL, WIDE], ids=["small", "wide"])
def test_a_data_set(
    snap_compare: Compare, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    async def at_once(*_arguments: str) -> dict[str, Any]:
        return SEEN

    monkeypatch.setattr("ragopt_tui.ui.screens.data_sets.answered", at_once)
    monkeypatch.setattr("ragopt_tui.training.data.store.time.time", lambda: STARTED)
    asked = Example((Message("user", "What?"), Message("assistant", "It was 14.2 %.", True)))
    record = DataSetRecord(
        "",
        "tat-qa [small]",
        "",
        "question-answer",
        0.0,
        {"train": 0, "validation": 0, "test": 0},
        Origin("/home/analyst/tat-qa.csv", licence="CC-BY-4.0"),
        {"question": "Q", "answer": "A"},
    )
    DataSetStore().add(record, {"train": [asked] * 3, "validation": [asked]})

    async def opened(pilot: Pilot[Any]) -> None:
        await training(pilot, "Press n for a first one")
        await pilot.press("d")
        await shown(pilot, "question from Q")
        await until(pilot, lambda: pilot.app.screen.query_one("#data-preview").size.height > 3)

    assert snap_compare(scripted_app(), terminal_size=size, run_before=opened)


@pytest.mark.parametrize("page", [0, 1, 3])
def test_an_opened_run(snap_compare: Compare, page: int) -> None:
    run = running()
    question = "What was Northwind's operating margin in 2023?"
    run.say("sample", step=30, prompt=question, text="The margin was 12.")
    run.checkpoint("fin-qa-step-30", best=True)
    run.say("sample", step=130, prompt=question, text="It was 14.2 % in fiscal 2023 [1].")
    run.say("message", text="3 examples are cut off at max_length.")
    run.diverge()

    async def opened(pilot: Pilot[Any]) -> None:
        await training(pilot, "the run diverges")
        await pilot.press("enter", *["right"] * page)
        texts = {0: "in fiscal 2023", 1: "no longer kept", 3: "cut off at max_length"}
        await shown(pilot, texts[page])

    assert snap_compare(scripted_app(), terminal_size=USUAL, run_before=opened)
    run.die()
