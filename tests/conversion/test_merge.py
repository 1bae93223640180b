"""Merging gives PEFT's own tensors, and loses nothing of an adapter."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModelForCausalLM,
    FalconConfig,
    Gemma2Config,
    LlamaConfig,
    MistralConfig,
    Phi3Config,
    Qwen2Config,
    Qwen3Config,
)

from ragopt_tui.conversion.adapted_model import Adapter
from ragopt_tui.conversion.merge import merge
from ragopt_tui.conversion.nf4 import Nf4
from ragopt_tui.errors import RagoptError

SMALL: dict[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 96,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
FAMILIES = {
    "llama": LlamaConfig(**SMALL, tie_word_embeddings=False),
    "mistral": MistralConfig(**SMALL, tie_word_embeddings=False),
    "qwen2": Qwen2Config(**SMALL, tie_word_embeddings=True),
    "qwen3": Qwen3Config(**SMALL, head_dim=16, tie_word_embeddings=True),
    "gemma2": Gemma2Config(**SMALL, head_dim=16),
    "phi3": Phi3Config(**SMALL, tie_word_embeddings=False),
    "falcon": FalconConfig(
        hidden_size=64, num_hidden_layers=2, num_attention_heads=4, vocab_size=96,
        bos_token_id=1, eos_token_id=2,
    ),
}  # fmt: skip
TARGETS = {"phi3": ["qkv_proj", "o_proj"], "falcon": ["query_key_value", "dense"]}


def make_base(folder: Path, config: Any, dtype: torch.dtype = torch.bfloat16) -> Path:
    torch.manual_seed(1)
    model = AutoModelForCausalLM.from_config(config, dtype=dtype)
    model.save_pretrained(folder, max_shard_size="60KB")
    return folder


def make_adapter(folder: Path, base: Path, seed: int = 2, **options: Any) -> Path:
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16)
    values: dict[str, Any] = {"r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "v_proj"]}
    adapted = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **(values | options)))
    for name, parameter in adapted.named_parameters():
        if "lora_" in name or "modules_to_save" in name or "trainable_tokens" in name:
            torch.nn.init.normal_(parameter, std=0.05)
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if "magnitude" in name:
                parameter.abs_().add_(1)
    adapted.save_pretrained(folder)
    return folder


def by_peft(base: Path, *adapters: Path) -> Any:
    model: Any = AutoModelForCausalLM.from_pretrained(base, dtype="auto")
    for adapter in adapters:
        model = PeftModel.from_pretrained(model, adapter).merge_and_unload()
    return model


def merged(tmp_path: Path, base: Path, *adapters: Path | Adapter, **options: Any) -> Path:
    target = tmp_path / "merged"
    target.mkdir()
    chosen = [each if isinstance(each, Adapter) else Adapter(each) for each in adapters]
    merge(base, chosen, target, lambda done, total: None, **options)
    return target


def tensors_in(folder: Path) -> dict[str, torch.Tensor]:
    tensors: dict[str, torch.Tensor] = {}
    for file in sorted(folder.glob("*.safetensors")):
        tensors |= load_file(file)
    return tensors


def assert_same_model(folder: Path, expected: Any) -> None:
    loaded = AutoModelForCausalLM.from_pretrained(folder, dtype="auto")
    wanted, got = expected.state_dict(), loaded.state_dict()
    assert wanted.keys() == got.keys()
    for name in wanted:
        assert wanted[name].dtype == got[name].dtype, name
        assert torch.equal(wanted[name], got[name]), name


METHODS: dict[str, dict[str, Any]] = {
    "lora": {},
    "rslora": {"use_rslora": True},
    "dora": {"use_dora": True},
    "patterns": {"rank_pattern": {"v_proj": 2}, "alpha_pattern": {"layers.1.self_attn.q_proj": 32}},
    "trained head": {"modules_to_save": ["lm_head"]},
    "trained embedding and head": {"modules_to_save": ["embed_tokens", "lm_head"]},
    "embedding by LoRA": {"target_modules": ["q_proj", "embed_tokens"]},
    "added tokens": {"trainable_token_indices": {"embed_tokens": [3, 5]}},
    "one layer": {"layers_to_transform": [1]},
}


@pytest.mark.parametrize("method", METHODS)
def test_merges_as_peft_does_for_every_method(tmp_path: Path, method: str) -> None:
    base = make_base(tmp_path / "base", FAMILIES["mistral"])
    adapter = make_adapter(tmp_path / "adapter", base, **METHODS[method])
    result = merged(tmp_path, base, adapter)
    assert_same_model(result, by_peft(base, adapter))
    before, after = tensors_in(base), tensors_in(result)
    assert any(not torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("family", FAMILIES)
def test_merges_as_peft_does_for_every_family(tmp_path: Path, family: str) -> None:
    base = make_base(tmp_path / "base", FAMILIES[family])
    adapter = make_adapter(
        tmp_path / "adapter", base, target_modules=TARGETS.get(family, ["q_proj", "down_proj"])
    )
    result = merged(tmp_path, base, adapter)
    assert_same_model(result, by_peft(base, adapter))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_keeps_the_number_format_of_the_base(tmp_path: Path, dtype: torch.dtype) -> None:
    base = make_base(tmp_path / "base", FAMILIES["llama"], dtype)
    adapter = make_adapter(tmp_path / "adapter", base, modules_to_save=["lm_head"])
    assert_same_model(merged(tmp_path, base, adapter), by_peft(base, adapter))


def test_a_trained_head_of_a_tied_base_stands_by_itself(tmp_path: Path) -> None:
    base = make_base(tmp_path / "base", FAMILIES["qwen2"])
    adapter = make_adapter(tmp_path / "adapter", base, modules_to_save=["lm_head"])
    result = merged(tmp_path, base, adapter)
    head = load_file(adapter / "adapter_model.safetensors")["base_model.model.lm_head.weight"]
    model = AutoModelForCausalLM.from_pretrained(result, dtype="auto")
    assert json.loads((result / "config.json").read_text())["tie_word_embeddings"] is False
    assert torch.equal(model.lm_head.weight, head.to(torch.bfloat16))
    assert torch.equal(
        model.model.embed_tokens.weight, tensors_in(base)["model.embed_tokens.weight"]
    )


def test_embedding_and_head_that_were_trained_as_one_stay_one(tmp_path: Path) -> None:
    base = make_base(tmp_path / "base", FAMILIES["qwen2"])
    adapter = make_adapter(
        tmp_path / "adapter", base, modules_to_save=["embed_tokens"], ensure_weight_tying=True
    )
    result = merged(tmp_path, base, adapter)
    assert "lm_head.weight" not in tensors_in(result)
    assert_same_model(result, by_peft(base, adapter))


def test_added_tokens_widen_the_vocabulary(tmp_path: Path) -> None:
    base = make_base(tmp_path / "base", FAMILIES["llama"])
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16)
    model.resize_token_embeddings(100)
    config = LoraConfig(
        r=4, target_modules=["q_proj"], modules_to_save=["embed_tokens", "lm_head"],
        task_type="CAUSAL_LM",
    )  # fmt: skip
    get_peft_model(model, config).save_pretrained(tmp_path / "adapter")
    result = merged(tmp_path, base, tmp_path / "adapter")
    assert json.loads((result / "config.json").read_text())["vocab_size"] == 100
    assert AutoModelForCausalLM.from_pretrained(result).lm_head.weight.shape == (100, 64)


def test_several_adapters_are_merged_with_their_weights(tmp_path: Path) -> None:
    base = make_base(tmp_path / "base", FAMILIES["mistral"], torch.float32)
    first = make_adapter(tmp_path / "first", base)
    second = make_adapter(tmp_path / "second", base, seed=3, target_modules=["v_proj", "o_proj"])
    result = tensors_in(merged(tmp_path, base, Adapter(first, 0.25), Adapter(second, 2.0)))
    before = tensors_in(base)
    one = by_peft(base, first).state_dict()
    other = by_peft(base, second).state_dict()
    for name, weight in before.items():
        expected = weight + 0.25 * (one[name] - weight) + 2 * (other[name] - weight)
        assert torch.allclose(result[name], expected, atol=1e-5), name


def test_two_heads_cannot_both_be_kept(tmp_path: Path) -> None:
    base = make_base(tmp_path / "base", FAMILIES["mistral"])
    one = make_adapter(tmp_path / "one", base, modules_to_save=["lm_head"])
    with pytest.raises(RagoptError, match="lm_head"):
        merged(tmp_path, base, one, one)


def test_merging_onto_four_bits_gives_the_model_that_was_trained(tmp_path: Path) -> None:
    base = make_base(tmp_path / "base", FAMILIES["mistral"])
    adapter = make_adapter(tmp_path / "adapter", base)
    result = tensors_in(merged(tmp_path, base, adapter, onto=Nf4()))
    rounded = AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16)
    for name, module in rounded.named_modules():
        if isinstance(module, torch.nn.Linear) and name != "lm_head":
            module.weight.data = Nf4().rounded(module.weight.data)
    expected = PeftModel.from_pretrained(rounded, adapter).merge_and_unload().state_dict()
    assert all(torch.equal(result[name], expected[name]) for name in result)
    name = "model.layers.0.mlp.up_proj.weight"
    assert not torch.equal(result[name], tensors_in(base)[name])


def test_tokenizer_and_chat_template_are_those_trained_with(tmp_path: Path) -> None:
    base = make_base(tmp_path / "base", FAMILIES["mistral"])
    adapter = make_adapter(tmp_path / "adapter", base)
    for folder, text in ((base, "of the base"), (adapter, "of the adapter")):
        (folder / "tokenizer.json").write_text("{}")
        (folder / "chat_template.jinja").write_text(text)
    result = merged(tmp_path, base, adapter)
    assert (result / "chat_template.jinja").read_text() == "of the adapter"


def test_an_adapter_of_another_base_is_named(tmp_path: Path) -> None:
    base = make_base(tmp_path / "base", FAMILIES["mistral"])
    other = make_base(tmp_path / "other", MistralConfig(**(SMALL | {"hidden_size": 32})))
    adapter = make_adapter(tmp_path / "adapter", other)
    with pytest.raises(RagoptError, match="does not fit the base"):
        merged(tmp_path, base, adapter)


def test_an_adapter_tensor_that_no_layer_takes_is_an_error(tmp_path: Path) -> None:
    base = make_base(tmp_path / "base", FAMILIES["mistral"])
    adapter = make_adapter(tmp_path / "adapter", base)
    file = adapter / "adapter_model.safetensors"
    tensors = load_file(file)
    stray = "base_model.model.model.layers.7.self_attn.q_proj.lora_A.weight"
    save_file(tensors | {stray: torch.zeros(4, 64)}, file)
    with pytest.raises(RagoptError, match=r"layers\.7"):
        merged(tmp_path, base, adapter)


def test_a_missing_adapter_tensor_is_an_error(tmp_path: Path) -> None:
    base = make_base(tmp_path / "base", FAMILIES["mistral"])
    adapter = make_adapter(tmp_path / "adapter", base)
    file = adapter / "adapter_model.safetensors"
    tensors = load_file(file)
    tensors.popitem()
    save_file(tensors, file)
    with pytest.raises(RagoptError, match="does not fit the base"):
        merged(tmp_path, base, adapter)


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    base = make_base(tmp_path / "base", FAMILIES["mistral"])
    adapter = make_adapter(tmp_path / "adapter", base)
    shard = sorted(base.glob("*.safetensors"))[1]
    shard.unlink()
    with pytest.raises(RagoptError, match=shard.name):
        merged(tmp_path, base, adapter)


def test_numbers_that_overflow_are_an_error(tmp_path: Path) -> None:
    base = make_base(tmp_path / "base", FAMILIES["mistral"], torch.float16)
    adapter = make_adapter(tmp_path / "adapter", base)
    file = adapter / "adapter_model.safetensors"
    save_file({name: tensor * 2000 for name, tensor in load_file(file).items()}, file)
    with pytest.raises(RagoptError, match="not finite"):
        merged(tmp_path, base, adapter)


def test_a_disk_that_is_too_small_is_said_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = make_base(tmp_path / "base", FAMILIES["mistral"])
    adapter = make_adapter(tmp_path / "adapter", base)
    small = type("Usage", (), {"free": 1000})()
    monkeypatch.setattr(shutil, "disk_usage", lambda path: small)
    with pytest.raises(RagoptError, match="needs"):
        merged(tmp_path, base, adapter)
    assert not list((tmp_path / "merged").iterdir())
