"""A view of a model folder as the converter is to see it: weights, tokenizer and configuration.

The converter loads tokenizers in a way that would run a model's own Python code; in a folder
without code, and with configurations that name none, there is nothing to run.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from ragopt_tui.models.inspection import read_json
from ragopt_tui.models.inspection_folder import weight_files

_REWRITTEN = ("config.json", "tokenizer_config.json", "adapter_config.json")
_LINKED = (".json", ".model", ".txt", ".jinja")
_CODE_KEYS = ("auto_map", "custom_pipelines")


def stage_model(folder: Path, target: Path) -> Path:
    """Link a Hugging Face folder's files into `target`, an empty folder; gives `target`.

    Raises RagoptError if a configuration cannot be read.
    """
    for file in weight_files(folder):
        (target / file.name).symlink_to(file.resolve())
    _stage_rest(folder, target)
    return target


def stage_adapter(folder: Path, target: Path) -> Path:
    """Link an adapter's files into `target`, an empty folder; gives `target`."""
    for file in folder.glob("*.safetensors"):
        (target / file.name).symlink_to(file.resolve())
    _stage_rest(folder, target)
    return target


def _stage_rest(folder: Path, target: Path) -> None:
    for file in sorted(folder.iterdir()):
        if not file.is_file() or file.suffix not in _LINKED:
            continue
        if file.name in _REWRITTEN:
            values = _with_plain_scale(_with_one_key_head(_without_code(read_json(file))))
            if file.name == "tokenizer_config.json" and (folder / "tokenizer.model").is_file():
                values = _with_added_tokens(values, folder)
            (target / file.name).write_text(json.dumps(values), encoding="utf-8")
        else:
            (target / file.name).symlink_to(file.resolve())


def _without_code(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key not in _CODE_KEYS}


def _with_one_key_head(values: dict[str, Any]) -> dict[str, Any]:
    """Correct what transformers writes for a Falcon whose heads share one key: as many as heads."""
    shares = values.get("model_type") == "falcon" and values.get("multi_query", True)
    if shares and not values.get("new_decoder_architecture"):
        return values | {"num_kv_heads": 1}
    return values


def _with_added_tokens(values: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Name the added tokens where the converter looks for those that tokenizer.model lacks."""
    file = folder / "tokenizer.json"
    if "added_tokens_decoder" in values or not file.is_file():
        return values
    added = read_json(file).get("added_tokens") or []
    return values | {"added_tokens_decoder": {str(token["id"]): token for token in added}}


def _with_plain_scale(values: dict[str, Any]) -> dict[str, Any]:
    """Fold the scale of rsLoRA, alpha / sqrt(rank), into the alpha of a GGUF adapter: alpha / rank."""
    if not values.get("use_rslora"):
        return values
    alpha = float(values["lora_alpha"]) * math.sqrt(int(values["r"]))
    return values | {"lora_alpha": alpha, "use_rslora": False}
