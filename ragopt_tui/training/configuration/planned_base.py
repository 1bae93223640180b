"""The base that a configuration names: a model of the library, or the architecture of a preset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ragopt_tui.errors import RagoptError
from ragopt_tui.models.condition import weights_problem
from ragopt_tui.models.inspection import inspect, read_json
from ragopt_tui.models.model_files import is_gguf
from ragopt_tui.models.store import VariantStore
from ragopt_tui.models.variant import Variant
from ragopt_tui.plaintext import one_line
from ragopt_tui.training.configuration.checks import base_errors
from ragopt_tui.training.configuration.layers import check_layers, stored_layers
from ragopt_tui.training.configuration.presets import known_architecture
from ragopt_tui.training.configuration.reading import ConfigError
from ragopt_tui.training.configuration.values import TrainingConfig


@dataclass(frozen=True, slots=True)
class Base:
    """What a run is trained on; `folder` is None where only its architecture is known."""

    name: str
    architecture: Mapping[str, Any]
    folder: Path | None = None
    id: str = ""
    """Its id in the library; "" where it is not in it."""

    builtin: bool = False
    chat_template: str = ""
    """The template that the user gave it in the library; "" for that of its files."""


def find_base(name: str, store: VariantStore) -> Base:
    """Find the base that a configuration names.

    Raises ConfigError where there is none of that name, or one that cannot be trained; RagoptError
    where its files cannot be read.
    """
    try:
        variant = store.find(name)
    except RagoptError as error:
        architecture = known_architecture(name)
        if architecture is not None:
            return Base(name, architecture)
        raise ConfigError(f"base: {error.message}", error.hint, key="base") from error
    folder = _folder(variant, store)
    record = store.known(variant.id)
    try:
        architecture = read_json(folder / "config.json")
    except RagoptError as error:
        raise ConfigError(f"base: {error.message}", "Get it again.", key="base") from error
    return Base(
        variant.name,
        architecture,
        folder,
        variant.id if record else "",
        store.from_builtin(variant),
        record.chat_template if record else "",
    )


def check_base(config: TrainingConfig, store: VariantStore) -> None:
    """Raise ConfigError where a configuration does not go with its base, by headers alone."""
    base = find_base(config.base, store)
    if base.folder is None:
        told = f"base: {base.name} is not here."
        raise ConfigError(told, f"Get it: `ragopt-tui models pull {base.name}`.", key="base")
    for error in base_errors(config, base.architecture):
        raise error
    if config.continue_from:
        find_adapter(config.continue_from, base, store)
    elif config.method == "lora":
        check_layers(config.lora, stored_layers(base.folder, base.architecture))


def find_adapter(name: str, base: Base, store: VariantStore) -> Path:
    """Find the adapter that is trained further; raises ConfigError if it is none, or of another base."""
    try:
        variant = store.find(name)
    except RagoptError as error:
        raise ConfigError(
            f"continue_from: {error.message}", error.hint, key="continue_from"
        ) from error
    shown = one_line(variant.name)
    if variant.kind != "adapter" or variant.path is None or is_gguf(variant.path):
        told = f"continue_from: {shown} is no adapter of PEFT's."
        raise ConfigError(told, "Name an adapter, or its base as base.", key="continue_from")
    problem = _problem(variant, store)
    if problem:
        raise ConfigError(f"continue_from: {problem}", key="continue_from")
    if base.id and variant.parent and variant.parent != base.id:
        told = f"continue_from: {shown} was trained on {variant.parent}, not on {base.id}."
        raise ConfigError(told, f"Write base: {variant.parent}.", key="continue_from")
    return variant.path


def _folder(variant: Variant, store: VariantStore) -> Path:
    shown = one_line(variant.name)
    if variant.kind == "adapter":
        told = f"base: {shown} is an adapter."
        hint = f"Write base: {variant.parent or 'its base'} and continue_from: {variant.id}."
        raise ConfigError(told, hint, key="base")
    if variant.path is None or is_gguf(variant.path):
        told = f"base: {shown} cannot be trained: that needs a model in Hugging Face format."
        raise ConfigError(told, "`ragopt-tui models list` names all.", key="base")
    problem = _problem(variant, store)
    if problem:
        raise ConfigError(f"base: {problem}", "Put it back, or get it again.", key="base")
    return variant.path


def _problem(variant: Variant, store: VariantStore) -> str:
    """Say why the weights of a variant cannot be used; one without a chat template can be trained."""
    record = store.known(variant.id)
    if record is not None:
        return weights_problem(record, store.known)
    return inspect(variant.path).problem if variant.path else variant.problem
