"""The Train tab: runs are listed, followed, compared, set up, stopped and removed."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from textual.events import Key
from textual.pilot import Pilot
from textual.widgets import Input, OptionList

from ragopt_tui.jobs.folder import JobFolder, JobResult, JobSpec
from ragopt_tui.models.store import VariantStore
from ragopt_tui.settings import folders
from ragopt_tui.training.configuration.config import TrainingConfig, parse_config
from ragopt_tui.training.configuration.values import DataChoice, Lora
from ragopt_tui.training.data.example import Example, Message
from ragopt_tui.training.data.record import DataSetRecord
from ragopt_tui.training.data.store import DataSetStore
from ragopt_tui.training.runs.curves import Curves
from ragopt_tui.training.runs.folder import RunFolder
from ragopt_tui.training.runs.listing import find_run, list_runs
from ragopt_tui.training.runs.removing import remove_run
from ragopt_tui.ui.screens.data_import import DataImport
from ragopt_tui.ui.screens.data_sets import DataSets
from ragopt_tui.ui.screens.pick import Pick
from ragopt_tui.ui.screens.train_form import TrainFormScreen
from ragopt_tui.ui.train_details import yaml_of
from ragopt_tui.ui.train_plan import PlanView
from ragopt_tui.ui.train_rows import RunRow
from ragopt_tui.ui.widgets.chart_board import ChartBoard
from ragopt_tui.ui.widgets.train_form import FieldList, TrainForm
from ragopt_tui.ui.widgets.train_pane import TrainPane
from ragopt_tui.ui.widgets.train_yaml import TrainYaml
from tests.training.made_runs import DIVERGED, MadeRun, made_run
from tests.ui.scripted import scripted_app
from tests.ui.waiting import main_screen, ready, screen_text, shown, until

SIZE = (160, 45)


@pytest.fixture
def no_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is planned: that takes a process of its own."""

    async def nothing(_text: str) -> PlanView:
        return PlanView()

    monkeypatch.setattr("ragopt_tui.ui.screens.train_form.planned", nothing)


async def opened(pilot: Pilot[Any], runs: int) -> TrainPane:
    """Open the tab and wait until its runs are listed."""
    await ready(pilot)
    await pilot.press("f10")
    pane = main_screen(pilot.app).query_one(TrainPane)
    await until(pilot, lambda: pane.query_one("#runs", OptionList).option_count == runs)
    return pane


def row(pane: TrainPane) -> RunRow:
    found = pane.marked_row()
    assert found is not None
    return found


def logged(run: MadeRun, kind: str, value: str) -> dict[int, Any]:
    """What the events file has, read as anyone would."""
    lines = run.job.events_file.read_text().splitlines()
    events = [json.loads(line) for line in lines]
    return {each["step"]: each[value] for each in events if each["type"] == kind}


def reads(pane: TrainPane, chart: int, line: int) -> tuple[int, float] | None:
    """The step and value that a line of a chart reads."""
    pictures = pane.query_one(ChartBoard).pictures
    if chart >= len(pictures) or line >= len(pictures[chart].lines):
        return None
    found = pictures[chart].lines[line].reading
    return (found.step, found.value) if found else None


async def test_a_run_that_goes_on_is_there_whole_when_the_program_opens_and_goes_on_live() -> None:
    run = made_run("aaaa", total=2000)
    run.log(900, evaluate_every=100)
    app = scripted_app()
    async with app.run_test(size=SIZE) as pilot:
        pane = await opened(pilot, 1)
        losses = logged(run, "train", "loss")
        await until(pilot, lambda: reads(pane, 0, 0) == (900, losses[900]))
        picture = pane.query_one(ChartBoard).pictures[0]
        assert (picture.window.first, picture.window.last) == (1, 900)
        assert row(pane).state == "training"
        run.log(50)
        losses = logged(run, "train", "loss")
        await until(pilot, lambda: reads(pane, 0, 0) == (950, losses[950]))
        run.end(JobResult("finished", "", "", {"message": "It is in the library.", "variant": "x"}))
        await shown(pilot, "It is in the library.")
        assert row(pane).state == "finished"


async def test_the_cursor_reads_of_every_chart_what_was_logged_at_its_step() -> None:
    run = made_run("aaaa", total=300)
    run.log(300, evaluate_every=30)
    run.die()
    app = scripted_app()
    async with app.run_test(size=SIZE) as pilot:
        pane = await opened(pilot, 1)
        await until(pilot, lambda: reads(pane, 0, 0) is not None)
        await pilot.press(*["left"] * 12)
        board = pane.query_one(ChartBoard)
        await until(pilot, lambda: all(p.cursor and p.cursor < 285 for p in board.pictures))
        step = int(board.pictures[0].cursor or 0)
        values = ["learning_rate", "grad_norm", "tokens_per_second", "gpu_bytes"]
        assert reads(pane, 0, 0) == (step, logged(run, "train", "loss")[step])
        for chart, value in enumerate(values, 1):
            assert reads(pane, chart, 0) == (step, logged(run, "train", value)[step])
        before = max(at for at in range(0, 301, 30) if at <= step)
        assert reads(pane, 0, 2) == (before, logged(run, "evaluation", "loss")[before])
        await pilot.press("plus", "plus")
        await until(pilot, lambda: board.pictures[0].window.width < 100)
        window = board.pictures[0].window
        assert window.first <= step <= window.last
        await pilot.press("comma")
        await until(pilot, lambda: board.pictures[0].window.first < window.first)
        await pilot.press("0", "escape")
        await until(pilot, lambda: board.pictures[0].window.last == 300)
        await until(pilot, lambda: reads(pane, 0, 0) == (300, logged(run, "train", "loss")[300]))


async def test_marked_runs_are_compared_each_under_its_letter() -> None:
    first, second = made_run("aaaa"), made_run("bbbb", started=1_741_960_000.0)
    first.log(100, 1.0)
    second.log(80, 2.0)
    app = scripted_app()
    async with app.run_test(size=SIZE) as pilot:
        pane = await opened(pilot, 2)
        await pilot.press("space", "down")
        board = pane.query_one(ChartBoard)
        await until(pilot, lambda: len(board.pictures) == 6)
        assert pane.compared() == [second.id, first.id]
        await until(pilot, lambda: [line.mark for line in board.pictures[0].lines] == ["A", "B"])
        assert "A fin-qa" in screen_text(app)
        await pilot.press("up", "space")
        await until(pilot, lambda: len(board.pictures) == 5)
    first.die()
    second.die()


async def test_the_palette_offers_what_can_be_done_with_the_marked_run() -> None:
    run = made_run("aaaa")
    run.log(20)
    app = scripted_app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, 1)
        offered = {command.title for command in app.get_system_commands(app.screen)}
        assert {"New training run", "Logarithmic axis", "Data sets"} <= offered
        await pilot.press("ctrl+p")
        await shown(pilot, "Search for commands")
        await pilot.press(*"logarith", "enter")
        await until(pilot, lambda: "log" in screen_text(app).splitlines()[2])
    run.die()


async def test_a_run_that_diverges_says_so_with_what_to_change() -> None:
    run = made_run("aaaa")
    run.log(100)
    app = scripted_app()
    async with app.run_test(size=SIZE) as pilot:
        pane = await opened(pilot, 1)
        run.diverge()
        await shown(pilot, DIVERGED[0])
        await shown(pilot, "Lower learning_rate")
        assert row(pane).loss is None
        assert "! training" in screen_text(app)
    run.die()


async def test_a_run_is_repeated_with_one_thing_changed(
    no_plan: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = TrainingConfig(name="fin-qa", data=DataChoice(set="six"), lora=Lora(r=8))
    run = made_run("aaaa", config=config)
    run.die()
    begun: list[tuple[TrainingConfig, str]] = []

    def start(config: TrainingConfig, original: str = "") -> JobSpec:
        begun.append((config, original))
        return JobSpec("20250314-120000-zzzz", "train", "", "", {})

    monkeypatch.setattr("ragopt_tui.training.runs.starting.start_training", start)
    app = scripted_app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, 1)
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, TrainFormScreen))
        app.screen.query_one(TrainForm).mark("lora.r")
        await pilot.press("enter", "backspace", *"64", "enter")
        await until(pilot, lambda: "r: 64" in app.screen.query_one(TrainYaml).text)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: begun)
    [(again, original)] = begun
    assert again == parse_config(original)
    assert again == replace(config, lora=Lora(r=64))


async def test_a_start_that_is_wanted_while_a_run_is_planned_follows_the_plan(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    planning, ready_to_tell = asyncio.Event(), asyncio.Event()

    async def planned(_text: str) -> PlanView:
        planning.set()
        await ready_to_tell.wait()
        return PlanView()

    begun: list[str] = []

    def start(config: TrainingConfig, _original: str = "") -> JobSpec:
        begun.append(config.name)
        return JobSpec("20250314-120000-zzzz", "train", "", "", {})

    monkeypatch.setattr("ragopt_tui.ui.screens.train_form.planned", planned)
    monkeypatch.setattr("ragopt_tui.training.runs.starting.start_training", start)
    run = made_run("aaaa", config=TrainingConfig(name="fin-qa", data=DataChoice(set="six")))
    run.die()
    app = scripted_app()
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await opened(pilot, 1)
        await pilot.press("a")
        await until(pilot, planning.is_set)
        await pilot.press("ctrl+s")
        await shown(pilot, "It starts once it has been checked")
        assert not begun
        ready_to_tell.set()
        await until(pilot, lambda: begun == ["fin-qa"])


async def test_the_form_follows_the_yaml_and_a_mistake_keeps_the_run_from_starting(
    no_plan: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(*_: Any) -> None:
        raise AssertionError("it was started")

    monkeypatch.setattr("ragopt_tui.training.runs.starting.start_training", start)
    app = scripted_app()
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await ready(pilot)
        await pilot.press("f10")
        await shown(pilot, "Press n for a first one")
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, Pick))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, TrainFormScreen))
        yaml, form = app.screen.query_one(TrainYaml), app.screen.query_one(TrainForm)
        yaml.text = "name: typed\nlora:\n  r: 4\n"
        form.mark("name")
        await shown(pilot, "typed")
        await until(pilot, lambda: "• r" in screen_text(app))
        yaml.text = "name: typed\nlora:\n  rank: 4\n"
        await shown(pilot, "line 3: lora.rank is no setting")
        await pilot.press("ctrl+s")
        await shown(pilot, "It cannot start like this")
        assert isinstance(app.screen, TrainFormScreen)
        yaml.text = "name: [x\n"
        await until(pilot, lambda: app.screen.query_one(FieldList).disabled)
        yaml.text = "name: y\n"
        await until(pilot, lambda: not app.screen.query_one(FieldList).disabled)
        await pilot.press("ctrl+s")
        await shown(pilot, "data.set is empty")
        await pilot.press("escape")
        await shown(pilot, "Leave without starting?")
        await pilot.press("y")
        await until(pilot, lambda: app.screen is main_screen(app))


async def test_nothing_of_what_is_typed_fast_into_the_form_is_lost(no_plan: None) -> None:
    run = made_run("aaaa")
    run.die()
    app = scripted_app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, 1)
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, TrainFormScreen))
        form, yaml = app.screen.query_one(TrainForm), app.screen.query_one(TrainYaml)
        form.mark("name")
        for typed in ("second-try", "a b c"):
            # All at once, as from a fast hand or on a slow machine.
            for character in typed:
                app.post_message(Key("space" if character == " " else character, character))
            app.post_message(Key("enter", None))
            await until(pilot, partial(lambda name: parse_config(yaml.text).name == name, typed))


async def test_a_stopped_run_says_how_it_goes_on_here() -> None:
    run = made_run("aaaa")
    app = scripted_app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, 1)
        await shown(pilot, "starting")
        run.log(10)
        kept = RunFolder.of(run.id).checkpoints_folder / "checkpoint-10"
        kept.mkdir()
        (kept / "run_state.json").write_text("{}")
        said = "Stopped at step 10 of 300; its checkpoint is kept."
        run.end(JobResult("cancelled", said, f"Go on: `ragopt-tui train --resume {run.id}`."))
        await shown(pilot, f"{said} r goes on with it.")
        assert "✗" not in screen_text(app)
        assert "--resume" not in screen_text(app)


async def test_an_ended_run_is_removed_only_when_that_is_confirmed() -> None:
    run = made_run("aaaa")
    run.log(10)
    run.die()
    other = made_run("bbbb", started=1_741_900_000.0)
    app = scripted_app()
    async with app.run_test(size=SIZE) as pilot:
        pane = await opened(pilot, 2)
        await until(pilot, lambda: row(pane).id == run.id)
        await pilot.press("ctrl+d")
        await shown(pilot, "Remove the run fin-qa")
        await pilot.press("escape")
        assert len(list_runs()) == 2
        await pilot.press("ctrl+d")
        await shown(pilot, "Remove the run fin-qa")
        await pilot.press("y")
        await until(pilot, lambda: row(pane).id == other.id)
    assert [each.id for each in list_runs()] == [other.id]
    assert [path.name for path in (folders().data / "runs").iterdir()] == [other.id]
    other.die()


async def test_a_checkpoint_of_a_run_answers_in_the_chat(monkeypatch: pytest.MonkeyPatch) -> None:
    run = made_run("aaaa")
    run.log(10)
    run.checkpoint("builtin-q8_0", best=True)
    run.log(10)
    run.checkpoint("builtin", best=True)
    app = scripted_app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, 1)
        await pilot.press("enter", "right")
        await shown(pilot, "★ best")
        assert screen_text(app).count("★ best") == 1
        await pilot.press("down", "enter")
        await until(pilot, lambda: main_screen(app).variant_id == "builtin-q8_0")
        await shown(pilot, "Ask about")
    run.die()


def in_library() -> set[str]:
    return {record.variant.id for record in VariantStore(folders().models).records()}


async def test_the_checkpoints_of_a_run_are_cleared_at_once_and_brought_back_at_once() -> None:
    run = made_run("aaaa")
    checkpoints = []
    for _ in range(3):
        run.log(10)
        checkpoints.append(run.keep_checkpoint())
    run.die()
    VariantStore(folders().models).tag(checkpoints[1], ["good"])
    app = scripted_app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, 1)
        await pilot.press("enter", "right")
        await shown(pilot, checkpoints[2])
        await pilot.press("ctrl+d")
        await shown(pilot, "Move 2 checkpoints of fin-qa to the trash")
        assert "1 that you named, tagged or built on" in screen_text(app)
        await pilot.press("escape", "ctrl+d")
        await shown(pilot, "Move 2 checkpoints")
        assert set(checkpoints) <= in_library()
        await pilot.press("y")
        await until(pilot, lambda: screen_text(app).count("no longer kept") == 2)
        assert set(checkpoints) & in_library() == {checkpoints[1]}
        await pilot.press("ctrl+z")
        await until(pilot, lambda: "no longer kept" not in screen_text(app))
        assert set(checkpoints) <= in_library()


async def test_a_removed_run_takes_its_checkpoints_with_it_to_the_trash() -> None:
    run = made_run("aaaa")
    run.log(10)
    checkpoint = run.keep_checkpoint()
    run.die()
    other = made_run("bbbb", started=1_741_900_000.0)
    other.log(10)
    stays = other.keep_checkpoint()
    remove_run(find_run(run.id))
    assert (checkpoint in in_library(), stays in in_library()) == (False, True)
    assert [each.id for each in VariantStore(folders().models).trashed()] == [checkpoint]
    other.die()


def small_set() -> str:
    """A set of six questions."""
    examples = [
        Example(
            (Message("user", f"What was item {n}?"), Message("assistant", f"It was {n}.", True))
        )
        for n in range(6)
    ]
    record = DataSetRecord("", "six", "", "messages", 0.0, {"train": 0, "validation": 0, "test": 0})
    return DataSetStore().add(record, {"train": examples[:5], "validation": examples[5:]}).id


TINY = """name: tiny
base: builtin
data:
  set: six
lora:
  r: 2
  target_modules: [q_proj]
training:
  max_steps: 2
  max_length: 32
  eval_steps: 0
  save_steps: 0
"""


@pytest.mark.slow
async def test_a_run_that_is_set_up_here_trains_and_is_offered_to_the_chat(
    no_plan: None, tmp_path: Path
) -> None:
    small_set()
    file = tmp_path / "tiny.yml"
    file.write_text(TINY)
    app = scripted_app()
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await ready(pilot)
        await pilot.press("f10")
        await shown(pilot, "Press n for a first one")
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, Pick))
        choices = app.screen.query_one(OptionList)
        choices.highlighted = choices.option_count - 2
        await pilot.press("enter")
        await shown(pilot, "The YAML file")
        await pilot.press(*str(file), "enter")
        await until(pilot, lambda: isinstance(app.screen, TrainFormScreen))
        await pilot.press("ctrl+s")
        pane = main_screen(app).query_one(TrainPane)
        await until(pilot, lambda: pane.marked_row(), 60)
        await until(pilot, lambda: not row(pane).under_way, 120)
        assert row(pane).state == "finished", row(pane).problem
        await until(pilot, lambda: reads(pane, 0, 0) is not None)
        assert reads(pane, 0, 0) is not None
        await until(pilot, lambda: main_screen(app).library.made == row(pane).variant)


async def test_the_hints_of_the_import_are_read_whole_in_a_small_terminal() -> None:
    app = scripted_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("f10")
        await shown(pilot, "Press n for a first one")
        await pilot.press("d")
        await shown(pilot, "Press i to import one")
        await pilot.press("i")
        await until(pilot, lambda: isinstance(app.screen, DataImport))
        fields = list(app.screen.query(Input))
        assert len(fields) > 5
        for each in fields:
            await shown(pilot, each.placeholder)


async def test_a_file_is_imported_and_shown_as_a_model_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "qa.csv"
    file.write_text("Question,Answer\nWhat was revenue?,12 million.\nAnd costs?,\n")
    app = scripted_app()
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await ready(pilot)
        await pilot.press("f10")
        await shown(pilot, "Press n for a first one")
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, DataSets))
        await shown(pilot, "Press i to import one")
        await pilot.press("i")
        await until(pilot, lambda: isinstance(app.screen, DataImport))
        await pilot.press(*str(file), "enter")
        await until(pilot, lambda: "answer from Answer" in screen_text(app), 60)
        assert "line 3: answer is empty" in screen_text(app)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "12 million.</s>" in screen_text(app), 90)
        assert "1 row" in screen_text(app)
        await pilot.press("ctrl+d")
        await until(pilot, lambda: "Press i to import one" in screen_text(app), 30)
        await pilot.press("ctrl+z")
        await until(pilot, lambda: "question from Question" in screen_text(app), 30)
        assert [each.id for each in DataSetStore().sets()] == ["qa"]


@pytest.mark.parametrize(
    ("original", "shown"),
    [("# mine\nname: fin-qa\n", True), ("name: changed by --set\n", False), ("name: [\n", False)],
)
def test_a_run_shows_what_its_user_wrote_unless_other_settings_were_used(
    original: str, shown: bool
) -> None:
    run = made_run("aaaa", original=original)
    [listed] = list_runs()
    assert (yaml_of(listed) == original) == shown
    assert parse_config(yaml_of(listed)) == run.config
    run.die()


def test_made_runs_are_read_as_the_worker_writes_them() -> None:
    run = made_run("aaaa")
    run.log(3)
    [listed] = list_runs()
    assert (listed.id, listed.state) == (run.id, "running")
    curves = Curves(listed.jobs)
    assert curves.read()
    assert list(curves.series["loss"].values) == [event["loss"] for event in run.logged]
    assert JobFolder(folders().jobs / run.id).is_alive()
    run.die()
