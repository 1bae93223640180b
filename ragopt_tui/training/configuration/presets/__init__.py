"""Configurations to begin with, each a documented YAML file with the architecture of its base."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ragopt_tui.errors import RagoptError
from ragopt_tui.models.inspection import read_json
from ragopt_tui.models.variant import builtin_variants
from ragopt_tui.training.configuration.config import parse_config
from ragopt_tui.training.configuration.values import TrainingConfig

_FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Preset:
    """A configuration to begin with; only its data set is left to be named."""

    name: str
    title: str
    """What it is for, in a sentence."""

    about: str
    """Where it comes from and what it does, in some sentences."""

    config: TrainingConfig
    text: str
    """The file itself, with its comments."""

    architecture: Mapping[str, Any]
    """The config.json of its base, so that it can be planned before the base is there."""


@functools.cache
def presets() -> Mapping[str, Preset]:
    """Give all presets by name, in their order."""
    files = sorted(_FOLDER.glob("*.yml"), key=lambda file: file.stem)
    return MappingProxyType({file.stem: _read(file) for file in files})


def preset(name: str) -> Preset:
    """Give a preset; raises RagoptError that names those there are."""
    found = presets().get(name)
    if found is None:
        raise RagoptError(f"There is no preset {name!r}.", f"There are: {', '.join(presets())}.")
    return found


def known_architecture(base: str) -> Mapping[str, Any] | None:
    """Give the config.json of a base of one of the presets, by its name on the hub."""
    file = _FOLDER / "architectures" / f"{base.replace('/', '--')}.json"
    known = {each.name: each for each in file.parent.iterdir()}
    found = known.get(file.name)
    if found is None:
        return None
    values: dict[str, Any] = json.loads(found.read_text(encoding="utf-8"))
    return values


def _read(file: Path) -> Preset:
    text = file.read_text(encoding="utf-8")
    head = [line.lstrip("# ") for line in text.splitlines() if line.startswith("#")]
    config = parse_config(text, file.name)
    architecture = known_architecture(config.base) or _builtin_architecture(config.base)
    return Preset(file.stem, head[0], " ".join(head[1:]), config, text, architecture)


def _builtin_architecture(base: str) -> Mapping[str, Any]:
    folder = next(each.path for each in builtin_variants() if each.id == base and each.path)
    return read_json(folder / "config.json")
