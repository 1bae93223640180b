"""How many parameters a run trains, counted on a model without weights that PEFT has adapted."""

from __future__ import annotations

import copy
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ragopt_tui.errors import RagoptError
from ragopt_tui.plaintext import one_line
from ragopt_tui.training.adapter_config import lora_config
from ragopt_tui.training.config_reading import ConfigError
from ragopt_tui.training.config_values import TrainingConfig

if TYPE_CHECKING:
    from torch import nn

_COPY = ".modules_to_save."
_ORIGINAL = ".original_module."
_MOST_NAMED = 40


@dataclass(frozen=True, slots=True)
class Parameters:
    """How many parameters there are, by what becomes of them."""

    trainable: int
    total: int
    """With the adapter; a layer that is trained whole counts once, not with the frozen original."""

    adapter: int
    """Of the trainable ones, those of low-rank matrices."""

    whole: int
    """Of the trainable ones, those of layers trained whole, or of all layers."""

    quantised: int
    """Of the frozen ones, those of the matrices that 4- and 8-bit loading quantises."""

    original: int
    """Frozen originals of layers trained whole, which are in memory beside the trained ones."""

    largest_matrix: int
    """Numbers of the largest matrix that is quantised, which is unpacked to be multiplied."""

    adapter_inputs: int
    """Numbers of one token that all adapted matrices together keep: their inputs, and their rank."""

    @property
    def percent(self) -> float:
        """The trainable ones in percent of all."""
        return 100 * self.trainable / self.total

    def text(self) -> str:
        """Say it as PEFT does: trainable of all, with the share."""
        return f"{self.trainable:,} of {self.total:,} ({self.percent:.4f} %)"


def count_parameters(config: TrainingConfig, architecture: Mapping[str, Any]) -> Parameters:
    """Count what a run on a base with this config.json trains; no weight is loaded.

    Raises ConfigError for layers that the base does not have, RagoptError for an architecture
    that transformers does not know.
    """
    model = meta_model(architecture)
    if config.method == "full":
        return _full(model)
    check_layers(config, model)
    return _adapted(config, model)


def meta_model(architecture: Mapping[str, Any]) -> nn.Module:
    """Build a base without weights from the values of its config.json.

    Raises RagoptError for an architecture that transformers does not know.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    values = dict(architecture)
    kind = str(values.pop("model_type", ""))
    values.pop("quantization_config", None)
    make: Any = AutoModelForCausalLM
    try:
        with torch.device("meta"):
            model: nn.Module = make.from_config(AutoConfig.for_model(kind, **copy.deepcopy(values)))
    except (ValueError, KeyError, TypeError, ImportError, RuntimeError) as error:
        raise RagoptError(
            f"transformers cannot build the architecture {kind!r}: {one_line(str(error), 200)}",
            "Choose another base.",
        ) from error
    return model


def check_layers(config: TrainingConfig, model: nn.Module) -> None:
    """Raise ConfigError for a layer that is to be trained and that the model does not have."""
    lora = config.lora
    linear, embeddings, every = _layers(model)
    output = _output_name(model)
    if lora.target_modules != "all-linear":
        for name in lora.target_modules:
            _check_target(name, linear | embeddings, every, linear - {output}, output)
    for name in lora.modules_to_save:
        if not any(_matches(name, path) for path in every):
            raise ConfigError(
                f"lora.modules_to_save: the base has no layer {name!r}.",
                f"Trained whole can be: {_listed(linear | embeddings)}.",
                key="lora.modules_to_save",
            )
        if name in lora.target_modules:
            raise ConfigError(
                f"{name!r} stands in lora.target_modules and in lora.modules_to_save.",
                "A layer is adapted or trained whole: keep one.",
                key="lora.modules_to_save",
            )
    for key in ("rank_pattern", "alpha_pattern"):
        for pattern in getattr(lora, key):
            if not any(_pattern_matches(pattern, path) for path in _targeted(config, linear)):
                raise ConfigError(
                    f"lora.{key}: {pattern!r} names none of the adapted layers.",
                    f"Adapted are: {_listed(_targeted(config, linear))}.",
                    key=f"lora.{key}",
                )


def _check_target(
    name: str, adaptable: set[str], every: set[str], proposed: set[str], output: str
) -> None:
    hint = f"It has: {_listed(proposed)}. Or write all-linear."
    if output and _matches(name, output):
        raise ConfigError(
            f"lora.target_modules: {name!r} is the output layer, which cannot be adapted.",
            f"Train it whole: lora.modules_to_save: [{name}].",
            key="lora.target_modules",
        )
    if any(_matches(name, path) for path in adaptable):
        return
    is_part = any(_matches(name, path) for path in every)
    told = f"{name!r} has no matrix of its own" if is_part else f"the base has no layer {name!r}"
    raise ConfigError(f"lora.target_modules: {told}.", hint, key="lora.target_modules")


def _targeted(config: TrainingConfig, linear: set[str]) -> set[str]:
    targets = config.lora.target_modules
    if targets == "all-linear":
        return linear
    return {path for path in linear if any(_matches(name, path) for name in targets)}


def _layers(model: nn.Module) -> tuple[set[str], set[str], set[str]]:
    """Give the paths of the linear layers, of the embeddings and of all modules."""
    from torch import nn
    from transformers.pytorch_utils import Conv1D

    modules = dict(model.named_modules())
    linear = {path for path, each in modules.items() if isinstance(each, nn.Linear | Conv1D)}
    embeddings = {path for path, each in modules.items() if isinstance(each, nn.Embedding)}
    return linear, embeddings, set(modules)


def _output_name(model: nn.Module) -> str:
    output = model.get_output_embeddings()  # type: ignore[operator]
    return next((path for path, each in model.named_modules() if each is output), "")


def _matches(name: str, path: str) -> bool:
    """Whether PEFT takes a layer's path for one of that name."""
    return path == name or path.endswith(f".{name}")


def _pattern_matches(pattern: str, path: str) -> bool:
    """Whether PEFT takes a layer's path for one of a pattern of ranks."""
    try:
        return bool(re.match(rf"(.*\.)?({pattern})$", path))
    except re.error:
        return False


def _listed(paths: set[str]) -> str:
    names = sorted({path.rsplit(".", 1)[-1] for path in paths})
    return ", ".join(names[:_MOST_NAMED]) or "none"


def _full(model: nn.Module) -> Parameters:
    total = sum(parameter.numel() for parameter in model.parameters())
    largest = max((each.numel() for each in model.parameters()), default=0)
    return Parameters(total, total, 0, total, 0, 0, largest, 0)


def _adapted(config: TrainingConfig, model: nn.Module) -> Parameters:
    from peft import get_peft_model

    output = _output_name(model)
    linear, _, _ = _layers(model)
    sizes = {path: model.get_submodule(path).weight.numel() for path in linear}  # type: ignore[operator]
    tied = is_tied(model)
    with warnings.catch_warnings():
        # What PEFT says of tied weights is said in the plan.
        warnings.simplefilter("ignore")
        adapted = get_peft_model(model, lora_config(config.lora, tied=tied))
    names: dict[int, list[str]] = {}
    found: dict[int, Any] = {}
    for name, parameter in adapted.named_parameters(remove_duplicate=False):
        names.setdefault(id(parameter), []).append(name)
        found[id(parameter)] = parameter
    originals = {key for key, known in names.items() if all(_ORIGINAL in name for name in known)}
    trained = {key for key, each in found.items() if each.requires_grad}
    copies = {key for key in trained if any(_COPY in name for name in names[key])}
    count = sum(each.numel() for key, each in found.items() if key not in originals)
    trainable = sum(found[key].numel() for key in trained)
    whole = sum(found[key].numel() for key in copies)
    kept = {path for path in linear if any(_matches(n, path) for n in config.lora.modules_to_save)}
    frozen = {path: size for path, size in sizes.items() if path != output and path not in kept}
    return Parameters(
        trainable=trainable,
        total=count,
        adapter=trainable - whole,
        whole=whole,
        quantised=sum(frozen.values()),
        original=sum(found[key].numel() for key in originals),
        largest_matrix=max(frozen.values(), default=0),
        adapter_inputs=_adapter_inputs(adapted),
    )


def is_tied(model: nn.Module) -> bool:
    """Whether the output layer of a model is its embedding."""
    output = model.get_output_embeddings()  # type: ignore[operator]
    embedding = model.get_input_embeddings()  # type: ignore[operator]
    return output is not None and output.weight is embedding.weight


def _adapter_inputs(adapted: nn.Module) -> int:
    width = 0
    for name, module in adapted.named_modules():
        if name.endswith("lora_A.default"):
            width += module.weight.shape[0] + module.weight.shape[1]
    return width
