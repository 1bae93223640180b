"""Putting variants on the hub."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import Any

import pytest

import ragopt_tui
from ragopt_tui.errors import RagoptError
from ragopt_tui.jobs.events import JobCancelled, Reporter
from ragopt_tui.jobs.job import Job
from ragopt_tui.models.pull_job import run as pull
from ragopt_tui.models.push_job import run, start_push
from ragopt_tui.models.record import Source
from ragopt_tui.models.store import VariantStore
from ragopt_tui.settings import folders
from tests.models.hub_models import adapter_model, folder_model, written
from tests.models.hub_server import READER, WRITER, Hub, Repository

GGUF = Path(ragopt_tui.__file__).parent / "builtin" / "gguf" / "builtin-Q8_0.gguf"


@pytest.fixture(autouse=True)
def writer(monkeypatch: pytest.MonkeyPatch, hub: Hub) -> None:
    monkeypatch.setenv("HF_TOKEN", WRITER)


def library() -> VariantStore:
    return VariantStore(folders().models)


def push(tmp_path: Path, variant: str, public: bool = False, **more: object) -> dict[str, Any]:
    parameters = {
        "variant": variant,
        "repository": "me/mine",
        "public": public,
        "working_folder": str(tmp_path),
    }
    return run(parameters | more, Reporter(tmp_path / "events.jsonl"))


def ended(job: Job) -> Job:
    deadline = time.monotonic() + 30
    while job.state == "running":
        assert time.monotonic() < deadline, "it never ended"
        time.sleep(0.02)
    return job


def added(tmp_path: Path, name: str, files: dict[str, bytes]) -> str:
    folder = written(tmp_path / name, files)
    return library().add(folder, source=Source(hub_id=f"me/{name}")).variant.id


def test_a_job_puts_a_model_into_a_private_repository_with_a_card(hub: Hub, tmp_path: Path) -> None:
    files = folder_model()
    job = ended(start_push(added(tmp_path, "Tiny-1", files), "me/mine"))
    assert job.state == "finished", job.log_file.read_text()
    assert job.reason == "Tiny-1 is on the hub as me/mine."
    assert job.result is not None
    assert job.result.result["url"] == f"{hub.url}/me/mine"
    there = hub.repositories["me/mine"]
    assert there.private
    kept = ("config.json", "tokenizer.json", "chat_template.jinja", "model.safetensors")
    assert {name: there.files[name] for name in kept} == {name: files[name] for name in kept}
    assert set(there.files) == {*kept, "README.md"}
    card = there.files["README.md"].decode()
    assert card.startswith("---\npipeline_tag: text-generation\nlicense: apache-2.0\n")
    assert "| Architecture | LlamaForCausalLM |" in card
    assert hashlib.sha256(files["model.safetensors"]).hexdigest() in card
    stages = [e["stage"] for e in job.events().read() if e["type"] == "progress"]
    assert list(dict.fromkeys(stages)) == ["hashing", "uploading"]
    progress = job.progress()
    assert progress is not None
    assert progress.done == progress.total == sum(len(files[name]) for name in kept)
    assert WRITER not in job.log_file.read_text() + job.folder.spec_file.read_text()


def test_an_adapter_goes_with_its_head_its_configuration_and_the_name_of_its_base(
    hub: Hub, tmp_path: Path
) -> None:
    added(tmp_path, "Tiny-1", folder_model())
    files = adapter_model("me/Tiny-1")
    push(tmp_path, added(tmp_path, "fin-qa", files))
    there = hub.repositories["me/mine"].files
    assert set(there) == {"README.md", "adapter_config.json", "adapter_model.safetensors"}
    assert there["adapter_model.safetensors"] == files["adapter_model.safetensors"]
    card = there["README.md"].decode()
    for line in (
        "base_model: me/Tiny-1",
        "base_model_relation: adapter",
        "library_name: peft",
        "license: mit",
        "| LoRA | rank 2, alpha 4, dropout 0.05 |",
        "| Modules trained whole | lm_head |",
    ):
        assert line in card.splitlines()


def test_a_gguf_file_is_put_there_and_can_be_fetched_again(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    push(tmp_path, "builtin-q8_0")
    there = hub.repositories["me/mine"].files
    assert set(there) == {"README.md", GGUF.name}
    assert there[GGUF.name] == GGUF.read_bytes()
    assert "tags:\n- gguf" in there["README.md"].decode()
    monkeypatch.setenv("HF_TOKEN", READER)
    wanted = {"repository": "me/mine", "revision": "main", "file": "Q8_0"}
    report = Reporter(tmp_path / "events.jsonl")
    fetched = pull(wanted | {"working_folder": str(tmp_path)}, report)
    variant = library().find(fetched["variant"])
    assert (variant.kind, variant.problem) == ("gguf", "")


def test_a_card_that_is_there_already_is_left_as_it_is(hub: Hub, tmp_path: Path) -> None:
    hub.repositories["me/mine"] = Repository({"README.md": b"by hand"}, private=True)
    push(tmp_path, added(tmp_path, "Tiny-1", folder_model()))
    assert hub.repositories["me/mine"].files["README.md"] == b"by hand"


def test_a_public_repository_is_used_only_when_that_is_said(hub: Hub, tmp_path: Path) -> None:
    hub.repositories["me/mine"] = Repository({})
    variant = added(tmp_path, "Tiny-1", folder_model())
    with pytest.raises(RagoptError, match="me/mine is there already and everybody can read it"):
        push(tmp_path, variant)
    assert hub.repositories["me/mine"].files == {}
    push(tmp_path, variant, public=True)
    assert "model.safetensors" in hub.repositories["me/mine"].files
    push(tmp_path, variant, public=True, repository="me/other")
    assert not hub.repositories["me/other"].private


def test_without_a_token_or_the_right_to_write_it_is_said(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", READER)
    with pytest.raises(RagoptError, match="The hub refused: You don't have the rights to do that"):
        push(tmp_path, "builtin-q8_0")
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(RagoptError, match="needs a token that may write"):
        push(tmp_path, "builtin-q8_0")
    assert hub.repositories == {}


def test_what_has_no_files_or_not_all_of_them_is_refused(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(RagoptError, match="quotes has no files"):
        push(tmp_path, "quotes")
    variant = added(tmp_path, "Tiny-1", folder_model())
    (tmp_path / "Tiny-1" / "tokenizer.json").unlink()
    with pytest.raises(RagoptError, match=r"Tiny-1 is not whole: .* lacks tokenizer\.json"):
        push(tmp_path, variant)
    assert hub.requests == []


def test_an_upload_is_stopped_within_a_file_and_nothing_appears(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stopping(Reporter):
        def progress(self, stage: str, done: float, *rest: Any, **more: Any) -> None:
            if stage == "uploading":
                self.cancel()

    monkeypatch.setattr("ragopt_tui.models.transfer._EVENT_SECONDS", 0.0)
    parameters = {"variant": "builtin-q8_0", "repository": "me/mine", "public": False}
    with pytest.raises(JobCancelled):
        run(parameters | {"working_folder": "/"}, Stopping(tmp_path / "events.jsonl"))
    assert hub.repositories["me/mine"].files == {}


def test_a_name_that_cannot_be_a_repository_is_said(tmp_path: Path) -> None:
    with pytest.raises(RagoptError, match="'a b/c' is no name of a repository"):
        push(tmp_path, "builtin-q8_0", repository="a b/c")


def test_an_upload_that_breaks_off_is_tried_again(hub: Hub, tmp_path: Path) -> None:
    hub.refusals["upload"] = [503]
    files = folder_model()
    push(tmp_path, added(tmp_path, "Tiny-1", files))
    assert hub.refusals["upload"] == []
    assert hub.repositories["me/mine"].files["model.safetensors"] == files["model.safetensors"]
