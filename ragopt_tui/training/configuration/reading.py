"""From YAML to the typed settings of a run, with every mistake named by key and line."""

from __future__ import annotations

import dataclasses
import difflib
import math
import re
import types
from collections.abc import Mapping
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import yaml

from ragopt_tui.errors import RagoptError
from ragopt_tui.plaintext import one_line
from ragopt_tui.training.configuration.values import Setting, TrainingConfig, settings_of

_NUMBER = re.compile(r"[-+]?(\d[\d_]*\.?\d*|\.\d+)([eE][-+]?\d+)?")
_ELSEWHERE = {
    "warmup_ratio": "Write training.warmup_steps; below 1 it is a share of all steps.",
    "bf16": "Write training.dtype: bf16.",
    "fp16": "Write training.dtype: fp16.",
    "tf32": "Write training.dtype: bf16.",
    "torch_dtype": "Write training.dtype.",
    "bnb_4bit_compute_dtype": "Write training.dtype; it computes in that.",
    "eval_strategy": "Write training.eval_steps; 0 is never.",
    "evaluation_strategy": "Write training.eval_steps; 0 is never.",
    "save_strategy": "Write training.save_steps; 0 is only at the end.",
    "per_device_eval_batch_size": "It evaluates with training.per_device_train_batch_size.",
    "max_seq_length": "Write training.max_length.",
    "model_name_or_path": "Write base.",
    "dataset_name": "Write data.set.",
    "output_dir": "Write name; the adapter goes into the library.",
}


class ConfigError(RagoptError):
    """A mistake in a configuration.

    `key` is as in `lora.r`, "" for the whole file; `line` counts from 1, 0 where there is none;
    `told` is the message without the place.
    """

    def __init__(
        self, message: str, hint: str = "", *, key: str = "", line: int = 0, told: str = ""
    ) -> None:
        super().__init__(message, hint)
        self.key = key
        self.line = line
        self.told = told or self.message


def read_values(text: str, where: str) -> tuple[TrainingConfig, list[ConfigError]]:
    """Give the settings of YAML, defaults where it is silent or wrong, and all that is wrong."""
    reader = _Reader(where)
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        values = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 0
        told = f"{where}, line {line}, is no YAML: {error.problem or error.context}."
        return TrainingConfig(), [ConfigError(one_line(told, 1000), line=line)]
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        told = f"{where} is no YAML: {one_line(str(error), 300)}."
        return TrainingConfig(), [ConfigError(told)]
    if values is None:
        values = {}
    if not isinstance(values, dict):
        told = f"{where} is no mapping of settings to values."
        return TrainingConfig(), [ConfigError(told, "Write lines such as `name: my-run`.", line=1)]
    if node is not None:
        reader.find_lines(node, "")
    config: TrainingConfig = reader.settings(TrainingConfig, values, "")
    return config, sorted(reader.errors, key=lambda error: error.line)


class _Reader:
    def __init__(self, where: str) -> None:
        self._where = where
        self._lines: dict[str, int] = {}
        self.errors: list[ConfigError] = []

    def find_lines(self, node: yaml.Node, path: str) -> None:
        """Keep the line of each key, and report keys that are there twice."""
        if not isinstance(node, yaml.MappingNode) or path.count(".") > 1:
            return
        for key, value in node.value:
            inner = f"{path}.{key.value}" if path else str(key.value)
            line = key.start_mark.line + 1
            if inner in self._lines:
                told = f"{self._where}, line {line}: {inner} is there twice."
                self.errors.append(ConfigError(told, "Keep one.", key=inner, line=line))
            self._lines[inner] = line
            self.find_lines(value, inner)

    def settings(self, kind: type[Any], values: Mapping[Any, Any], path: str) -> Any:  # noqa: ANN401
        """Make a dataclass of a mapping; what is wrong keeps its default."""
        known = settings_of(kind)
        hints = get_type_hints(kind)
        good: dict[str, Any] = {}
        for key, value in values.items():
            inner = f"{path}.{key}" if path else str(key)
            if key not in known:
                self._unknown(str(key), inner, list(known), path)
                continue
            try:
                good[key] = self._value(hints[key], value, inner, known[key])
            except _WrongError as wrong:
                self._add(f"{inner} {wrong.message}", wrong.hint, inner)
        return kind(**good)

    def _value(
        self,
        hint: Any,  # noqa: ANN401 - a type
        value: Any,  # noqa: ANN401 - a value of YAML
        path: str,
        setting: Setting,
    ) -> Any:  # noqa: ANN401
        if dataclasses.is_dataclass(hint):
            if value is None:
                return hint()  # type: ignore[operator]
            if not isinstance(value, dict):
                raise _WrongError(f"must be a mapping of settings, not {_shown(value)}.")
            return self.settings(hint, value, path)  # type: ignore[arg-type]
        made = _typed(hint, value)
        least, most = setting.least, setting.most
        if least is not None and most is not None and not least <= made <= most:
            raise _WrongError(f"must be from {least:,.12g} to {most:,.12g}, not {_shown(value)}.")
        return made

    def _unknown(self, key: str, path: str, names: list[str], section: str) -> None:
        near = difflib.get_close_matches(key.lower(), names, n=1)
        homes = [f"{part}.{key}" for part, inside in _sections().items() if key in inside]
        if key in _ELSEWHERE:
            hint = _ELSEWHERE[key]
        elif homes:
            hint = f"It belongs to {homes[0]}."
        elif near:
            hint = f"Did you mean {near[0]}?"
        else:
            everywhere = [
                f"{part}.{name}" if part else name
                for part, inside in _sections().items()
                for name in inside
            ]
            far = difflib.get_close_matches(path.lower(), everywhere, n=1)
            hint = f"Did you mean {far[0]}?" if far else f"Known: {', '.join(names)}."
        self._add(f"{path} is no setting", hint, path, end=".")

    def _add(self, message: str, hint: str, path: str, end: str = "") -> None:
        line = self._lines.get(path, 0)
        at = f", line {line}" if line else ""
        told = one_line(f"{message}{end}", 1000)
        placed = f"{self._where}{at}: {told}"
        self.errors.append(ConfigError(placed, hint, key=path, line=line, told=told))


class _WrongError(Exception):
    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


def _sections() -> dict[str, list[str]]:
    """Give the names of the settings of each part, the outermost under ""."""
    found: dict[str, list[str]] = {"": []}
    for name, hint in get_type_hints(TrainingConfig).items():
        found[""].append(name)
        if dataclasses.is_dataclass(hint):
            found[name] = [item.name for item in dataclasses.fields(hint)]
    return found


def _typed(hint: Any, value: Any) -> Any:  # noqa: ANN401 - of any type
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return _either(get_args(hint), value)
    if origin is Literal:
        return _choice(get_args(hint), value)
    if origin is tuple:
        return _list(get_args(hint)[0], value)
    if origin is dict:
        return _mapping(get_args(hint)[1], value)
    if hint is str:
        return _text(value)
    if hint is bool:
        if type(value) is not bool:
            raise _WrongError(f"must be true or false, not {_shown(value)}.")
        return value
    return _number(hint, value)


def _either(hints: tuple[Any, ...], value: Any) -> Any:  # noqa: ANN401
    """Read a list, or one of the words that may stand in its place."""
    words = [word for hint in hints if get_origin(hint) is Literal for word in get_args(hint)]
    if isinstance(value, str):
        if value in words:
            return value
        raise _WrongError(
            f"must be a list or {', '.join(words)}, not {_shown(value)}.", f"Write [{value}]."
        )
    return next(_typed(hint, value) for hint in hints if get_origin(hint) is tuple)


def _choice(choices: tuple[str, ...], value: Any) -> str:  # noqa: ANN401
    if isinstance(value, str) and value in choices:
        return value
    near = difflib.get_close_matches(str(value).lower(), choices, n=1)
    raise _WrongError(
        f"must be one of {', '.join(choices)}, not {_shown(value)}.",
        f"Did you mean {near[0]}?" if near else "",
    )


def _list(hint: Any, value: Any) -> tuple[Any, ...]:  # noqa: ANN401
    if value is None:
        return ()
    if not isinstance(value, list):
        raise _WrongError(f"must be a list, not {_shown(value)}.", "Write [a, b].")
    return tuple(_typed(hint, each) for each in value)


def _mapping(hint: Any, value: Any) -> dict[str, Any]:  # noqa: ANN401
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _WrongError(f"must be a mapping, not {_shown(value)}.", "Write {name: value}.")
    return {_text(key): _typed(hint, each) for key, each in value.items()}


def _text(value: Any) -> str:  # noqa: ANN401
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _WrongError(f"must be text, not {_shown(value)}.", "Put it in quotes.")
    return value


def _number(hint: type[int] | type[float], value: Any) -> int | float:  # noqa: ANN401
    kind = "a whole number" if hint is int else "a number"
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        number = float(value.replace("_", ""))
        raise _WrongError(
            f'must be {kind}; "{one_line(value, 40)}" is text.',
            f"YAML reads it as a number when it is written {yaml_number(number)}, without quotes"
            + (" and with a point before the e." if "e" in value.lower() else "."),
        )
    right = type(value) is int or (hint is float and type(value) is float)
    if not right or not math.isfinite(value):
        raise _WrongError(f"must be {kind}, not {_shown(value)}.")
    made: int | float = hint(value)
    return made


def yaml_number(number: float) -> str:
    """Write a number such that YAML reads it as one: 2.0e-4, not 2e-4."""
    if number and not 1e-3 <= abs(number) < 1e6:
        mantissa, exponent = f"{number:e}".split("e")
        digits = mantissa.rstrip("0")
        return f"{digits}{'0' if digits.endswith('.') else ''}e{int(exponent):+d}"
    return f"{number:g}"


def _shown(value: Any) -> str:  # noqa: ANN401
    if isinstance(value, str):
        return f'"{one_line(value, 60)}"'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return "nothing" if value is None else one_line(str(value), 60)
