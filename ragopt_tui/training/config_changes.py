"""Changing single settings of a configuration by their keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from ragopt_tui.errors import RagoptError
from ragopt_tui.plaintext import one_line
from ragopt_tui.training.config import write_config
from ragopt_tui.training.config_reading import ConfigError, read_values
from ragopt_tui.training.config_values import TrainingConfig


def with_settings(config: TrainingConfig, settings: Sequence[str]) -> TrainingConfig:
    """Change settings written as `key=value`, such as `lora.r=8`, the value as in YAML.

    Raises ConfigError for an unknown key or a wrong value, RagoptError for what has no `=`.
    """
    values: dict[str, Any] = yaml.safe_load(write_config(config))
    for setting in settings:
        key, equals, written = setting.partition("=")
        if not equals or not key.strip():
            raise RagoptError(
                f"{one_line(setting, 80)!r} sets nothing.", "Write key=value, such as lora.r=8."
            )
        try:
            value = yaml.safe_load(written)
        except yaml.YAMLError:
            value = written
        part, dot, name = key.strip().partition(".")
        if dot:
            section = values.setdefault(part, {})
            values[part] = (section if isinstance(section, dict) else {}) | {name: value}
        else:
            values[part] = value
    changed, errors = read_values(yaml.safe_dump(values, sort_keys=False), "--set")
    for error in errors:
        raise ConfigError(f"--set {error.told}", error.hint, key=error.key)
    return changed


def with_absolute_paths(config: TrainingConfig, folder: Path) -> TrainingConfig:
    """Make paths that are given from `folder` on absolute, so that a job finds them.

    What is no path there, such as an id, stays.
    """
    data = replace(config.data, set=_absolute(config.data.set, folder))
    return replace(
        config,
        base=_absolute(config.base, folder),
        continue_from=_absolute(config.continue_from, folder),
        accelerate_config=_absolute(config.accelerate_config, folder),
        data=data,
    )


def _absolute(text: str, folder: Path) -> str:
    if not text:
        return text
    try:
        path = folder / Path(text).expanduser()
        return str(path.resolve()) if path.exists() else text
    except (OSError, ValueError, RuntimeError):
        return text
