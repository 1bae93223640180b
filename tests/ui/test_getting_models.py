"""Variants come into the library from paths, servers and the hub; jobs are shown and stopped."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, OptionList

from ragopt_tui.errors import RagoptError
from ragopt_tui.jobs import supervisor
from ragopt_tui.jobs.job import Job
from ragopt_tui.models.checking import start_check
from ragopt_tui.models.hub import Found, HubModel
from ragopt_tui.models.hub_files import HubFile
from ragopt_tui.ui.screens.add_model import AddModel
from ragopt_tui.ui.screens.get_model import GetModel
from ragopt_tui.ui.screens.main import MainScreen
from ragopt_tui.ui.screens.models import Models
from tests.ui.library_records import BUILTIN, suggest
from tests.ui.scripted import scripted_app
from tests.ui.test_models import machine, opened, store
from tests.ui.waiting import ready, shown, until

__all__ = ["machine"]
SIZE = (120, 36)
DIGEST = "0" * 40


async def given(pilot: Pilot[None], text: str, key: str = "enter") -> None:
    """Ask for something to be added."""
    await pilot.press("ctrl+n")
    await until(pilot, lambda: isinstance(pilot.app.screen, AddModel))
    pilot.app.screen.query_one(Input).value = text
    await pilot.press(key)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A Hugging Face folder with the built-in model."""
    folder = tmp_path / "models" / "My [model]"
    shutil.copytree(BUILTIN, folder)
    return folder


async def test_what_lies_at_a_path_is_added_where_it_is(model: Path) -> None:
    app = scripted_app()
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await opened(pilot, 3)
        await given(pilot, str(model))
        await shown(pilot, "Added: My [model].")
        assert store().find("my-model").path == model


async def test_of_a_folder_of_models_all_are_added(model: Path) -> None:
    shutil.copytree(model, model.parent / "second")
    app = scripted_app()
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await opened(pilot, 3)
        await given(pilot, str(model.parent))
        await shown(pilot, "2 models added, 0 known already.")
        await given(pilot, str(model.parent))
        await shown(pilot, "0 models added, 2 known already.")


async def test_what_is_no_model_is_said(tmp_path: Path) -> None:
    (tmp_path / "notes.gguf").write_text("no model")
    app = scripted_app()
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await opened(pilot, 3)
        await given(pilot, str(tmp_path / "notes.gguf"))
        await until(pilot, lambda: any("notes.gguf" in n.message for n in app._notifications))


async def test_a_copy_is_a_job_whose_end_is_told(model: Path) -> None:
    app = scripted_app()
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await opened(pilot, 3)
        await given(pilot, str(model), "ctrl+y")
        await shown(pilot, "is in the library.")
        assert store().holds(store().record("my-model"))


async def test_a_path_is_completed(model: Path) -> None:
    app = scripted_app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, 3)
        await given(pilot, str(model.parent / "my"), "shift+f12")
        screen = app.screen
        await until(pilot, lambda: screen.query_one(OptionList).option_count == 1)
        await pilot.press("tab")
        assert screen.query_one(Input).value == f"{model}/"


class _Server(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps({"data": [{"id": "qwen"}, {"id": "phi [x]"}]}).encode()
        self.send_response(200 if self.path == "/v1/models" else 404)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *values: Any) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    """The address of a server with two models."""
    served = HTTPServer(("127.0.0.1", 0), _Server)
    thread = threading.Thread(target=served.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{served.server_port}"
    served.shutdown()
    thread.join()
    served.server_close()


async def test_a_model_of_a_server_is_picked_and_added(server: str) -> None:
    app = scripted_app()
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await opened(pilot, 3)
        await given(pilot, server)
        await shown(pilot, "Models of this server")
        await pilot.press("down", "enter")
        await shown(pilot, "Added: phi [x].")
        variant = store().find("phi [x]")
        assert (variant.url, variant.served) == (f"{server}/v1", "phi [x]")


async def test_a_server_that_is_not_there_is_said() -> None:
    app = scripted_app()
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await opened(pilot, 3)
        await given(pilot, "http://127.0.0.1:9")
        await shown(pilot, "cannot be reached")


def _looked_up(repository: str, revision: str, token: str | None) -> HubModel:
    if repository == "nobody/nothing":
        raise RagoptError("The hub has no nobody/nothing.", "Check the spelling.")
    files = tuple(
        HubFile(name, size, DIGEST)
        for name, size in (
            ("config.json", 600),
            ("model.safetensors", 14_000_000_000),
            ("m-Q4_K_M.gguf", 4_000_000_000),
        )
    )
    return HubModel(repository, "c" * 40, True, "apache-2.0", files)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """A hub that answers from here; gives the jobs that would have been started."""
    started: list[tuple[str, ...]] = []

    def start(*wanted: str) -> None:
        started.append(wanted)
        raise RagoptError("No job is started here.")

    found = [Found("northwind/tiny [1]", 1234, 7_000_000_000, False, ("safetensors",))]
    monkeypatch.setattr("ragopt_tui.models.hub.look_up", _looked_up)
    monkeypatch.setattr("ragopt_tui.models.hub.search", lambda *_: found)
    monkeypatch.setattr("ragopt_tui.models.pull_job.start_pull", start)
    return started


async def wanted(pilot: Pilot[None], text: str) -> GetModel:
    """Look something up on the hub."""
    await opened(pilot, 3)
    await pilot.press("ctrl+g")
    await until(pilot, lambda: isinstance(pilot.app.screen, GetModel))
    screen = pilot.app.screen
    assert isinstance(screen, GetModel)
    await shown(pilot, "Suggested for the memory of this machine")
    screen.query_one(Input).value = text
    await pilot.pause()
    await pilot.press("enter")
    return screen


async def test_a_form_of_a_repository_is_picked_and_fetched(hub: list[tuple[str, ...]]) -> None:
    app = scripted_app()
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await wanted(pilot, "northwind/tiny@v1")
        await shown(pilot, "4.0 GB  m-Q4_K_M.gguf")
        await pilot.press("down", "enter")
        await until(pilot, lambda: hub == [("northwind/tiny", "v1", "m-Q4_K_M.gguf")])
        await shown(pilot, "No job is started here.")
        assert isinstance(app.screen, Models)


async def test_words_are_searched_for_on_the_hub(hub: list[tuple[str, ...]]) -> None:
    app = scripted_app()
    async with app.run_test(size=SIZE) as pilot:
        await wanted(pilot, "a tiny one that nobody suggests")
        await shown(pilot, "northwind/tiny [1]  7.0B · safetensors · 1,234 downloads")
        await pilot.press("enter")
        await shown(pilot, "14.0 GB  safetensors")


async def test_a_suggestion_is_fetched_as_it_is_suggested(hub: list[tuple[str, ...]]) -> None:
    app = scripted_app()
    async with app.run_test(size=SIZE) as pilot:
        suggest()
        screen = await wanted(pilot, "mistral gguf")
        await until(pilot, lambda: hub and app.screen is not screen)
        named = "northwind/Mistral-7B-Instruct-v0.3-with-a-long-name-GGUF"
        assert hub == [(named, "main", "Q4_K_M")]


async def test_what_the_hub_refuses_is_said_in_the_dialogue(hub: list[tuple[str, ...]]) -> None:
    app = scripted_app()
    async with app.run_test(size=SIZE) as pilot:
        screen = await wanted(pilot, "nobody/nothing")
        await shown(pilot, "! The hub has no nobody/nothing. Check the spelling.")
        assert app.screen is screen
        assert hub == []


def held_check(variant: str, name: str) -> Job:
    """Start a check that waits: else it might be done before the program looks."""
    job = start_check(variant, name)
    process = job.folder.process_id()
    assert process is not None
    os.kill(process, signal.SIGSTOP)
    return job


def let_go(job: Job) -> None:
    """Let a job that waits go on."""
    process = job.folder.process_id()
    assert process is not None
    os.kill(process, signal.SIGCONT)


async def test_a_job_that_ran_before_the_start_is_shown_and_its_end_is_told() -> None:
    job = held_check("builtin-q8_0", "built-in Q8_0")
    app = scripted_app()
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await ready(pilot)
        await shown(pilot, "▶ check built-in Q8_0")
        let_go(job)
        await shown(pilot, "built-in Q8_0 is whole")
        await shown(pilot, "none running")
        assert job.state == "finished"


async def test_a_narrow_terminal_says_below_the_prompt_what_is_under_way() -> None:
    job = held_check("builtin-q8_0", "built-in Q8_0")
    app = scripted_app()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        screen = await ready(pilot)
        await until(pilot, lambda: "▶ check built-in Q8_0" in below_the_prompt(screen))
        # The sidebar over the chat says it itself.
        await pilot.press("f6")
        await until(pilot, lambda: "▶" not in below_the_prompt(screen))
        await pilot.press("f6")
        await until(pilot, lambda: "▶ check built-in Q8_0" in below_the_prompt(screen))
        let_go(job)
        await until(pilot, lambda: "▶" not in below_the_prompt(screen))
        assert job.state == "finished"


def below_the_prompt(screen: MainScreen) -> str:
    """Give the line below the prompt as it is drawn."""
    return str(screen.pane.status.render())


async def test_quitting_names_the_jobs_that_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    job = held_check("builtin", "built-in bf16")
    app = scripted_app()
    async with app.run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await until(pilot, lambda: screen.library.jobs.running)
        await pilot.press("ctrl+q")
    assert "Goes on in the background: check built-in bf16." in capsys.readouterr().err
    let_go(job)
    supervisor.cancel(job)


async def test_a_check_is_started_with_a_key_and_stopped_with_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = scripted_app()
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        screen = await opened(pilot, 3)
        await pilot.press("down", "ctrl+k")
        await until(pilot, lambda: screen.library.jobs.running)
        await pilot.press("ctrl+x")
        await shown(pilot, "Cancelled: check built-in bf16.")
        assert not screen.library.jobs.running
