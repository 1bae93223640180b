"""The settings of a training run as fields of a form: their kinds, and how values are typed."""

from __future__ import annotations

import dataclasses
import json
import re
import types
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from ragopt_tui.training.configuration.config import TrainingConfig, settings_of
from ragopt_tui.training.configuration.reading import yaml_number

Kind = Literal["text", "whole", "number", "switch", "choice", "list", "mapping"]
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
_PLAIN = re.compile(r"[A-Za-z_][\w./-]*(?: [\w./-]+)*")
_MEANS_OTHERWISE = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}
_SENTENCES = ("samples",)


@dataclass(frozen=True, slots=True)
class Field:
    """A setting by its key as in `lora.r`; `choices` are what it may be, or what may be meant."""

    key: str
    kind: Kind
    about: str
    choices: tuple[str, ...] = ()

    @property
    def section(self) -> str:
        """The part of the configuration that it is in, "" for the outermost."""
        return self.key.rpartition(".")[0]

    @property
    def name(self) -> str:
        """Its name within its part."""
        return self.key.rpartition(".")[2]

    @property
    def separator(self) -> str:
        """What stands between the values of a list: sentences have commas of their own."""
        return " | " if self.key in _SENTENCES else ", "


@cache
def fields() -> tuple[Field, ...]:
    """Give a field for every setting, in the order of the file."""
    found: list[Field] = []
    for name, hint in get_type_hints(TrainingConfig).items():
        if dataclasses.is_dataclass(hint) and isinstance(hint, type):
            about = settings_of(hint)
            inner = get_type_hints(hint)
            found += [_field(f"{name}.{key}", inner[key], about[key].about) for key in about]
        else:
            found.append(_field(name, hint, settings_of(TrainingConfig)[name].about))
    return tuple(found)


def shown(field: Field, value: Any) -> str:  # noqa: ANN401 - a setting's value
    """Write a value as it is typed into a form."""
    if field.kind == "switch":
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {each}" for key, each in value.items())
    if isinstance(value, (tuple, list)):
        return field.separator.join(str(each) for each in value)
    return yaml_number(value) if isinstance(value, float) else str(value)


def as_yaml(field: Field, typed: str) -> str:
    """Write what was typed as YAML; what makes no sense stays, so that its mistake is told."""
    typed = typed.strip()
    if field.kind == "switch":
        return {"yes": "true", "no": "false"}.get(typed.lower(), typed or "false")
    if field.kind == "choice":
        return _scalar(typed)
    if field.kind in ("whole", "number"):
        # Typed as people write numbers: 2e-4 is text to YAML.
        number = _NUMBER.fullmatch(typed)
        return yaml_number(float(typed)) if number and not typed.isdecimal() else _scalar(typed)
    if field.kind == "list":
        parts = [part.strip() for part in typed.strip("[]").split(field.separator.strip())]
        if typed in field.choices:
            return typed
        return f"[{', '.join(_scalar(part) for part in parts if part)}]"
    if field.kind == "mapping":
        pairs = [part.partition(":") for part in typed.strip("{}").split(",") if part.strip()]
        written = [f"{_scalar(key.strip())}: {_item(each.strip())}" for key, _, each in pairs]
        return f"{{{', '.join(written)}}}"
    return _text(typed)


def _field(key: str, hint: Any, about: str) -> Field:  # noqa: ANN401 - a type
    origin = get_origin(hint)
    if origin is Literal:
        return Field(key, "choice", about, tuple(str(each) for each in get_args(hint)))
    if origin in (Union, types.UnionType):
        words = [
            w for part in get_args(hint) if get_origin(part) is Literal for w in get_args(part)
        ]
        return Field(key, "list", about, tuple(words))
    kinds: dict[Any, Kind] = {bool: "switch", int: "whole", float: "number", str: "text"}
    kinds |= {tuple: "list", dict: "mapping"}
    return Field(key, kinds[origin or hint], about)


def _item(typed: str) -> str:
    return typed if _NUMBER.fullmatch(typed) else _scalar(typed)


def _scalar(typed: str) -> str:
    """Write a value whose type the reader looks at: numbers stay numbers, words are words."""
    return typed if _NUMBER.fullmatch(typed) else _text(typed)


def _text(typed: str) -> str:
    plain = _PLAIN.fullmatch(typed) and typed.lower() not in _MEANS_OTHERWISE
    return typed if plain else json.dumps(typed, ensure_ascii=False)
