"""Adapters that act on a loaded model without being merged into it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from peft import PeftConfig, PeftModel

from ragopt_tui.conversion.adapted_model import ADAPTER_FILE, Adapter
from ragopt_tui.models.safetensors_header import read_safetensors_header
from ragopt_tui.verification.sides import SideFailed

_EMBEDDINGS = ("embed_tokens.weight", "wte.weight", "word_embeddings.weight")


def put_on(model: Any, adapters: Sequence[Adapter]) -> Any:  # noqa: ANN401 - each has its own class
    """Let adapters act on a loaded model together, each with its weight, without merging them."""
    adapted: Any = None
    names = [f"adapter{number}" for number in range(len(adapters))]
    for name, adapter in zip(names, adapters, strict=True):
        config: Any = PeftConfig.from_pretrained(str(adapter.folder))
        config.inference_mode = True
        if adapted is None:
            adapted = PeftModel(model, config, name)
        else:
            adapted.add_adapter(name, config)
        result = adapted.load_adapter(str(adapter.folder), name, torch_device=str(model.device))
        if result.missing_keys or result.unexpected_keys:
            keys = sorted([*result.missing_keys, *result.unexpected_keys])
            raise SideFailed(
                f"The adapter {adapter.folder} does not fit its base: {len(keys)} of its tensors "
                f"have no place there or are missing, among them {keys[0]}.",
                "Choose the base that it was trained on.",
                adapter.folder,
            )
        _weigh(adapted, name, adapter.weight)
    adapted.base_model.set_adapter(names if len(names) > 1 else names[0])
    return adapted


def _weigh(model: Any, name: str, weight: float) -> None:  # noqa: ANN401 - PEFT has no types
    for module in model.modules() if weight != 1.0 else ():
        scaling = getattr(module, "scaling", None)
        if isinstance(scaling, dict) and name in scaling:
            scaling[name] *= weight


def adapter_rows(folder: Path) -> int:
    """Give the rows of an embedding that an adapter brings whole, else 0."""
    tensors = read_safetensors_header(folder / ADAPTER_FILE).tensors
    return max((t.shape[0] for name, t in tensors.items() if name.endswith(_EMBEDDINGS)), default=0)
