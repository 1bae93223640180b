"""`ragopt-tui models`, as it is called from a shell."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ragopt_tui.cli import main
from ragopt_tui.errors import RagoptError
from ragopt_tui.jobs import supervisor
from ragopt_tui.models.store import VariantStore
from ragopt_tui.settings import folders
from tests.models.hub_models import adapter_model, folder_model, written
from tests.models.hub_server import WRITER, Hub, Repository
from tests.training.made_runs import made_run

WEIGHTS = "model.safetensors"


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A folder of a small model, called me/Tiny-1 by its adapters."""
    return written(tmp_path / "Tiny-1", folder_model())


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """Runs `ragopt-tui models …` and gives its output, as JSON where that was asked for."""

    def run(*arguments: str, code: int = 0) -> Any:
        assert main(["models", *arguments]) == code
        printed = capsys.readouterr()
        if code:
            return printed.err
        return json.loads(printed.out) if "--json" in arguments else printed.out

    return run


def library() -> VariantStore:
    return VariantStore(folders().models)


def test_models_are_listed_below_those_they_were_made_from(
    tiny: Path, tmp_path: Path, said: Callable[..., Any]
) -> None:
    said("add", str(tiny))
    said("add", str(written(tmp_path / "fin-qa", adapter_model("Tiny-1"))), "--base", "tiny")
    lines = said("list").splitlines()
    assert [line.split()[0] for line in lines] == [
        *("quotes", "builtin", "builtin-q8_0", "tiny-1", "fin-qa")
    ]
    assert lines[-1].startswith("  fin-qa ")
    assert "LoRA r2" in lines[-1]
    listed = said("list", "--json")["variants"]
    assert [(v["id"], v["kind"], v["parent"]) for v in listed][-2:] == [
        ("fin-qa", "adapter", "tiny-1"),
        ("tiny-1", "base", ""),
    ]
    assert listed[-1]["bytes"] == library().record("tiny-1").bytes


def test_a_model_is_shown_with_its_facts_files_and_what_needs_it(
    tiny: Path, tmp_path: Path, said: Callable[..., Any]
) -> None:
    said("add", str(tiny), "--name", "My tiny [x]")
    said("add", str(written(tmp_path / "fin-qa", adapter_model("Tiny-1"))), "--base", "my-t")
    shown = said("show", "my-t")
    for row in (
        "architecture    LlamaForCausalLM",
        "needed by       fin-qa",
        "licence         apache",
    ):
        assert row in shown
    values = said("show", "My tiny [x]", "--json")
    assert values["variant"]["id"] == "my-tiny-x"
    assert values["dependents"] == ["fin-qa"]
    assert WEIGHTS in [file["name"] for file in values["files"]]


def test_what_is_added_is_referred_to_or_copied(tiny: Path, said: Callable[..., Any]) -> None:
    assert said("add", str(tiny)) == "tiny-1: Tiny-1 is in the library.\n"
    assert library().find("tiny-1").path == tiny
    copied = said("add", str(tiny), "--copy", "--name", "copied", "--json")
    assert copied == {"variant": "copied", "name": "copied", "problem": ""}
    path = library().find("copied").path
    assert path is not None
    assert path.is_relative_to(folders().models)
    assert (path / WEIGHTS).read_bytes() == (tiny / WEIGHTS).read_bytes()


def test_what_a_model_lacks_is_asked_for_and_given_when_it_is_added_again(
    tmp_path: Path, said: Callable[..., Any]
) -> None:
    files = folder_model()
    template = files.pop("chat_template.jinja")
    silent = written(tmp_path / "kept here" / "silent", files)
    jinja = tmp_path / "chat.jinja"
    jinja.write_bytes(template)
    add = f"`ragopt-tui models add '{silent}' --chat-template FILE` does."
    assert f"silent has no chat template: how to talk to it is unknown. Give it one. {add}" in said(
        "add", str(silent)
    )
    with pytest.raises(RagoptError, match="has no chat template") as told:
        library().answering("silent")
    assert told.value.hint == add
    missing = str(tmp_path / "none.jinja")
    assert "none.jinja cannot be read" in said(
        "add", str(silent), "--chat-template", missing, code=1
    )
    several = said("add", str(silent.parent), "--chat-template", str(jinja), code=1)
    assert "is not a Hugging Face model" in several
    assert said("add", str(silent), "--chat-template", str(jinja)) == (
        "silent: silent is in the library.\n"
    )
    assert library().record("silent").chat_template == template.decode()
    lora = written(tmp_path / "lora", adapter_model("me/elsewhere"))
    assert f"`ragopt-tui models add {lora} --base VARIANT` says what it sits on." in said(
        "add", str(lora)
    )


def test_of_a_folder_all_models_in_it_are_added(tmp_path: Path, said: Callable[..., Any]) -> None:
    for name in ("a", "b"):
        written(tmp_path / "models" / name, folder_model())
    pickled = {"config.json": b"{}", "pytorch_model.bin": b"x"}
    written(tmp_path / "models" / "c", pickled)
    found = said("add", str(tmp_path / "models"), "--json")
    assert found["added"] == ["a", "b"]
    ((place, reason),) = found["left_out"]
    assert place.endswith("/c")
    assert "pickled" in reason
    assert "0 added, 2 known already, 1 left out" in said("add", str(tmp_path / "models"))
    assert "There is nothing at" in said("add", str(tmp_path / "none"), code=1)
    (tmp_path / "empty").mkdir()
    assert "is not a Hugging Face model" in said("add", str(tmp_path / "empty"), code=1)


def test_a_served_model_is_added_by_its_url_and_name(said: Callable[..., Any]) -> None:
    arguments = ("http://localhost:8000/v1", "--served", "org/model", "--key-variable", "MY_KEY")
    added = said("add", *arguments, "--json")
    record = library().record(added["variant"])
    assert (record.variant.kind, record.variant.url) == ("endpoint", "http://localhost:8000/v1")
    assert (record.variant.served, record.key_variable) == ("org/model", "MY_KEY")
    assert "is no URL of a server" in said("add", "http://:x", "--served", "a", code=1)


def test_a_server_is_asked_for_its_models(said: Callable[..., Any]) -> None:
    names = ["one"]

    class Server(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            data = json.dumps({"data": [{"id": name} for name in names]}).encode()
            self.send_response(200 if self.path == "/v1/models" else 404)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        added = said("add", url, "--json")
        assert library().find(added["variant"]).served == "one"
        names.append("two")
        assert "has 2 models. Say which with --served: one, two." in said("add", url, code=1)
        server.shutdown()
    assert "cannot be reached" in said("add", url, code=1)


def test_a_model_is_renamed_removed_and_restored(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], said: Callable[..., Any]
) -> None:
    said("add", str(tiny))
    said("add", str(written(tmp_path / "fin-qa", adapter_model("Tiny-1"))), "--base", "tiny")
    assert said("rename", "tiny", "Großes Modell") == "Großes Modell\n"
    assert library().find("tiny-1").name == "Großes Modell"
    assert main(["models", "remove", "Großes Modell"]) == 0
    printed = capsys.readouterr()
    assert "`ragopt-tui models restore tiny-1` brings it back" in printed.out
    assert printed.err == "Without it these adapters cannot answer: fin-qa\n"
    assert "! Its base tiny-1 is not in the library any more." in said("list")
    assert said("list", "--removed") == "tiny-1  Großes Modell\n"
    assert said("restore", "tiny") == "tiny-1: Großes Modell is in the library.\n"
    assert said("list", "--removed", "--json") == {"removed": []}
    assert "comes with the program" in said("remove", "builtin", code=1)
    assert "There is no variant 'zz' in the trash" in said("restore", "zz", code=1)


def test_the_checkpoints_of_a_run_are_removed_but_for_those_that_something_was_made_of(
    said: Callable[..., Any],
) -> None:
    run, other = made_run("aaaa"), made_run("bbbb", started=1_741_900_000.0)
    kept = []
    for each in (run, run, other):
        each.log(10)
        kept.append(each.keep_checkpoint())
    library().tag(kept[1], ["good"])
    assert said("remove", "--checkpoints", run.id).splitlines() == [
        f"{kept[0]} is in the trash: `ragopt-tui models restore {kept[0]}` brings it back",
        f"{kept[1]} stays: it was named, tagged, verified or built on",
    ]
    assert [each.id for each in library().trashed()] == [kept[0]]
    values = said("remove", "--checkpoints", other.id, "--json")
    assert values == {"run": other.id, "removed": [kept[2]], "stay": []}
    assert "has no checkpoints" in said("remove", "--checkpoints", other.id)
    assert "There is no run 'zzzz'" in said("remove", "--checkpoints", "zzzz", code=1)
    run.die()
    other.die()


def test_a_check_names_what_is_damaged_and_fails(tiny: Path, said: Callable[..., Any]) -> None:
    said("add", str(tiny))
    assert "Tiny-1 is whole" in said("check", "tiny-1")
    content = bytearray((tiny / WEIGHTS).read_bytes())
    content[-2:] = b"\xc0\x7f"
    (tiny / WEIGHTS).write_bytes(content)
    assert "Tiny-1 cannot be trusted" in said("check", "tiny-1", code=1)
    assert "!" in said("list").splitlines()[-1]


def test_what_is_not_in_the_library_is_said(tiny: Path, said: Callable[..., Any]) -> None:
    assert "There is no model 'nothing'" in said("show", "nothing", code=1)
    refused = said("rename", str(tiny), "x", code=1)
    assert f"{tiny} is not in the library. `ragopt-tui models add {tiny}`" in refused


def test_a_model_is_pulled_from_the_hub_and_pushed_back(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, said: Callable[..., Any]
) -> None:
    hub.repositories["me/Tiny-1"] = Repository(folder_model())
    monkeypatch.setenv("HF_TOKEN", WRITER)
    assert said("pull", "me/Tiny-1", "--json") == {"variant": "tiny-1", "problem": ""}
    pushed = said("push", "tiny", "me/back", "--json")
    assert pushed == {"repository": "me/back", "url": f"{hub.url}/me/back", "commit": "c" * 40}
    assert hub.repositories["me/back"].private
    assert "has no revision 'v9'" in said("pull", "me/Tiny-1", "--revision", "v9", code=1)
    assert "everybody can read it" in said("push", "tiny", "me/Tiny-1", code=1)
    assert "is on the hub as me/Tiny-1" in said("push", "tiny", "me/Tiny-1", "--public")
    assert "0 added, 1 known already" in said("scan")


def test_the_hub_is_searched(hub: Hub, said: Callable[..., Any]) -> None:
    hub.repositories["me/Mistral-\x1b[31m"] = Repository({}, gated=True)
    assert said("search", "mistral").split() == [
        "7",
        "me/Mistral-\ufffd[31m",
        "safetensors",
        "gated",
    ]
    (found,) = said("search", "MISTRAL", "--json")["models"]
    assert (found["gated"], found["formats"]) == (True, ["safetensors"])
    assert said("search", "none") == ""


def test_suggestions_name_what_to_pull(said: Callable[..., Any]) -> None:
    models = said("suggest", "--json")["models"]
    lines = said("suggest").splitlines()
    assert len(models) == len(lines) > 0
    assert models[0]["repository"] in lines[0]
    assert all(model["memory"] > 0.3 * model["bytes"] for model in models)


def test_an_interrupted_pull_shows_its_progress_and_cancels_its_job(hub: Hub) -> None:
    hub.repositories["me/Tiny-1"] = Repository(folder_model(words=100_000))
    hub.held[WEIGHTS] = threading.Event()
    terminal, theirs = pty.openpty()
    command = [sys.executable, "-m", "ragopt_tui", "models", "pull", "me/Tiny-1"]
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "100"}
    process = subprocess.Popen(command, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    shown = b""
    while b"downloading" not in shown or b"MB of 3 MB" not in shown:
        shown += os.read(terminal, 4096)
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 130
    os.close(terminal)
    (job,) = supervisor.list_jobs()
    assert (job.state, job.reason) == ("cancelled", "Cancelled.")
    assert [v.id for v in library().variants() if not v.builtin] == []


@pytest.mark.parametrize(
    "arguments", [[], ["show"], ["rename", "x"], ["pull"], ["push", "x"], ["forget", "x"]]
)
def test_wrong_usage_is_two(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["models", *arguments])
    assert ended.value.code == 2
    assert "usage: ragopt-tui models" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["ask", "What was revenue?"], []])
def test_a_model_is_asked_for_by_the_beginning_of_its_id(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, "--docs", str(tmp_path), "--model", "built"]) == 1
    said = capsys.readouterr().err
    assert "2 variants are called 'built': builtin, builtin-q8_0. Give more of the id." in said
    assert main([*command, "--docs", str(tmp_path), "--model", "nothing"]) == 1
    assert "There is no model 'nothing'" in capsys.readouterr().err
