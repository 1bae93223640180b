"""What an import would give, without keeping it: for whoever chooses format and columns."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from ragopt_tui.errors import RagoptError
from ragopt_tui.training.data.example import Example, Problem
from ragopt_tui.training.data.importing import (
    Read,
    Request,
    Told,
    all_of,
    columns_of,
    read_source,
    sample_of,
    source_of,
)
from ragopt_tui.training.data.record import SPLITS, Split
from ragopt_tui.training.data.sources import Source
from ragopt_tui.training.data.splitting import split_examples

_SHOWN_ROWS, _SHOWN_PROBLEMS = 3, 50


@dataclass(frozen=True, slots=True)
class Check:
    """What is there and what would be kept of it.

    `available` are the columns that there are, `columns` those that the format reads. Where nothing
    would be kept, `problem` and `hint` say why. `left_out` counts rows, `problems` are the first.
    """

    name: str
    available: tuple[str, ...]
    format: str = ""
    columns: dict[str, str] | None = None
    rows: dict[Split, int] | None = None
    sample: tuple[dict[str, Any], ...] = ()
    left_out: int = 0
    problems: tuple[Problem, ...] = ()
    problem: str = ""
    hint: str = ""

    def to_json(self) -> dict[str, Any]:
        """Give the values as JSON has them."""
        return asdict(self)


def check(request: Request, told: Told = lambda *_: None) -> Check:
    """Read all that a request names and say what it would give.

    Raises RagoptError where the place itself cannot be read.
    """
    with source_of(request, told) as source:
        available = tuple(columns_of(sample_of(source)))
        try:
            read = read_source(source, request, told)
            splits = read.splits
            if request.shares is not None:
                splits = split_examples(all_of(splits), request.shares)
        except RagoptError as error:
            return Check(source.name, available, problem=error.message, hint=error.hint)
    return _told(source, available, read, splits)


def _told(
    source: Source, available: tuple[str, ...], read: Read, splits: dict[Split, list[Example]]
) -> Check:
    shown = all_of(splits)[:_SHOWN_ROWS]
    return Check(
        name=source.name,
        available=available,
        format=read.format,
        columns=read.columns,
        rows={split: len(splits.get(split, ())) for split in SPLITS},
        sample=tuple(example.to_json() for example in shown),
        left_out=len(read.problems),
        problems=tuple(read.problems[:_SHOWN_PROBLEMS]),
    )
