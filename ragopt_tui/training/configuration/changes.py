"""Changing single settings of a configuration by their keys."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from ragopt_tui.errors import RagoptError
from ragopt_tui.plaintext import one_line
from ragopt_tui.training.configuration.config import write_config
from ragopt_tui.training.configuration.reading import ConfigError, read_values
from ragopt_tui.training.configuration.values import TrainingConfig


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


def with_absolute_paths(
    config: TrainingConfig, folders: Sequence[Path], ids: Collection[str] = ()
) -> TrainingConfig:
    """Make paths absolute that are given from one of the folders on, so that a job finds them.

    `ids` stay, and what is no path in any of the folders.
    """

    def placed(text: str) -> str:
        return text if text in ids else _absolute(text, folders)

    return replace(
        config,
        base=placed(config.base),
        continue_from=placed(config.continue_from),
        accelerate_config=_absolute(config.accelerate_config, folders),
        data=replace(config.data, set=placed(config.data.set)),
    )


def _absolute(text: str, folders: Sequence[Path]) -> str:
    for folder in folders if text else ():
        try:
            path = folder / Path(text).expanduser()
            if path.exists():
                return str(path.resolve())
        except (OSError, ValueError, RuntimeError):
            continue
    return text
