"""Whether the layers that a configuration names exist, by the names that a base has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ragopt_tui.models.inspection_folder import stored_tensors, weight_files
from ragopt_tui.training.configuration.reading import ConfigError
from ragopt_tui.training.configuration.values import Lora

_MOST_NAMED = 40
_EMBEDDING = re.compile(r"(embed|\bwte\b|\bwpe\b)[^.]*$")
_OUTPUTS = ("lm_head", "embed_out", "output")


@dataclass(frozen=True, slots=True)
class Layers:
    """The paths of a base's layers; `output` is "" where it has none of its own."""

    linear: frozenset[str]
    embeddings: frozenset[str]
    every: frozenset[str]
    output: str

    @property
    def adapted_by_all_linear(self) -> frozenset[str]:
        """What all-linear stands for."""
        return self.linear - {self.output}


def stored_layers(folder: Path, architecture: Mapping[str, Any]) -> Layers:
    """Give the layers of a Hugging Face folder by the headers of its weights.

    Raises RagoptError if a file is not usable.
    """
    tensors = stored_tensors(weight_files(folder))
    matrices = {
        name.removesuffix(".weight")
        for name, tensor in tensors.items()
        if name.endswith(".weight") and len(tensor.shape) == 2
    }
    embeddings = {path for path in matrices if _EMBEDDING.search(path)}
    output = next((name for name in _OUTPUTS if name in matrices), "")
    if not output and architecture.get("tie_word_embeddings", True):
        output = _OUTPUTS[0]
        matrices.add(output)
    modules = {name.rpartition(".")[0] for name in tensors} | {output}
    every = {part for path in modules for part in _with_outer(path)}
    return Layers(frozenset(matrices - embeddings), frozenset(embeddings), frozenset(every), output)


def check_layers(lora: Lora, layers: Layers) -> None:
    """Raise ConfigError for a layer that is to be trained and that the base does not have."""
    if lora.target_modules != "all-linear":
        for name in lora.target_modules:
            _check_target(name, layers)
    for name in lora.modules_to_save:
        _check_whole(name, lora, layers)
    adapted = targeted(lora, layers)
    for key in ("rank_pattern", "alpha_pattern"):
        for pattern in getattr(lora, key):
            if not any(_pattern_matches(pattern, path) for path in adapted):
                raise ConfigError(
                    f"lora.{key}: {pattern!r} names none of the adapted layers.",
                    f"Adapted are: {_listed(adapted)}.",
                    key=f"lora.{key}",
                )


def targeted(lora: Lora, layers: Layers) -> frozenset[str]:
    """Give the paths of the layers that are adapted."""
    if lora.target_modules == "all-linear":
        return layers.adapted_by_all_linear
    adaptable = layers.linear | layers.embeddings
    return frozenset(
        path for path in adaptable if any(matches(name, path) for name in lora.target_modules)
    )


def matches(name: str, path: str) -> bool:
    """Whether PEFT takes a layer's path for one of that name."""
    return path == name or path.endswith(f".{name}")


def _check_target(name: str, layers: Layers) -> None:
    key = "lora.target_modules"
    if layers.output and matches(name, layers.output):
        raise ConfigError(
            f"{key}: {name!r} is the output layer, which cannot be adapted.",
            f"Train it whole: lora.modules_to_save: [{name}].",
            key=key,
        )
    if any(matches(name, path) for path in layers.linear | layers.embeddings):
        return
    is_part = any(matches(name, path) for path in layers.every)
    told = f"{name!r} has no matrix of its own" if is_part else f"the base has no layer {name!r}"
    hint = f"It has: {_listed(layers.adapted_by_all_linear)}. Or write all-linear."
    raise ConfigError(f"{key}: {told}.", hint, key=key)


def _check_whole(name: str, lora: Lora, layers: Layers) -> None:
    key = "lora.modules_to_save"
    if not any(matches(name, path) for path in layers.every):
        raise ConfigError(
            f"{key}: the base has no layer {name!r}.",
            f"Trained whole can be: {_listed(layers.linear | layers.embeddings)}.",
            key=key,
        )
    if name in lora.target_modules:
        raise ConfigError(
            f"{name!r} stands in lora.target_modules and in {key}.",
            "A layer is adapted or trained whole: keep one.",
            key=key,
        )


def _pattern_matches(pattern: str, path: str) -> bool:
    """Whether PEFT takes a layer's path for one of a pattern of ranks."""
    try:
        return bool(re.match(rf"(.*\.)?({pattern})$", path))
    except re.error:
        return False


def _with_outer(path: str) -> Iterable[str]:
    """Give a path and all that it lies in."""
    parts = path.split(".")
    return (".".join(parts[:end]) for end in range(1, len(parts) + 1))


def _listed(paths: Iterable[str]) -> str:
    names = sorted({path.rsplit(".", 1)[-1] for path in paths})
    return ", ".join(names[:_MOST_NAMED]) or "none"
