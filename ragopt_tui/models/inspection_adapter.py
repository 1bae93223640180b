"""Inspecting the folder of a PEFT adapter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ragopt_tui.errors import RagoptError
from ragopt_tui.models.inspection import (
    Inspection,
    NotAModel,
    has_chat_template,
    licence_of,
    listed_files,
    pickled,
    pickled_only,
    plain,
    read_json,
)
from ragopt_tui.models.inspection_folder import stored_dtype
from ragopt_tui.models.record import LoraFacts, ModelFacts
from ragopt_tui.models.safetensors_header import StoredTensor, read_safetensors_header
from ragopt_tui.plaintext import one_line

_LONGEST_PATH = 4096
ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"


def inspect_adapter(folder: Path) -> Inspection:
    """Inspect a folder with adapter_config.json or adapter weights; raises NotAModel as `inspect`."""
    weights = folder / ADAPTER_WEIGHTS
    if not weights.is_file():
        if pickled(folder):
            raise pickled_only(folder)
        raise NotAModel(f"{folder} has no weights: no {ADAPTER_WEIGHTS} is in it.")
    tensors: dict[str, StoredTensor] = {}
    config: dict[str, Any] = {}
    problem = ""
    try:
        config = _config(folder)
        tensors = read_safetensors_header(weights).tensors
    except NotAModel:
        raise
    except RagoptError as error:
        problem = error.message
    facts = ModelFacts(
        format="safetensors",
        architecture=plain(config.get("peft_type")),
        dtype=stored_dtype(tensors),
        parameters=sum(tensor.count for tensor in tensors.values()) or None,
        own_chat_template=has_chat_template(folder),
        licence=licence_of(folder),
        lora=_lora(folder, config),
    )
    return Inspection(
        "adapter", folder, folder.name, facts, listed_files(folder, [weights]), problem
    )


def _config(folder: Path) -> dict[str, Any]:
    file = folder / ADAPTER_CONFIG
    if not file.is_file():
        raise RagoptError(f"{folder} is an adapter without its configuration ({ADAPTER_CONFIG}).")
    config = read_json(file)
    task = config.get("task_type")
    if task not in (None, "CAUSAL_LM"):
        raise NotAModel(f"{folder} is an adapter for {plain(task)}, which does not write text.")
    return config


def _lora(folder: Path, config: dict[str, Any]) -> LoraFacts:
    return LoraFacts(
        rank=_number(config.get("r"), int),
        alpha=float(_number(config.get("lora_alpha"), float)),
        dropout=float(_number(config.get("lora_dropout"), float)),
        target_modules=_names(config.get("target_modules")),
        modules_to_save=_names(config.get("modules_to_save")),
        rslora=bool(config.get("use_rslora")),
        dora=bool(config.get("use_dora")),
        base=one_line(str(config.get("base_model_name_or_path") or ""), _LONGEST_PATH),
        checkpoints=tuple(sorted(_checkpoints(folder), key=_step)),
    )


def _number(value: object, kind: type[int] | type[float]) -> Any:  # noqa: ANN401 - int or float
    return kind(value) if isinstance(value, int | float) else kind(0)


def _names(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (plain(value),)
    return tuple(sorted(plain(name) for name in value)) if isinstance(value, list) else ()


def _checkpoints(folder: Path) -> list[str]:
    return [place.parent.name for place in folder.glob(f"checkpoint-*/{ADAPTER_WEIGHTS}")]


def _step(name: str) -> int:
    number = name.rsplit("-", 1)[-1]
    return int(number) if number.isdecimal() else 0
