"""The adapter of a configuration as PEFT takes it: one place for plans and for training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragopt_tui.models.inspection import read_json
from ragopt_tui.training.configuration.values import Lora

if TYPE_CHECKING:
    from peft import LoraConfig

ADAPTER_CONFIG = "adapter_config.json"
_EMBEDDINGS = ("embed_tokens", "wte", "word_embeddings", "embed_in")


def lora_config(lora: Lora, *, tied: bool) -> LoraConfig:
    """Give PEFT's configuration; `tied` says that the base's output layer is its embedding.

    An embedding trained whole stays tied then. A trained output layer alone does not: it becomes
    a layer of its own.
    """
    from peft import LoraConfig

    targets = lora.target_modules
    return LoraConfig(
        task_type="CAUSAL_LM",
        r=lora.r,
        lora_alpha=lora.lora_alpha,
        lora_dropout=lora.lora_dropout,
        target_modules=targets if isinstance(targets, str) else list(targets),
        modules_to_save=list(lora.modules_to_save) or None,
        use_rslora=lora.use_rslora,
        use_dora=lora.use_dora,
        rank_pattern=dict(lora.rank_pattern),
        alpha_pattern=dict(lora.alpha_pattern),
        bias="none",
        ensure_weight_tying=tied and bool(set(lora.modules_to_save) & set(_EMBEDDINGS)),
    )


def lora_of_adapter(folder: Path) -> Lora:
    """Give the settings of an adapter, with which it is trained further.

    Raises RagoptError if its configuration cannot be read.
    """
    values = read_json(folder / ADAPTER_CONFIG)
    targets = values.get("target_modules") or ()
    return Lora(
        r=int(values.get("r", 8)),
        lora_alpha=int(values.get("lora_alpha", 8)),
        lora_dropout=float(values.get("lora_dropout") or 0),
        target_modules="all-linear" if targets == "all-linear" else tuple(sorted(_names(targets))),
        modules_to_save=tuple(_names(values.get("modules_to_save"))),
        use_rslora=bool(values.get("use_rslora")),
        use_dora=bool(values.get("use_dora")),
        rank_pattern=dict(values.get("rank_pattern") or {}),
        alpha_pattern=dict(values.get("alpha_pattern") or {}),
    )


def _names(value: Any) -> list[str]:  # noqa: ANN401 - a value of JSON
    return [value] if isinstance(value, str) else [str(each) for each in value or ()]
