"""The data sets of an axolotl configuration as the one of ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ragopt_tui.training.configuration.axolotl_keys import FORMATS

_WORDING = "The model's own chat template words the prompt, not axolotl's."
_IGNORED = ("path", "type", "ds_type", "data_files", "format")
_FIELDS = {
    "field_instruction": "instruction",
    "field_input": "input",
    "field_output": "output",
    "field_system": "system",
}


@dataclass(frozen=True, slots=True)
class LeftOver:
    """What of the data sets was not taken over: key such as `[0].type`, value and reason."""

    key: str
    value: Any
    reason: str


def data_of(sets: Any) -> tuple[dict[str, Any], list[LeftOver]]:  # noqa: ANN401 - a value of YAML
    """Give our settings of the first data set, and what was not taken over."""
    if isinstance(sets, str | dict):
        sets = [sets]
    if not isinstance(sets, list) or not sets:
        return {}, []
    first = sets[0] if isinstance(sets[0], dict) else {"path": sets[0]}
    left = list(_others(sets))
    made: dict[str, Any] = {"data.set": str(_file(first))}
    kind = first.get("type")
    if isinstance(kind, dict):
        made |= {"data.format": "alpaca", "data.template": "chat"}
        columns = {ours: kind[key] for key, ours in _FIELDS.items() if kind.get(key)}
        made["data.columns"] = columns
        left += [
            LeftOver(f"[0].type.{key}", value, _WORDING)
            for key, value in kind.items()
            if key not in _FIELDS and value
        ]
    else:
        made |= _of_type(str(kind or ""), left, kind)
    left += _rest(first, made)
    return made, left


def _file(first: Mapping[str, Any]) -> Any:  # noqa: ANN401
    """Give the file of a data set: its path, or the one file of a folder or repository."""
    files = first.get("data_files")
    named = files[0] if isinstance(files, list) and len(files) == 1 else files
    path = str(first.get("path") or "")
    if isinstance(named, str) and path in ("json", "csv", "parquet", "arrow", "text"):
        return named
    return path


def _of_type(kind: str, left: list[LeftOver], value: Any) -> dict[str, Any]:  # noqa: ANN401
    plain = kind.split(":")[0].split(".")[0]
    known = FORMATS.get(plain)
    if known is None:
        if kind:
            left.append(LeftOver("[0].type", value, "The format is found out from the file."))
        return {"data.format": "auto"}
    if known == "text":
        return {"data.format": known, "data.template": "none", "data.completion_only_loss": False}
    if known == "alpaca":
        left.append(LeftOver("[0].type", value, f"It is format: {known}. {_WORDING}"))
    return {"data.format": known, "data.template": "chat"}


def _others(sets: list[Any]) -> Iterator[LeftOver]:
    for at, each in enumerate(sets[1:], start=1):
        path = each.get("path") if isinstance(each, dict) else each
        yield LeftOver(f"[{at}]", path, "A run has one data set: join the files into one.")


def _rest(first: Mapping[str, Any], made: dict[str, Any]) -> Iterator[LeftOver]:
    """Take over columns that are named, and give the keys of a data set that have no place."""
    columns = made.setdefault("data.columns", {})
    for key, value in first.items():
        if key in _IGNORED or value in (None, "", False, [], {}):
            continue
        if key == "field_messages" and made["data.format"] in ("messages", "sharegpt"):
            own = "messages" if made["data.format"] == "messages" else "conversations"
            columns[own] = value
        elif key == "field" and made["data.format"] == "text":
            columns["text"] = value
        elif key == "split" and value == "train":
            continue
        else:
            yield LeftOver(f"[0].{key}", value, "Rows are read as the format says.")
    if not columns:
        made.pop("data.columns")
