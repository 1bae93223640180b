"""How many parameters a run trains, counted on a model without weights that PEFT has adapted."""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ragopt_tui.errors import RagoptError
from ragopt_tui.plaintext import one_line
from ragopt_tui.training.configuration.layers import Layers, check_layers, matches
from ragopt_tui.training.configuration.values import Lora, TrainingConfig
from ragopt_tui.training.planning.adapter_config import lora_config
from ragopt_tui.training.planning.cache import remembered

if TYPE_CHECKING:
    from torch import nn

# It complains of a kernel for processors that it fetches from the hub.
logging.getLogger("bitsandbytes").setLevel(logging.ERROR)

_COPY = ".modules_to_save."
_ORIGINAL = ".original_module."


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


def known_parameters(config: TrainingConfig, architecture: Mapping[str, Any]) -> Parameters:
    """Give what `count_parameters` gives, at once where it was counted before."""
    what = ["parameters", config.method, asdict(config.lora), dict(architecture)]
    return Parameters(**remembered(what, lambda: asdict(count_parameters(config, architecture))))


def count_parameters(config: TrainingConfig, architecture: Mapping[str, Any]) -> Parameters:
    """Count what a run on a base with this config.json trains; no weight is loaded.

    Raises ConfigError for layers that the base does not have, RagoptError for an architecture
    that transformers does not know.
    """
    model = meta_model(architecture)
    if config.method == "full":
        return _full(model)
    layers = layers_of(model)
    check_layers(config.lora, layers)
    return _adapted(config.lora, model, layers)


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


def layers_of(model: nn.Module) -> Layers:
    """Give the layers of a model by their paths."""
    from torch import nn
    from transformers.pytorch_utils import Conv1D

    modules = dict(model.named_modules())
    head = model.get_output_embeddings()  # type: ignore[operator]
    return Layers(
        linear=frozenset(
            path for path, each in modules.items() if isinstance(each, nn.Linear | Conv1D)
        ),
        embeddings=frozenset(
            path for path, each in modules.items() if isinstance(each, nn.Embedding)
        ),
        every=frozenset(modules),
        output=next((path for path, each in modules.items() if each is head), ""),
    )


def _full(model: nn.Module) -> Parameters:
    total = sum(parameter.numel() for parameter in model.parameters())
    largest = max((each.numel() for each in model.parameters()), default=0)
    return Parameters(total, total, 0, total, 0, 0, largest, 0)


def _adapted(lora: Lora, model: nn.Module, layers: Layers) -> Parameters:
    from peft import get_peft_model

    whole = {path for path in layers.linear if any(matches(n, path) for n in lora.modules_to_save)}
    frozen = [
        model.get_submodule(path).weight.numel()  # type: ignore[operator]
        for path in layers.adapted_by_all_linear - whole
    ]
    tied = is_tied(model)
    with warnings.catch_warnings():
        # What PEFT says of tied weights is said in the plan.
        warnings.simplefilter("ignore")
        adapted = get_peft_model(model, lora_config(lora, tied=tied))
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
    copied = sum(found[key].numel() for key in copies)
    return Parameters(
        trainable=trainable,
        total=count,
        adapter=trainable - copied,
        whole=copied,
        quantised=sum(frozen),
        original=sum(found[key].numel() for key in originals),
        largest_matrix=max(frozen, default=0),
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
