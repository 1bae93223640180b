"""A model with adapters on it, without its weights: which tensors PEFT changes, and how.

PEFT's own layers are built on the meta device, and each is given only the one weight that it
merges with. So the result is PEFT's for every method that it knows, bit for bit, at the memory of
one layer.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from peft import PeftConfig, PeftModel, set_peft_model_state_dict
from peft.tuners.tuners_utils import BaseTunerLayer
from peft.utils import ModulesToSaveWrapper
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM

from ragopt_tui.conversion.tensor_files import Place
from ragopt_tui.errors import RagoptError
from ragopt_tui.models.safetensors_header import read_safetensors_header

ADAPTER_FILE = "adapter_model.safetensors"
_PREFIX = "base_model.model."

Weights = dict[str, torch.Tensor]
"""Tensors by their names in a model's files."""


@dataclass(frozen=True, slots=True)
class Adapter:
    """An adapter's folder, and the factor by which its change counts."""

    folder: Path
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Change:
    """One module's tensors as adapters leave them: `make` gives them from those of the base."""

    names: tuple[str, ...]
    make: Callable[[Weights], Weights]


@dataclass(frozen=True, slots=True)
class AdaptedModel:
    """What adapters make of a base.

    `config` is the result's configuration; `tensors` are all its tensors by name, on the meta
    device, the output layer left out where it is the embedding; `changes` hold each changed name
    once. `linear` names the weights that 4-bit loading quantises: those of all linear layers but
    the output. `embedding` and `output` name the weights of both ends.
    """

    config: Any
    tensors: Weights
    changes: tuple[Change, ...]
    linear: frozenset[str]
    embedding: str
    output: str


def adapted_model(base: Path, adapters: Sequence[Adapter], dtype: torch.dtype) -> AdaptedModel:
    """Put adapters on a base that is not loaded, whose weights are of `dtype`.

    Raises RagoptError if transformers does not know the base's architecture, or if an adapter
    is for another base or has tensors that no module of the base takes.
    """
    states = [_state(adapter.folder) for adapter in adapters]
    peft_configs = [_peft_config(adapter.folder) for adapter in adapters]
    config = AutoConfig.from_pretrained(base)
    was_tied = bool(getattr(config, "tie_word_embeddings", False))
    stays_tied = was_tied and any(map(_keeps_tied, peft_configs))
    config.tie_word_embeddings = stays_tied
    _fit_vocabulary(config, states)
    model = _on_meta(config, dtype)
    embedding, output = _ends(model)
    linear = frozenset(
        f"{name}.weight"
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and f"{name}.weight" != output
    )
    tensors = {name: tensor for name, tensor in model.state_dict().items() if tensor.is_meta}
    changes = _changes(model, adapters, peft_configs, states, base)
    changed = {name for change in changes for name in change.names}
    if was_tied and not changed & {embedding, output}:
        stays_tied = config.tie_word_embeddings = True
    if stays_tied:
        tensors.pop(output, None)
        changes = [change for change in changes if change.names != (output,)]
    return AdaptedModel(config, tensors, tuple(changes), linear, embedding, output)


def _state(folder: Path) -> Weights:
    file = folder / ADAPTER_FILE
    header = read_safetensors_header(file)
    return {
        name: Place(file, stored).read()
        for name, stored in header.tensors.items()
        if not _is_repeated(name, header.tensors.keys())
    }


def _is_repeated(name: str, names: Collection[str]) -> bool:
    """Whether a tensor is the second copy that PEFT writes of a layer trained whole and widened."""
    return any(
        part in name and name.replace(part, "") in names
        for part in (".modules_to_save", ".original_module")
    )


def _peft_config(folder: Path) -> PeftConfig:
    try:
        config: PeftConfig = PeftConfig.from_pretrained(str(folder))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise RagoptError(
            f"The configuration of the adapter {folder} cannot be read: {error}."
        ) from error
    config.inference_mode = True
    return config


def _keeps_tied(config: PeftConfig) -> bool:
    """Whether an adapter trains the embedding and the output layer as one."""
    return bool(
        getattr(config, "ensure_weight_tying", False)
        or getattr(config, "trainable_token_indices", None)
    )


def _fit_vocabulary(config: Any, states: Sequence[Weights]) -> None:  # noqa: ANN401 - any architecture
    """Take over the vocabulary of an adapter that brings an embedding with added tokens."""
    for state in states:
        for name, tensor in state.items():
            if name.endswith(("embed_tokens.weight", "wte.weight", "word_embeddings.weight")):
                config.get_text_config().vocab_size = tensor.shape[0]


def _on_meta(config: Any, dtype: torch.dtype) -> nn.Module:  # noqa: ANN401 - any architecture
    make: Any = AutoModelForCausalLM
    try:
        with torch.device("meta"):
            model: nn.Module = make.from_config(copy.deepcopy(config), dtype=dtype)
    except (ValueError, KeyError) as error:
        raise RagoptError(
            f"transformers has no language model for {config.model_type!r}: {error}."
        ) from error
    return model


def _ends(model: Any) -> tuple[str, str]:  # noqa: ANN401 - any architecture
    """Give the names of the weights of the embedding and of the output layer."""
    embedding, output = model.get_input_embeddings(), model.get_output_embeddings()
    names = {id(module): f"{name}.weight" for name, module in model.named_modules()}
    return names[id(embedding)], names.get(id(output), "")


def _changes(
    model: nn.Module,
    adapters: Sequence[Adapter],
    configs: Sequence[PeftConfig],
    states: Sequence[Weights],
    base: Path,
) -> list[Change]:
    adapted: Any = None
    for number, (adapter, config, state) in enumerate(zip(adapters, configs, states, strict=True)):
        name = f"adapter{number}"
        try:
            with warnings.catch_warnings(action="ignore"):
                if adapted is None:
                    adapted = PeftModel(model, config, name, low_cpu_mem_usage=True)
                else:
                    adapted.add_adapter(name, config, low_cpu_mem_usage=True)
                _give_memory(adapted, name)
                result: Any = set_peft_model_state_dict(adapted, state, name)
        except (ValueError, KeyError, RuntimeError) as error:
            raise _of_another_base(
                adapter.folder, base, str(error).split("\n")[-1].strip()
            ) from error
        left = [*result.unexpected_keys, *(k for k in result.missing_keys if name in k.split("."))]
        if left:
            raise _of_another_base(adapter.folder, base, f"{left[0]} has no counterpart")
        _weigh(adapted, name, adapter)
    names = [f"adapter{number}" for number in range(len(adapters))]
    return list(_module_changes(adapted, names))


def _of_another_base(adapter: Path, base: Path, reason: str) -> RagoptError:
    return RagoptError(
        f"The adapter {adapter} does not fit the base {base}: {reason}.",
        "Merge it into the base it was trained on.",
    )


def _give_memory(model: nn.Module, adapter: str) -> None:
    """Put an adapter's parameters into memory: in 32 bits, as PEFT does, those of whole modules as the base's."""
    for module in model.modules():
        if isinstance(module, BaseTunerLayer):
            for name in (*module.adapter_layer_names, *module.other_param_names):
                container = getattr(module, name, None)
                items = cast("Any", container)
                if isinstance(container, nn.Module) and adapter in items:
                    items[adapter] = _in_memory(items[adapter])
        elif isinstance(module, ModulesToSaveWrapper):
            whole = cast("Any", module.modules_to_save)
            if adapter in whole:
                whole[adapter].to_empty(device="cpu")


def _in_memory(item: nn.Module | torch.Tensor) -> nn.Module | torch.Tensor:
    if isinstance(item, nn.Module):
        return item.to_empty(device="cpu").float()
    dtype = torch.float32 if item.is_floating_point() else item.dtype
    empty = torch.empty(item.shape, dtype=dtype)
    return nn.Parameter(empty) if isinstance(item, nn.Parameter) else empty


def _weigh(model: nn.Module, name: str, adapter: Adapter) -> None:
    if adapter.weight == 1.0:
        return
    for module in model.modules():
        if isinstance(module, ModulesToSaveWrapper) and name in module.modules_to_save:
            raise RagoptError(
                f"The adapter {adapter.folder} trained whole modules, which cannot be weighted.",
                "Merge it with weight 1.",
            )
        scaling: Any = getattr(module, "scaling", {})
        if isinstance(module, BaseTunerLayer) and name in scaling:
            scaling[name] *= adapter.weight


def _module_changes(model: nn.Module, adapters: Sequence[str]) -> Iterator[Change]:
    for path, module in model.named_modules():
        name = path.removeprefix(_PREFIX).removesuffix(".token_adapter")
        if isinstance(module, ModulesToSaveWrapper):
            yield _replaced(name, module, adapters)
        elif isinstance(module, BaseTunerLayer):
            yield _merged(name, module, adapters)


def _replaced(name: str, module: Any, adapters: Sequence[str]) -> Change:  # noqa: ANN401 - PEFT has no types
    own = [each for each in adapters if each in module.modules_to_save]
    if len(own) > 1:
        raise RagoptError(
            f"Two adapters trained the whole of {name}: only one of them can be kept.",
            "Merge one of them alone.",
        )
    kept: Weights = module.modules_to_save[own[0]].state_dict()

    def make(_of_base: Weights) -> Weights:
        return {f"{name}.{part}": tensor for part, tensor in kept.items()}

    return Change(tuple(f"{name}.{part}" for part in kept), make)


def _merged(name: str, module: Any, adapters: Sequence[str]) -> Change:  # noqa: ANN401 - PEFT has no types
    layer = module.get_base_layer()
    parts = [part for part, _ in layer.named_parameters(recurse=False)]

    def make(of_base: Weights) -> Weights:
        for part in parts:
            weight = of_base[f"{name}.{part}"]
            setattr(layer, part, nn.Parameter(weight, requires_grad=False))
        with torch.no_grad():
            module.merge(adapter_names=list(adapters))
        # PEFT merges a layer once: without this a second call would give the base's weights.
        module.merged_adapters.clear()
        given = {f"{name}.{part}": getattr(layer, part).data for part in parts}
        for part in parts:
            empty = nn.Parameter(getattr(layer, part).to("meta"), requires_grad=False)
            setattr(layer, part, empty)
        return given

    return Change(tuple(f"{name}.{part}" for part in parts), make)
