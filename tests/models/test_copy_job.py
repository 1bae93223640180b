"""Copying into the library: whole or not at all."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ragopt_tui.errors import RagoptError
from ragopt_tui.jobs.events import JobCancelled, Reporter
from ragopt_tui.models.copy_job import run, start_copy
from ragopt_tui.models.store import VariantStore
from ragopt_tui.settings import folders
from tests.models.test_check_job import ended
from tests.models.tiny_models import adapter_folder, base_folder, gguf_file


@pytest.fixture
def store() -> VariantStore:
    return VariantStore(folders().models)


@pytest.fixture
def report(tmp_path: Path) -> Reporter:
    return Reporter(tmp_path / "events.jsonl")


def copy(path: Path, report: Reporter, name: str = "", parent: str = "") -> dict[str, Any]:
    return run({"path": str(path), "name": name, "parent": parent}, report)


def test_a_copy_lives_on_when_the_original_goes(
    store: VariantStore, report: Reporter, tmp_path: Path
) -> None:
    folder = base_folder(tmp_path / "tiny [1]")
    (folder / "pytorch_model.bin").write_bytes(b"pickle")
    contents = {file.name: file.read_bytes() for file in folder.iterdir()}
    del contents["pytorch_model.bin"]
    for file in folder.iterdir():
        file.chmod(0o444)
    folder.chmod(0o555)
    assert copy(folder, report, name="Mine")["variant"] == "mine"
    folder.chmod(0o755)
    shutil.rmtree(folder)
    record = store.record("mine")
    assert (record.variant.problem, record.source.folder) == ("", str(folder))
    assert record.variant.path == store.folder.path / "mine"
    for file in record.files:
        assert (record.variant.path / file.name).read_bytes() == contents.pop(file.name)
        assert (
            file.sha256
            == hashlib.sha256((record.variant.path / file.name).read_bytes()).hexdigest()
        )
    assert contents == {}


def test_a_split_gguf_and_an_adapter_are_copied_whole(
    store: VariantStore, report: Reporter, tmp_path: Path
) -> None:
    for part in (1, 2):
        gguf_file(tmp_path / f"big-{part:05d}-of-00002.gguf", parts=(part - 1, 2))
    copied = store.record(copy(tmp_path / "big-00002-of-00002.gguf", report)["variant"])
    assert (copied.variant.id, copied.facts.parameters, copied.variant.problem) == ("big", 144, "")
    assert copied.variant.path == store.folder.path / "big" / "big-00001-of-00002.gguf"
    base = store.add(base_folder(tmp_path / "tiny")).variant.id
    adapter = adapter_folder(tmp_path / "lora", "")
    result = copy(adapter, report, parent=base)
    assert (store.find(result["variant"]).parent, result["problem"]) == (base, "")


def test_a_broken_or_foreign_model_is_not_copied(
    store: VariantStore, report: Reporter, tmp_path: Path
) -> None:
    folder = base_folder(tmp_path / "tiny")
    (folder / "tokenizer.json").unlink()
    with pytest.raises(RagoptError, match="has no tokenizer"):
        copy(folder, report)
    store.add(base_folder(tmp_path / "base"))
    with pytest.raises(RagoptError, match="for another base"):
        copy(adapter_folder(tmp_path / "lora", "base", hidden=16), report, parent="base")
    assert [v.id for v in store.variants()[3:]] == ["base"]
    assert not any(store.folder.path.glob(".new-*"))


def test_a_cancelled_copy_leaves_nothing(
    store: VariantStore, report: Reporter, tmp_path: Path
) -> None:
    report.cancel()
    with pytest.raises(JobCancelled):
        copy(base_folder(tmp_path / "tiny"), report)
    assert store.variants()[3:] == []
    assert not any(store.folder.path.glob(".new-*"))


def test_a_disk_without_room_is_told_before_copying(
    store: VariantStore, report: Reporter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Usage(NamedTuple):
        free: int

    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(100))
    with pytest.raises(RagoptError, match=r"has 0\.0 GB free"):
        copy(base_folder(tmp_path / "tiny"), report)
    assert not any(store.folder.path.glob(".new-*"))


def test_what_a_killed_copy_left_is_cleared_by_the_next(
    store: VariantStore, report: Reporter, tmp_path: Path
) -> None:
    left = store.folder.path / ".new-999999999-aa"
    base_folder(left)
    assert store.variants()[3:] == []
    copy(base_folder(tmp_path / "tiny"), report)
    assert not left.exists()


def test_a_copy_runs_as_a_job(store: VariantStore, tmp_path: Path) -> None:
    job = ended(start_copy(base_folder(tmp_path / "tiny")))
    assert job.result is not None
    assert (job.result.state, job.result.message) == ("finished", "tiny is in the library.")
    assert store.find("tiny").problem == ""
