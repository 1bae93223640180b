"""Reading, writing and comparing the configuration of a training run."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import yaml

from ragopt_tui.training.configuration.file import read_text
from ragopt_tui.training.configuration.reading import ConfigError, read_values
from ragopt_tui.training.configuration.values import (
    DataChoice,
    Lora,
    Quantization,
    Schedule,
    Setting,
    TrainingConfig,
    settings_of,
)

__all__ = [
    "ConfigError",
    "DataChoice",
    "Lora",
    "Quantization",
    "Schedule",
    "Setting",
    "TrainingConfig",
    "config_errors",
    "difference",
    "parse_config",
    "read_config",
    "settings_of",
    "write_config",
]


def read_config(path: Path) -> TrainingConfig:
    """Read a YAML file; what it leaves out has its default.

    Raises RagoptError where it cannot be read, ConfigError for its first mistake.
    """
    return parse_config(read_text(path), str(path))


def parse_config(text: str, where: str = "the configuration") -> TrainingConfig:
    """Read YAML; raises ConfigError for the first mistake, naming `where`, the key and its line."""
    config, errors = read_values(text, where)
    if errors:
        raise errors[0]
    return config


def config_errors(text: str, where: str = "the configuration") -> list[ConfigError]:
    """Give all mistakes in the keys and types of YAML, in the order of the file."""
    return read_values(text, where)[1]


def write_config(config: TrainingConfig) -> str:
    """Write all settings as YAML, in a fixed order; `parse_config` gives equal ones back."""
    text: str = yaml.dump(
        _plain(config), Dumper=_Writer, sort_keys=False, allow_unicode=True, width=100
    )
    return text


def difference(left: TrainingConfig, right: TrainingConfig) -> list[tuple[str, Any, Any]]:
    """Give the settings in which two differ: key as in `lora.r`, value left, value right."""
    ours, theirs = flat(left), flat(right)
    return [(key, ours[key], theirs[key]) for key in ours if ours[key] != theirs[key]]


def flat(config: TrainingConfig) -> dict[str, Any]:
    """Give every setting by its key as in `lora.r`, in the order of the file."""
    values: dict[str, Any] = {}
    for item in dataclasses.fields(config):
        value = getattr(config, item.name)
        if dataclasses.is_dataclass(value):
            inside = dataclasses.fields(value)
            values |= {f"{item.name}.{each.name}": getattr(value, each.name) for each in inside}
        else:
            values[item.name] = value
    return values


def _plain(value: Any) -> Any:  # noqa: ANN401 - a value of YAML
    if dataclasses.is_dataclass(value):
        return {each.name: _plain(getattr(value, each.name)) for each in dataclasses.fields(value)}
    if isinstance(value, tuple):
        return _Line(value)
    return value


class _Line(list[Any]):
    """A list that is written on one line."""


class _Writer(yaml.SafeDumper):  # type: ignore[misc]
    """Writes lists of settings on one line, and whole numbers without a decimal point."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _write_list(writer: _Writer, value: _Line) -> yaml.Node:
    short = all(len(str(each)) <= 40 for each in value)
    return writer.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=short)


def _write_float(writer: _Writer, value: float) -> yaml.Node:
    if value.is_integer() and abs(value) < 1e15:
        return writer.represent_int(int(value))
    return writer.represent_float(value)


def _write_text(writer: _Writer, value: str) -> yaml.Node:
    # Outside of double quotes these would be read as ends of lines.
    style = '"' if set(value) & set("\x85\u2028\u2029") else None
    return writer.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Writer.add_representer(str, _write_text)
_Writer.add_representer(_Line, _write_list)
_Writer.add_representer(float, _write_float)
