"""Counts without weights equal those of models that are really built; missing layers are named."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import get_peft_model
from transformers import AutoConfig, AutoModelForCausalLM

from ragopt_tui.errors import RagoptError
from ragopt_tui.training.configuration.config import ConfigError, Lora, TrainingConfig
from ragopt_tui.training.configuration.layers import check_layers, stored_layers
from ragopt_tui.training.configuration.presets import presets
from ragopt_tui.training.planning.adapter_config import lora_config, lora_of_adapter
from ragopt_tui.training.planning.parameters import count_parameters, layers_of, meta_model
from tests.training.architectures import GPT2, TIED, TINY

_ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
_LORA = 2 * 4 * ((16 + 16) + (16 + 8) + (16 + 8) + (16 + 16))
"""Two layers, rank 4: each matrix has its inputs and its outputs times the rank."""

_BASE = 2 * 64 * 16 + 2 * (2 * 16 * 16 + 2 * 16 * 8 + 3 * 16 * 40 + 2 * 16) + 16


def _lora(**values: Any) -> Lora:
    return Lora(**({"r": 4, "target_modules": _ATTENTION} | values))


def _built(lora: Lora, architecture: dict[str, Any], tied: bool = False) -> Any:
    torch.manual_seed(0)
    values = {key: value for key, value in architecture.items() if key != "model_type"}
    config = AutoConfig.for_model(architecture["model_type"], **values)
    model = AutoModelForCausalLM.from_config(config)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return get_peft_model(model, lora_config(lora, tied=tied))


@pytest.mark.parametrize(
    ("lora", "architecture"),
    [
        (_lora(), TINY),
        (_lora(use_dora=True), TINY),
        (_lora(use_rslora=True, target_modules="all-linear"), TINY),
        (_lora(target_modules=("down_proj", "embed_tokens")), TINY),
        (_lora(rank_pattern={"q_proj": 8, "layers.1.self_attn.v_proj": 2}), TINY),
        (_lora(modules_to_save=("lm_head",)), TINY),
        (_lora(modules_to_save=("lm_head", "embed_tokens")), TINY),
        (_lora(), TIED),
        (_lora(modules_to_save=("lm_head",)), TIED),
        (_lora(modules_to_save=("embed_tokens",)), TIED),
        (_lora(target_modules=("c_attn",)), GPT2),
        (_lora(target_modules="all-linear"), GPT2),
    ],
)
def test_counts_are_those_of_a_built_model(lora: Lora, architecture: dict[str, Any]) -> None:
    tied = architecture.get("tie_word_embeddings", architecture is GPT2)
    model = _built(lora, architecture, tied)
    counted = count_parameters(TrainingConfig(lora=lora), architecture)
    trainable, total = model.get_nb_trainable_parameters()
    originals = {
        id(parameter): parameter.numel()
        for name, parameter in model.named_parameters()
        if ".original_module." in name
    }
    assert counted.trainable == trainable
    if not tied:
        assert counted.total == total - sum(originals.values())
    assert counted.adapter + counted.whole == counted.trainable


def test_counts_are_those_worked_out_by_hand() -> None:
    plain = count_parameters(TrainingConfig(lora=_lora()), TINY)
    assert (plain.trainable, plain.total) == (_LORA, _BASE + _LORA)
    head = count_parameters(TrainingConfig(lora=_lora(modules_to_save=("lm_head",))), TINY)
    assert (head.trainable, head.total) == (_LORA + 64 * 16, _BASE + _LORA)
    assert (head.whole, head.original) == (64 * 16, 64 * 16)
    assert head.quantised == 2 * (2 * 16 * 16 + 2 * 16 * 8 + 3 * 16 * 40)
    full = count_parameters(TrainingConfig(method="full"), TINY)
    assert (full.trainable, full.total, full.percent) == (_BASE, _BASE, 100)


def test_a_tied_output_layer_trained_whole_becomes_a_layer_of_its_own() -> None:
    tied = count_parameters(TrainingConfig(lora=_lora()), TIED)
    head = count_parameters(TrainingConfig(lora=_lora(modules_to_save=("lm_head",))), TIED)
    assert head.total - tied.total == 64 * 16
    embedding = _lora(modules_to_save=("embed_tokens",))
    kept = count_parameters(TrainingConfig(lora=embedding), TIED)
    assert kept.total == tied.total


def test_the_reference_has_its_published_count() -> None:
    preset = presets()["reference-0"]
    counted = count_parameters(preset.config, preset.architecture)
    assert counted.text() == "144,703,488 of 7,255,363,584 (1.9944 %)"
    assert counted.percent == pytest.approx(1.9944346871755614, abs=1e-13)


@pytest.mark.parametrize(
    ("lora", "told", "hint"),
    [
        (_lora(target_modules=("q_proj", "query")), "no layer 'query'", "k_proj, o_proj, q_proj"),
        (_lora(target_modules=("mlp",)), "'mlp' has no matrix of its own", "all-linear"),
        (_lora(target_modules=("lm_head",)), "is the output layer", "modules_to_save: [lm_head]"),
        (_lora(modules_to_save=("head",)), "no layer 'head'", "lm_head"),
        (_lora(modules_to_save=("q_proj",)), "target_modules and in", "keep one"),
        (_lora(rank_pattern={"up_proj": 2}), "names none", "k_proj, o_proj, q_proj, v_proj"),
        (_lora(alpha_pattern={"(": 2}), "names none", "q_proj"),
    ],
)
def test_layers_that_cannot_be_trained_are_named_with_those_that_can(
    lora: Lora, told: str, hint: str, tmp_path: Path
) -> None:
    folder = _saved(tmp_path, TINY)
    for layers in (layers_of(meta_model(TINY)), stored_layers(folder, TINY)):
        with pytest.raises(ConfigError) as caught:
            check_layers(lora, layers)
        assert told in caught.value.message
        assert hint in caught.value.hint
        assert caught.value.key.startswith("lora.")
    with pytest.raises(ConfigError):
        count_parameters(TrainingConfig(lora=lora), TINY)


@pytest.mark.parametrize("architecture", [TINY, TIED, GPT2])
def test_headers_name_the_layers_of_the_model(architecture: dict[str, Any], tmp_path: Path) -> None:
    stored = stored_layers(_saved(tmp_path, architecture), architecture)
    built = layers_of(meta_model(architecture))
    assert stored.linear == built.linear
    assert stored.embeddings == built.embeddings
    assert stored.output == built.output
    assert {path for path in built.every if path.endswith("mlp")} <= stored.every


def test_an_unknown_architecture_is_said_so() -> None:
    for values in ({"model_type": "of-tomorrow"}, {}):
        with pytest.raises(RagoptError, match="cannot build the architecture") as caught:
            count_parameters(TrainingConfig(), values)
        assert len(str(caught.value)) < 400


def test_an_adapter_goes_on_with_its_own_settings(tmp_path: Path) -> None:
    lora = _lora(
        lora_dropout=0.2, use_rslora=True, modules_to_save=("lm_head",), alpha_pattern={"q_proj": 8}
    )
    _built(lora, TINY).save_pretrained(tmp_path)
    again = lora_of_adapter(tmp_path)
    assert again.lora_dropout == 0.2
    assert set(again.target_modules) == set(_ATTENTION)
    count = count_parameters(TrainingConfig(lora=lora), TINY)
    assert count_parameters(TrainingConfig(lora=again), TINY) == count


def _saved(folder: Path, architecture: dict[str, Any]) -> Path:
    values = {key: value for key, value in architecture.items() if key != "model_type"}
    config = AutoConfig.for_model(architecture["model_type"], **values)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    return folder
