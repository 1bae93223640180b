"""Settings that do not go together, with a base or with a machine, are found before a start."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ragopt_tui.models.machine import Gpu, Machine
from ragopt_tui.models.store import VariantStore
from ragopt_tui.settings import folders
from ragopt_tui.training.configuration.checks import (
    base_errors,
    combination_errors,
    machine_errors,
    missing_errors,
)
from ragopt_tui.training.configuration.config import ConfigError, TrainingConfig, parse_config
from ragopt_tui.training.configuration.planned_base import check_base, find_base
from ragopt_tui.training.configuration.presets import presets
from tests.models import tiny_models
from tests.training.architectures import TINY

_GIB = 1 << 30
_PROCESSOR = Machine(16 * _GIB, 8 * _GIB)
_GPU = Machine(16 * _GIB, 8 * _GIB, (Gpu("A", 8 * _GIB, 8 * _GIB),), transformers_on_gpu=True)


@pytest.mark.parametrize(
    ("text", "key", "told"),
    [
        (
            "method: full\nquantization: {load_in_4bit: true}",
            "quantization.load_in_4bit",
            "adapter",
        ),
        (
            "method: full\nquantization: {load_in_8bit: true}",
            "quantization.load_in_8bit",
            "adapter",
        ),
        (
            "quantization: {load_in_4bit: true, load_in_8bit: true}",
            "quantization.load_in_8bit",
            "both true",
        ),
        ("method: full\ncontinue_from: a", "continue_from", "is an adapter"),
        ("lora: {target_modules: []}", "lora.target_modules", "is empty"),
        ("lora: {rank_pattern: {q_proj: 0}}", "lora.rank_pattern", "below 1"),
        ("training: {learning_rate: 0}", "training.learning_rate", "is 0"),
        ("training: {max_steps: 0}", "training.max_steps", "is 0"),
        ("training: {eval_steps: 2.5}", "training.eval_steps", "counts steps"),
        ("training: {warmup_steps: 1.5}", "training.warmup_steps", "counts steps"),
        (
            "data: {validation: 0}\ntraining: {early_stopping_patience: 2}",
            "training.early_stopping_patience",
            "data.validation is 0",
        ),
        (
            "training: {eval_steps: 0, load_best_model_at_end: true}",
            "training.load_best_model_at_end",
            "training.eval_steps is 0",
        ),
        ("data: {validation: 1.5}", "data.validation", "counts rows"),
        ("data: {validation: 0.6, test: 0.5}", "data.validation", "none are left"),
    ],
)
def test_what_contradicts_itself_is_named(text: str, key: str, told: str) -> None:
    errors = combination_errors(parse_config(text))
    assert [error.key for error in errors] == [key]
    assert told in errors[0].message
    assert errors[0].message.startswith(key)


def test_what_goes_together_is_let_pass() -> None:
    assert combination_errors(TrainingConfig()) == []
    qdora = "quantization: {load_in_8bit: true}\nlora: {use_dora: true, use_rslora: true}"
    assert combination_errors(parse_config(qdora)) == []
    for preset in presets().values():
        assert combination_errors(preset.config) == []
        assert base_errors(preset.config, preset.architecture) == []


def test_a_start_needs_a_base_a_name_and_data() -> None:
    errors = missing_errors(parse_config("name: ''\nbase: ' '\n"))
    assert [error.key for error in errors] == ["name", "base", "data.set"]
    assert missing_errors(parse_config("data: {set: x}")) == []


@pytest.mark.parametrize(
    ("text", "architecture", "key", "hint"),
    [
        ("training: {max_length: 129}", {}, "training.max_length", "128 or less"),
        ("", {"quantization_config": {"bits": 4}}, "base", "made from"),
        (
            "training: {packing: true, max_length: 64}",
            {"layer_types": ["linear_attention", "full_attention"]},
            "training.packing",
            "false",
        ),
        (
            "training: {padding_free: true, max_length: 64}",
            {"model_type": "mamba"},
            "training.padding_free",
            "false",
        ),
    ],
)
def test_what_does_not_go_with_the_base_is_named(
    text: str, architecture: dict[str, Any], key: str, hint: str
) -> None:
    config = parse_config(text or "training: {max_length: 128}")
    errors = base_errors(config, TINY | architecture)
    assert [error.key for error in errors] == [key]
    assert hint in errors[0].hint


@pytest.mark.parametrize(
    ("text", "machine", "key"),
    [
        ("num_processes: 2", _GPU, "num_processes"),
        ("training: {dtype: fp16}", _PROCESSOR, "training.dtype"),
        ("training: {optim: paged_adamw_8bit}", _PROCESSOR, "training.optim"),
        ("accelerate_config: /none/a.yml", _PROCESSOR, "accelerate_config"),
    ],
)
def test_what_the_machine_cannot_do_is_named(text: str, machine: Machine, key: str) -> None:
    assert [error.key for error in machine_errors(parse_config(text), machine)] == [key]


def test_what_a_gpu_can_do_is_let_pass() -> None:
    config = parse_config("training: {dtype: fp16, optim: paged_adamw_8bit}")
    assert machine_errors(config, _GPU) == []
    assert machine_errors(parse_config("num_processes: 2"), _PROCESSOR) == []


def test_a_tracker_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    [error] = machine_errors(parse_config("training: {report_to: [wandb]}"), _PROCESSOR)
    assert (error.key, "pip install wandb" in error.hint) == ("training.report_to", True)


@pytest.fixture
def store() -> VariantStore:
    return VariantStore(folders().models)


def test_a_base_that_cannot_be_trained_says_why(store: VariantStore, tmp_path: Path) -> None:
    for name, told in (
        ("builtin-q8_0", "Hugging Face format"),
        ("quotes", "Hugging Face format"),
        ("no-such-model", "no-such-model"),
    ):
        with pytest.raises(ConfigError, match=told) as caught:
            find_base(name, store)
        assert caught.value.key == "base"
    base = store.add(tiny_models.base_folder(tmp_path / "tiny")).variant
    adapter = store.add(tiny_models.adapter_folder(tmp_path / "a", str(base.path)), parent=base.id)
    with pytest.raises(ConfigError, match="is an adapter") as caught:
        find_base(adapter.variant.id, store)
    assert f"continue_from: {adapter.variant.id}" in caught.value.hint


def test_a_base_is_checked_by_headers_before_the_start(store: VariantStore) -> None:
    check_base(TrainingConfig(base="builtin"), store)
    with pytest.raises(ConfigError, match="'c_attn'"):
        check_base(parse_config("lora: {target_modules: [c_attn]}"), store)
    with pytest.raises(ConfigError, match="made for 2,048"):
        check_base(parse_config("training: {max_length: 4096}"), store)
    with pytest.raises(ConfigError, match="is not here") as caught:
        check_base(parse_config("base: mistralai/Mistral-7B-Instruct-v0.1"), store)
    assert "models pull" in caught.value.hint


def test_a_base_that_disappeared_is_said_so(store: VariantStore, tmp_path: Path) -> None:
    folder = tiny_models.base_folder(tmp_path / "tiny")
    record = store.add(folder)
    folder.rename(tmp_path / "elsewhere")
    with pytest.raises(ConfigError) as caught:
        check_base(TrainingConfig(base=record.variant.id), store)
    assert caught.value.key == "base"
    assert str(folder) in caught.value.message


def test_an_adapter_of_another_base_is_refused(store: VariantStore, tmp_path: Path) -> None:
    base = store.add(tiny_models.base_folder(tmp_path / "tiny")).variant
    adapter = store.add(tiny_models.adapter_folder(tmp_path / "a", str(base.path)), parent=base.id)
    config = TrainingConfig(base="builtin", continue_from=adapter.variant.id)
    with pytest.raises(ConfigError, match="was trained on") as caught:
        check_base(config, store)
    assert base.id in caught.value.hint
    with pytest.raises(ConfigError, match="no adapter"):
        check_base(TrainingConfig(continue_from="builtin-q8_0"), store)


def test_a_config_of_a_model_that_is_no_json_is_said_so(
    store: VariantStore, tmp_path: Path
) -> None:
    folder = tiny_models.base_folder(tmp_path / "tiny")
    values = json.loads((folder / "config.json").read_text())
    record = store.add(folder)
    (folder / "config.json").write_text(json.dumps(values)[:-4])
    with pytest.raises(ConfigError) as caught:
        check_base(TrainingConfig(base=record.variant.id), store)
    assert "config.json" in caught.value.message


def test_a_base_without_a_chat_template_can_be_trained(store: VariantStore, tmp_path: Path) -> None:
    folder = tiny_models.base_folder(tmp_path / "plain", template=False)
    for name in (str(folder), store.add(folder).variant.id):
        assert find_base(name, store).folder == folder
