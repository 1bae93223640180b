"""What is kept of a data set beside its examples: dataset.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args

from ragopt_tui.errors import RagoptError

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a set came from.

    `place` is a file or folder, absolute, or a repository of the hub at `revision`. `sha256` is of
    a single file. `made_from` is the set that it was split from, as `id@version`.
    """

    place: str = ""
    revision: str = ""
    sha256: str = ""
    licence: str = ""
    made_from: str = ""


@dataclass(frozen=True, slots=True)
class DataSetRecord:
    """A stored set; it never changes, but for its name.

    `version` is the hash of its examples by split. `columns` says what the format's columns are
    called in the source, `group` which one it is grouped by. `problems` counts the rows left out.
    `splitting` says how it was split here, in words, "" where it was not.
    """

    id: str
    name: str
    version: str
    format: str
    created: float
    rows: dict[Split, int]
    origin: Origin = field(default_factory=Origin)
    columns: dict[str, str] = field(default_factory=dict)
    group: str = ""
    problems: int = 0
    splitting: str = ""

    @property
    def count(self) -> int:
        """How many examples it has."""
        return sum(self.rows.values())

    def to_json(self) -> dict[str, Any]:
        """Give JSON-ready values; `read_record` reverses it."""
        return asdict(self)


def read_record(file: Path) -> DataSetRecord:
    """Read a dataset.json; its folder's name is the id. Raises RagoptError with what is wrong."""
    try:
        values = json.loads(file.read_bytes())
        if not isinstance(values, dict):
            raise ValueError("it holds no JSON object")
        origin = Origin(**_known(Origin, values.get("origin") or {}))
        rows = {split: int(values["rows"].get(split, 0)) for split in SPLITS}
        rest = _known(DataSetRecord, values) | {"id": file.parent.name}
        return DataSetRecord(**(rest | {"origin": origin, "rows": rows}))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise RagoptError(
            f"The data set {file.parent.name} cannot be read: {reason}.",
            "Remove it and import it again.",
        ) from error


def _known(kind: type[Any], values: Mapping[str, Any]) -> dict[str, Any]:
    names = {each.name for each in fields(kind)}
    return {name: value for name, value in values.items() if name in names}
