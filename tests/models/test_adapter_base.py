"""An adapter finds its base by name and shapes, and says why where it has none."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy
import pytest
from safetensors.numpy import load_file, save_file

from ragopt_tui.errors import RagoptError
from ragopt_tui.models.adapter_base import mismatch
from ragopt_tui.models.record import Source
from ragopt_tui.models.store import VariantStore
from tests.models.tiny_models import adapter_folder, base_folder, gguf_adapter, gguf_file

HUB_ID = "org/Tiny-Instruct"


@pytest.fixture
def store(tmp_path: Path) -> VariantStore:
    """A library with one base."""
    store = VariantStore(tmp_path / "library")
    store.add(base_folder(tmp_path / "tiny"), source=Source(HUB_ID, "abc"), name="base")
    return store


@pytest.mark.parametrize("named", [HUB_ID, HUB_ID.lower(), "/their/disk/Tiny-Instruct", "tiny/"])
def test_the_base_is_found_by_the_name_in_the_adapter(
    store: VariantStore, tmp_path: Path, named: str
) -> None:
    variant = store.add(adapter_folder(tmp_path / "lora", named)).variant
    assert (variant.kind, variant.parent, variant.problem) == ("adapter", "base", "")
    assert store.dependents("base") == [variant]
    assert store.dependents(variant.id) == []


def test_the_base_is_found_by_its_path(store: VariantStore, tmp_path: Path) -> None:
    assert (
        store.add(adapter_folder(tmp_path / "l", str(tmp_path / "tiny"))).variant.parent == "base"
    )


def test_an_adapter_for_another_base_names_the_tensor_and_both_shapes(
    store: VariantStore, tmp_path: Path
) -> None:
    folder = adapter_folder(tmp_path / "lora", HUB_ID, hidden=16)
    with pytest.raises(RagoptError) as raised:
        store.add(folder)
    said = raised.value.message
    assert "is an adapter for another base" in said
    assert "is 32 x 16 in the adapter and 32 x 8 in base" in said
    kept = store.add(folder, broken=True).variant
    assert (kept.parent, kept.problem) == ("", said)


def test_an_adapter_on_layers_that_the_base_lacks_is_for_another(
    store: VariantStore, tmp_path: Path
) -> None:
    folder = adapter_folder(tmp_path / "lora", HUB_ID)
    file = folder / "adapter_model.safetensors"
    tensors = load_file(file)
    for part in ("lora_A", "lora_B"):
        name = f"base_model.model.model.layers.1.mlp.down_proj.{part}.weight"
        tensors[name.replace("layers.1", "layers.7")] = tensors[name]
    save_file(tensors, file)
    with pytest.raises(RagoptError, match=r"changes model\.layers\.7\.mlp\.down_proj\.weight, wh"):
        store.add(folder)


def test_an_adapter_waits_for_its_base_and_settles_when_it_comes(tmp_path: Path) -> None:
    store = VariantStore(tmp_path / "library")
    waiting = store.add(adapter_folder(tmp_path / "lora", HUB_ID)).variant
    assert (waiting.parent, waiting.problem) == (
        "",
        f"The base of lora, {HUB_ID}, is not in the library.",
    )
    nameless = store.add(adapter_folder(tmp_path / "nameless", "")).variant
    assert "does not name its base" in nameless.problem
    base = store.add(base_folder(tmp_path / "tiny"), source=Source(HUB_ID)).variant
    assert (store.find("lora").parent, store.find("lora").problem) == (base.id, "")
    assert store.find("nameless").parent == ""
    named = store.add(tmp_path / "nameless", parent=base.id).variant
    assert (named.parent, named.problem) == (base.id, "")
    assert store.add(tmp_path / "nameless").variant == named


def test_a_base_that_is_named_must_fit(store: VariantStore, tmp_path: Path) -> None:
    with pytest.raises(RagoptError, match="for another base"):
        store.add(adapter_folder(tmp_path / "lora", HUB_ID), parent="builtin")
    with pytest.raises(RagoptError, match="There is no model 'nobody'"):
        store.add(tmp_path / "lora", parent="nobody")


def test_a_base_removed_or_deleted_under_an_adapter_is_its_problem(
    store: VariantStore, tmp_path: Path
) -> None:
    store.add(adapter_folder(tmp_path / "lora", HUB_ID))
    store.remove("base")
    assert "Its base base is not in the library any more" in store.find("lora").problem
    store.restore("base")
    assert store.find("lora").problem == ""
    shutil.rmtree(tmp_path / "tiny")
    problem = store.find("lora").problem
    assert problem.startswith("Its base base cannot answer")
    assert str(tmp_path / "tiny") in problem


def test_an_adapter_may_bring_the_chat_template_that_its_base_lacks(tmp_path: Path) -> None:
    store = VariantStore(tmp_path / "library")
    store.add(base_folder(tmp_path / "tiny", template=False), source=Source(HUB_ID))
    store.add(adapter_folder(tmp_path / "lora", HUB_ID))
    assert "no chat template" in store.find("lora").problem
    (tmp_path / "lora" / "chat_template.jinja").write_text("{{ messages }}")
    assert store.add(tmp_path / "lora").variant.problem == ""


def test_an_adapter_at_a_path_finds_its_base_in_the_library(
    store: VariantStore, tmp_path: Path
) -> None:
    found = store.find(str(adapter_folder(tmp_path / "lora", HUB_ID)))
    assert (found.parent, found.problem) == ("base", "")
    other = store.find(str(adapter_folder(tmp_path / "other", HUB_ID, hidden=16)))
    assert "for another base" in other.problem
    assert "is not in the library" in store.find(str(lonely(tmp_path))).problem


def lonely(folder: Path) -> Path:
    return adapter_folder(folder / "lonely", "org/elsewhere")


def test_a_gguf_adapter_sits_on_a_gguf_base_of_its_shapes(
    store: VariantStore, tmp_path: Path
) -> None:
    adapter = gguf_adapter(tmp_path / "lora.gguf")
    assert "does not name its base" in store.add(adapter).variant.problem
    store.add(gguf_file(tmp_path / "small.gguf"))
    placed = store.add(adapter, parent="small").variant
    assert (placed.kind, placed.parent, placed.problem) == ("adapter", "small", "")
    wide = gguf_adapter(tmp_path / "wide.gguf", hidden=16)
    with pytest.raises(RagoptError, match=r"attn_q\.weight is 16 x 16 in the adapter and 8 x 8"):
        store.add(wide, parent="small")


def test_shapes_in_wrappers_and_tied_heads_and_packed_bases(
    store: VariantStore, tmp_path: Path
) -> None:
    adapter = adapter_folder(tmp_path / "lora", HUB_ID)
    folder = base_folder(tmp_path / "wrapped")
    tensors = load_file(folder / "model.safetensors")
    del tensors["lm_head.weight"]
    wrapped = {f"language_model.{name}": tensor for name, tensor in tensors.items()}
    save_file(wrapped, folder / "model.safetensors")
    assert mismatch(adapter, store.add(folder)) == ""
    flat = {name: numpy.zeros((tensor.size, 1), "u1") for name, tensor in tensors.items()}
    save_file(flat, folder / "model.safetensors")
    config = json.loads((folder / "config.json").read_text())
    config["quantization_config"] = {"load_in_4bit": True}
    (folder / "config.json").write_text(json.dumps(config))
    assert mismatch(adapter, store.add(folder)) == ""


def test_adapters_on_the_embedding_and_on_single_tokens_fit(
    store: VariantStore, tmp_path: Path
) -> None:
    folder = adapter_folder(tmp_path / "lora", HUB_ID)
    file = folder / "adapter_model.safetensors"
    embedding = "base_model.model.model.embed_tokens"
    extra = {
        f"{embedding}.lora_embedding_A": (4, 32),
        f"{embedding}.lora_embedding_B": (8, 4),
        f"{embedding}.base_layer.weight": (32, 8),
        f"{embedding}.token_adapter.trainable_tokens_delta": (2, 8),
        "base_model.model.model.layers.0.self_attn.q_proj.lora_magnitude_vector": (8,),
    }
    zeros = {name: numpy.zeros(shape, "f4") for name, shape in extra.items()}
    save_file(load_file(file) | zeros, file)
    assert mismatch(folder, store.record("base")) == ""
    save_file(load_file(file) | {f"{embedding}.lora_embedding_A": numpy.zeros((4, 31), "f4")}, file)
    assert "embed_tokens.weight is 31 x 8 in the adapter and 32 x 8" in mismatch(
        folder, store.record("base")
    )
