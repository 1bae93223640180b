"""Settings that do not go together, with this base or on this machine, found before anything starts.

What is looked at are settings and headers. Whether named layers exist is `parameters.check_layers`.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Iterator, Mapping
from typing import Any

from ragopt_tui.models.machine import Machine
from ragopt_tui.training.configuration.accelerate_config import accelerate_errors
from ragopt_tui.training.configuration.reading import ConfigError
from ragopt_tui.training.configuration.values import TrainingConfig

_RECURRENT = ("linear_attention", "mamba", "recurrent", "conv")
_RECURRENT_MODELS = ("mamba", "mamba2", "falcon_mamba", "rwkv", "recurrent_gemma", "xlstm")
_TRACKER_PACKAGES = {
    "tensorboard": ("tensorboard", "tensorboardX"),
    "wandb": ("wandb",),
    "mlflow": ("mlflow",),
}
_INTERVALS = ("eval_steps", "save_steps", "warmup_steps")


def combination_errors(config: TrainingConfig) -> list[ConfigError]:
    """Give what in the settings contradicts itself, whatever the base and the machine."""
    return [*_method(config), *_numbers(config), *_evaluation(config), *_split(config)]


def missing_errors(config: TrainingConfig) -> list[ConfigError]:
    """Give what has to be named before a run can start."""
    found = []
    if not config.name.strip():
        found.append(_error("name", "is empty.", "Say what the trained variant is called."))
    if not config.base.strip():
        found.append(_error("base", "is empty.", "Name a variant of `ragopt-tui models list`."))
    if not config.data.set.strip():
        found.append(
            _error("data.set", "is empty.", "Name a set of `ragopt-tui data list`, or a file.")
        )
    return found


def base_errors(config: TrainingConfig, architecture: Mapping[str, Any]) -> list[ConfigError]:
    """Give what does not go with a base, by its config.json."""
    values = dict(architecture) | dict(architecture.get("text_config") or {})
    found: list[ConfigError] = []
    context = values.get("max_position_embeddings") or values.get("n_positions")
    length = config.training.max_length
    if isinstance(context, int) and length > context:
        told = f"is {length:,} tokens, but {config.base} was made for {context:,}."
        found.append(_error("training.max_length", told, f"Write {context} or less."))
    if values.get("quantization_config"):
        told = f"is quantised already: {config.base} cannot be trained so."
        found.append(_error("base", told, "Name the model that it was made from."))
    if (config.training.packing or config.training.padding_free) and _is_recurrent(values):
        key = "training.packing" if config.training.packing else "training.padding_free"
        told = "would mix rows: layers of this base carry a state from token to token."
        found.append(_error(key, told, "Write false."))
    return found


def machine_errors(config: TrainingConfig, machine: Machine) -> list[ConfigError]:
    """Give what this machine cannot do."""
    gpus = machine.gpus_of(gguf=False)
    found: list[ConfigError] = []
    if gpus and config.num_processes > len(gpus) and not config.accelerate_config:
        told = f"is {config.num_processes}, but there {_are(len(gpus))}."
        found.append(_error("num_processes", told, "Each process needs a GPU of its own."))
    if not gpus and config.training.dtype == "fp16":
        told = "is fp16, which needs a GPU."
        found.append(_error("training.dtype", told, "Write auto, bf16 or fp32."))
    if not gpus and config.training.optim.startswith("paged_"):
        told = f"is {config.training.optim}, which needs a GPU."
        found.append(_error("training.optim", told, "Write adamw_torch or adamw_8bit."))
    found += accelerate_errors(config, machine)
    for tracker in config.training.report_to:
        packages = _TRACKER_PACKAGES[tracker]
        if not any(importlib.util.find_spec(package) for package in packages):
            told = f"names {tracker}, which is not installed."
            hint = f"Install it: `pip install {packages[0]}`, or leave it out."
            found.append(_error("training.report_to", told, hint))
    return found


def _method(config: TrainingConfig) -> Iterator[ConfigError]:
    quantization, lora = config.quantization, config.lora
    if quantization.load_in_4bit and quantization.load_in_8bit:
        yield _error("quantization.load_in_8bit", "and load_in_4bit are both true.", "Keep one.")
    if config.method == "full":
        if quantization.bits:
            key = f"quantization.load_in_{quantization.bits}bit"
            told = "needs an adapter: quantised weights cannot be trained themselves."
            yield _error(key, told, "Write method: lora, or false here.")
        if config.continue_from:
            told = "is an adapter, but method: full trains all weights."
            yield _error("continue_from", told, "Write method: lora, or leave it empty.")
    elif not lora.target_modules:
        told = "is empty: nothing would be adapted."
        yield _error("lora.target_modules", told, "Name layers, or write all-linear.")
    for key in ("rank_pattern", "alpha_pattern"):
        if any(value < 1 for value in getattr(lora, key).values()):
            yield _error(f"lora.{key}", "has a value below 1.")


def _numbers(config: TrainingConfig) -> Iterator[ConfigError]:
    schedule = config.training
    if not schedule.learning_rate > 0:
        yield _error("training.learning_rate", "is 0: nothing would be learnt.")
    if schedule.max_steps == 0:
        yield _error("training.max_steps", "is 0.", "Write -1 to go by epochs.")
    for key in _INTERVALS:
        value = getattr(schedule, key)
        if value >= 1 and not float(value).is_integer():
            told = f"is {value:g}: from 1 on it counts steps."
            yield _error(f"training.{key}", told, "Write a whole number, or a share below 1.")


def _evaluation(config: TrainingConfig) -> Iterator[ConfigError]:
    schedule = config.training
    evaluates = schedule.eval_steps > 0 and config.data.validation > 0
    for key in ("early_stopping_patience", "load_best_model_at_end"):
        if getattr(schedule, key) and not evaluates:
            missing = "data.validation" if schedule.eval_steps > 0 else "training.eval_steps"
            told = f"needs evaluations, but {missing} is 0."
            yield _error(f"training.{key}", told, f"Set {missing}, or write 0 or false here.")


def _split(config: TrainingConfig) -> Iterator[ConfigError]:
    data = config.data
    for key in ("validation", "test"):
        value = getattr(data, key)
        if value >= 1 and not math.isclose(value, round(value)):
            told = f"is {value:g}: from 1 on it counts rows."
            yield _error(f"data.{key}", told, "Write a whole number, or a share below 1.")
    shares = [share for share in (data.validation, data.test) if share < 1]
    if sum(shares) >= 1:
        told = f"and data.test take {sum(shares):.0%} of the rows: none are left to train on."
        yield _error("data.validation", told)


def _is_recurrent(values: Mapping[str, Any]) -> bool:
    kinds = values.get("layer_types") or ()
    return values.get("model_type") in _RECURRENT_MODELS or any(
        str(kind).startswith(_RECURRENT) for kind in kinds
    )


def _are(count: int) -> str:
    return "is 1 GPU" if count == 1 else f"are {count} GPUs"


def _error(key: str, told: str, hint: str = "") -> ConfigError:
    return ConfigError(f"{key} {told}", hint, key=key)
