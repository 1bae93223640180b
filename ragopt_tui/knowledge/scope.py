"""The scope of a question: the companies and periods that it asks about."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

FilterKind = Literal["company", "period"]
FilterState = Literal["used", "relaxed", "removed"]


@dataclass(frozen=True, slots=True)
class Filter:
    """One company or period that a question names; those of one kind hold in the alternative.

    `value` is as it is shown: `Tarnbrook Instruments plc`, `FY2023`, `Q3 2022`, `31 Dec 2023`.
    `said` are the words of the question that it was read from. `state` is `used` where the search
    kept to it, `relaxed` where it left too little and only orders, `removed` where the user took
    it away.
    """

    kind: FilterKind
    value: str
    said: str
    state: FilterState

    def to_json(self) -> dict[str, Any]:
        """Give the filter as JSON-ready values; `from_json` reverses it."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Filter:
        """Rebuild a filter from `to_json`'s values."""
        return cls(**values)


@dataclass(frozen=True, slots=True)
class OtherScope:
    """What citation `[citation]` shows is about `found`, where `asked` was asked for."""

    citation: int
    kind: FilterKind
    asked: str
    found: str

    def to_json(self) -> dict[str, Any]:
        """Give it as JSON-ready values; `from_json` reverses it."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> OtherScope:
        """Rebuild it from `to_json`'s values."""
        return cls(**values)
