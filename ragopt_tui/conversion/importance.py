"""How much each input of a model's layers matters on a user's own text: the importance matrix.

llama.cpp weighs the rounding errors of a quantisation by the mean square of what enters each
column of a weight (its `imatrix`). The squares are measured here with the unquantised Hugging Face
model, layer by layer, and named as in GGUF by llama.cpp's own table of names.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ragopt_tui.errors import RagoptError
from ragopt_tui.models.inspection import read_json

WINDOW_TOKENS = 512


@dataclass(frozen=True, slots=True)
class Importance:
    """For each GGUF tensor by name, the mean square of each input: float32 of shape (inputs,)."""

    of_tensor: dict[str, npt.NDArray[np.float32]]

    def written(self, file: Path) -> dict[str, Any]:
        """Write the values to a file; gives where those of each tensor stand, as JSON values."""
        tensors, at = [], 0
        for name, values in self.of_tensor.items():
            tensors.append([name, at, len(values)])
            at += len(values)
        np.concatenate(list(self.of_tensor.values())).astype(np.float32).tofile(file)
        return {"file": str(file), "tensors": tensors}


def measure_importance(
    model: Path, texts: Sequence[str], tokens: int, on_tokens: Callable[[int, int], None]
) -> Importance:
    """Run a Hugging Face model over texts until `tokens` were read, at most.

    `on_tokens` is told the tokens read and those there will be, and may raise to stop. Raises
    RagoptError if the texts give less than one window of text or llama.cpp has no such
    architecture.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    names = _gguf_names(model)
    tokenizer = AutoTokenizer.from_pretrained(model)
    ids = [i for text in texts for i in tokenizer(text, add_special_tokens=False)["input_ids"]]
    windows = [
        ids[at : at + WINDOW_TOKENS] for at in range(0, min(len(ids), tokens), WINDOW_TOKENS)
    ]
    windows = [window for window in windows if len(window) == WINDOW_TOKENS]
    if not windows:
        raise RagoptError(
            f"The text has {len(ids)} tokens; measuring importance needs {WINDOW_TOKENS} or more.",
            "Give more documents.",
        )
    loaded = AutoModelForCausalLM.from_pretrained(model, dtype=torch.bfloat16)
    sums: dict[str, Any] = {}
    for path, module in loaded.named_modules():
        name = names(path)
        if isinstance(module, torch.nn.Linear) and name:
            sums[name] = torch.zeros(module.in_features, dtype=torch.float64)
            module.register_forward_pre_hook(_squares_into(sums[name]))
    with torch.inference_mode():
        for number, window in enumerate(windows, 1):
            loaded(torch.tensor([window]), use_cache=False)
            on_tokens(number * WINDOW_TOKENS, len(windows) * WINDOW_TOKENS)
    read = len(windows) * WINDOW_TOKENS
    return Importance({n: (total / read).numpy().astype(np.float32) for n, total in sums.items()})


def _squares_into(total: Any) -> Callable[[Any, tuple[Any, ...]], None]:  # noqa: ANN401 - a tensor
    def add(_module: Any, inputs: tuple[Any, ...]) -> None:  # noqa: ANN401 - a layer
        total.add_(inputs[0].double().square().flatten(0, -2).sum(0))

    return add


def _gguf_names(model: Path) -> Callable[[str], str]:
    """Give a function from a module's path to the name of its weight in GGUF, or ""."""
    import gguf

    config = read_json(model / "config.json")
    layers = config.get("num_hidden_layers") or (config.get("text_config") or {}).get(
        "num_hidden_layers"
    )
    kind = str(config.get("model_type") or "")
    architectures = {name: key for key, name in gguf.MODEL_ARCH_NAMES.items()}
    # GGUF knows Mistral by the name of the architecture that it shares.
    key = architectures.get({"mistral": "llama"}.get(kind, kind))
    if key is None or not isinstance(layers, int):
        raise RagoptError(
            f"Importance cannot be measured for {kind or 'this architecture'}.",
            "Quantise without it.",
        )
    table = gguf.get_tensor_name_map(key, layers)

    def name_of(path: str) -> str:
        name = table.get_name(f"{path}.weight", try_suffixes=(".weight",))
        return name if name is not None else ""

    return name_of
