"""A check reads every byte and tells the variant's trouble by file and tensor."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import Any

import numpy
import pytest
from safetensors.numpy import load_file, save_file

from ragopt_tui.errors import RagoptError
from ragopt_tui.jobs import supervisor
from ragopt_tui.jobs.events import JobCancelled, Reporter
from ragopt_tui.jobs.job import Job
from ragopt_tui.models.check_job import run
from ragopt_tui.models.checking import start_check
from ragopt_tui.models.integrity import finite
from ragopt_tui.models.record import Source
from ragopt_tui.models.store import VariantStore
from ragopt_tui.settings import folders
from tests.models.tiny_models import adapter_folder, base_folder, gguf_file, split_folder


@pytest.fixture
def store() -> VariantStore:
    return VariantStore(folders().models)


@pytest.fixture
def report(tmp_path: Path) -> Reporter:
    return Reporter(tmp_path / "events.jsonl")


def check(id: str, report: Reporter) -> dict[str, Any]:
    return run({"variant": id}, report)


def test_a_whole_model_gets_its_hashes_and_no_problem(
    store: VariantStore, report: Reporter, tmp_path: Path
) -> None:
    folder = split_folder(tmp_path / "tiny")
    store.add(folder)
    result = check("tiny", report)
    assert result["problem"] == ""
    assert result["tensors"] == 6
    files = store.record("tiny").files
    assert {file.name: file.sha256 for file in files} == {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir()
    }
    assert check("tiny", report)["problem"] == ""


def test_both_formats_of_the_builtin_model_are_whole(store: VariantStore, report: Reporter) -> None:
    for id, tensors in (("builtin", 75), ("builtin-q8_0", 75)):
        result = check(id, report)
        assert (result["problem"], result["tensors"]) == ("", tensors)
        assert all(file.sha256 for file in store.record(id).files)
    with pytest.raises(RagoptError, match="quotes has no files"):
        check("quotes", report)


@pytest.mark.parametrize("bad", [numpy.nan, numpy.inf])
@pytest.mark.parametrize("dtype", [numpy.float16, numpy.float32, numpy.float64])
def test_weights_that_are_no_numbers_mark_the_variant(
    store: VariantStore, report: Reporter, tmp_path: Path, bad: float, dtype: type
) -> None:
    file = base_folder(tmp_path / "tiny") / "model.safetensors"
    tensors = {name: tensor.astype(dtype) for name, tensor in load_file(file).items()}
    tensors["lm_head.weight"][-1, -1] = bad
    save_file(tensors, file)
    store.add(tmp_path / "tiny")
    problem = check("tiny", report)["problem"]
    assert f"{file} has NaN or infinity" in problem
    assert "in 1 of 6 tensors, first in lm_head.weight" in problem
    assert store.find("tiny").problem == problem
    with pytest.raises(RagoptError, match="NaN or infinity"):
        store.answering("tiny")
    tensors["lm_head.weight"][-1, -1] = 1
    save_file(tensors, file)
    assert check("tiny", report)["problem"] == ""
    assert store.answering("tiny").problem == ""


def test_numbers_of_few_bits_are_told_from_what_is_none() -> None:
    one, nan, minus_infinity = 0x3F80, 0x7FC0, 0xFF80
    for values, whole in (([one], True), ([one, nan], False), ([minus_infinity], False)):
        assert finite(numpy.array(values, "<u2").view("u1"), "BF16") is whole
    assert finite(numpy.array([0x7E, 0x00], "u1"), "F8_E4M3")
    assert not finite(numpy.array([0x00, 0xFF], "u1"), "F8_E4M3")
    assert not finite(numpy.array([0x7C], "u1"), "F8_E5M2")
    assert finite(numpy.array([0xFF], "u1"), "U8")


@pytest.mark.parametrize("at", ["blk.0.attn_norm.weight", "blk.0.attn_q.weight"])
def test_nan_in_a_gguf_is_found(
    store: VariantStore, report: Reporter, tmp_path: Path, at: str
) -> None:
    from ragopt_tui.models.gguf_header import read_gguf

    file = gguf_file(tmp_path / "x.gguf")
    tensor = read_gguf(file).tensors[at]
    with file.open("r+b") as stream:
        stream.seek(tensor.start)
        stream.write(b"\xff" * 4)
    store.add(file)
    assert f"in 1 of 2 tensors, first in {at}" in check("x", report)["problem"]


def test_a_scale_that_is_nan_in_a_quantised_gguf_is_found(
    store: VariantStore, report: Reporter, tmp_path: Path
) -> None:
    from ragopt_tui.models.gguf_header import read_gguf

    whole = store.find("builtin-q8_0").path
    assert whole is not None
    file = tmp_path / "q8.gguf"
    file.write_bytes(whole.read_bytes())
    tensor = read_gguf(file).tensors["blk.3.ffn_up.weight"]
    assert tensor.type.name == "Q8_0"
    with file.open("r+b") as stream:
        stream.seek(tensor.start + 34 * 5000 + 2)
        stream.write(b"\xff\xff")
    store.add(file)
    assert check("q8", report)["problem"] == ""
    with file.open("r+b") as stream:
        stream.seek(tensor.start + 34 * 5000)
        stream.write(b"\xff\xff")
    store.add(file)
    assert "first in blk.3.ffn_up.weight" in check("q8", report)["problem"]


def test_a_token_that_is_there_twice_is_found_before_it_ends_an_engine(
    store: VariantStore, report: Reporter, tmp_path: Path
) -> None:
    store.add(gguf_file(tmp_path / "x.gguf", tokens=("<s>", "</s>", "[a]", "[a]")))
    assert "has the token '[a]' twice" in check("x", report)["problem"]


def test_files_that_changed_or_broke_since_are_named(
    store: VariantStore, report: Reporter, tmp_path: Path
) -> None:
    folder = base_folder(tmp_path / "tiny")
    store.add(folder)
    check("tiny", report)
    tensors = load_file(folder / "model.safetensors")
    tensors["lm_head.weight"][0, 0] = 7
    save_file(tensors, folder / "model.safetensors")
    problem = f"{folder}/model.safetensors is not the file that was added: its SHA-256 is another."
    assert check("tiny", report)["problem"] == problem
    assert store.add(folder).variant.problem == ""
    (folder / "README.md").write_text("Other words.")
    assert check("tiny", report)["problem"] == ""
    (folder / "tokenizer.json").write_text('{"mo')
    assert "tokenizer.json is not the file" in check("tiny", report)["problem"]
    store.add(folder)
    assert "tokenizer.json is damaged" in check("tiny", report)["problem"]
    (folder / "tokenizer.json").unlink()
    assert "has no tokenizer" in check("tiny", report)["problem"]
    (folder / "config.json").unlink()
    assert "no config.json" in check("tiny", report)["problem"]


def test_hashes_that_the_hub_gave_are_compared(
    store: VariantStore, report: Reporter, tmp_path: Path
) -> None:
    store.add(base_folder(tmp_path / "tiny"), hashes={"model.safetensors": "0" * 64})
    assert "its SHA-256 is another" in check("tiny", report)["problem"]


def test_an_adapter_whose_base_became_another_is_told(
    store: VariantStore, report: Reporter, tmp_path: Path
) -> None:
    store.add(base_folder(tmp_path / "tiny"), source=Source("org/tiny"))
    store.add(adapter_folder(tmp_path / "lora", "org/tiny"))
    assert check("lora", report)["problem"] == ""
    base_folder(tmp_path / "tiny", hidden=16)
    assert "is an adapter for another base" in check("lora", report)["problem"]


def test_a_cancelled_check_leaves_the_variant_as_it_was(
    store: VariantStore, report: Reporter, tmp_path: Path
) -> None:
    before = store.add(base_folder(tmp_path / "tiny"))
    report.cancel()
    with pytest.raises(JobCancelled):
        check("tiny", report)
    assert store.record("tiny") == before


def test_a_check_runs_as_a_job_with_its_progress(store: VariantStore) -> None:
    job = ended(start_check("builtin-q8_0", "built-in [Q8_0]"))
    result = job.result
    assert result is not None
    assert (result.state, result.result["problem"]) == ("finished", "")
    assert result.message.startswith("built-in Q8_0 is whole: 1 file with 36 MB, 75 tensors")
    progress = job.progress()
    assert progress is not None
    assert (progress.fraction, progress.unit) == (1.0, "bytes")


def ended(job: Job, seconds: float = 60.0) -> Job:
    deadline = time.monotonic() + seconds
    while job.state == "running":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return supervisor.find(job.id)
