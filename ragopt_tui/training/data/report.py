"""What is worth knowing of a data set before it is trained on."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ragopt_tui.training.data.example import Example, Problem
from ragopt_tui.training.data.overlap import Overlap, overlap_of
from ragopt_tui.training.data.record import SPLITS, DataSetRecord, Split
from ragopt_tui.training.data.rendered_set import RenderedSet, rendered_set
from ragopt_tui.training.data.rendering import Renderer
from ragopt_tui.training.data.store import DataSet

_BINS = 16
_SHOWN = 50
_NUMBER = re.compile(r"\d+(?= tokens)")

Told = Callable[[str, float, float | None], None]


@dataclass(frozen=True, slots=True)
class Bin:
    """How many rows have from `start` to below `end` tokens."""

    start: int
    end: int
    rows: int


@dataclass(frozen=True, slots=True)
class TokenReport:
    """A split as one model reads it; lengths are in tokens, before rows are cut to `max_length`.

    `truncated` counts those that lose their end or evidence; `truncated_rows` and `left_out_rows` are
    the first ones. `left_out` counts rows by the reason why nothing of them is trained on, `notes`
    those whose mask is coarser than asked for. `tokens` are those after the cut, `loss_tokens` such with loss.
    """

    rows: int
    truncated: int
    truncated_rows: tuple[str, ...]
    left_out: dict[str, int]
    left_out_rows: tuple[Problem, ...]
    notes: dict[str, int]
    shortest: int
    median: int
    longest: int
    tokens: int
    loss_tokens: int
    histogram: tuple[Bin, ...]


@dataclass(frozen=True, slots=True)
class SetReport:
    """All of it; `tokens` is empty where no model was named. `problems` are the first ones."""

    record: DataSetRecord
    problems: tuple[Problem, ...]
    overlap: Overlap
    groups: dict[Split, int]
    with_evidence: int
    tokens: dict[Split, TokenReport]

    def to_json(self) -> dict[str, Any]:
        """Give the values as JSON has them."""
        return asdict(self)


def report_on(
    data: DataSet, renderer: Renderer | None = None, told: Told = lambda *_: None
) -> SetReport:
    """Look through a stored set, and, for a model, render all of it.

    Raises RagoptError where the set cannot be read, or no dialogue can be rendered.
    """
    splits = {split: list(data.examples(split)) for split in SPLITS}
    tokens: dict[Split, TokenReport] = {}
    for split in SPLITS if renderer else ():
        assert renderer is not None
        if splits[split]:
            tokens[split] = _tokens_of(split, splits[split], renderer, told)
    return SetReport(
        record=data.record,
        problems=tuple(data.problems()[:_SHOWN]),
        overlap=overlap_of(splits),
        groups={split: _groups(splits[split]) for split in SPLITS},
        with_evidence=sum(bool(each.evidence) for known in splits.values() for each in known),
        tokens=tokens,
    )


def token_report(rendered: RenderedSet) -> TokenReport:
    """Count what a rendered split has."""
    lengths = sorted(row.length for row in rendered.rows)
    return TokenReport(
        rows=len(rendered.rows),
        truncated=len(rendered.truncated),
        truncated_rows=rendered.truncated[:_SHOWN],
        left_out=_counted(_NUMBER.sub("…", problem.reason) for problem in rendered.left_out),
        left_out_rows=rendered.left_out[:_SHOWN],
        notes=_counted(row.note for row in rendered.rows if row.note),
        shortest=lengths[0] if lengths else 0,
        median=lengths[len(lengths) // 2] if lengths else 0,
        longest=lengths[-1] if lengths else 0,
        tokens=sum(len(row.ids) for row in rendered.rows),
        loss_tokens=sum(sum(row.loss) for row in rendered.rows),
        histogram=histogram(lengths),
    )


def histogram(lengths: Sequence[int]) -> tuple[Bin, ...]:
    """Give at most 16 bins of one width, a power of two, from 0 to the longest."""
    if not lengths:
        return ()
    width = 1 << max(0, math.ceil(math.log2((max(lengths) + 1) / _BINS)))
    counts = Counter(length // width for length in lengths)
    return tuple(Bin(at * width, (at + 1) * width, counts[at]) for at in range(max(counts) + 1))


def _tokens_of(
    split: Split, examples: Sequence[Example], renderer: Renderer, told: Told
) -> TokenReport:
    total = len(examples)
    rendered = rendered_set(
        examples, renderer, lambda done: told(f"rendering {split}", done, total)
    )
    return token_report(rendered)


def _groups(examples: Sequence[Example]) -> int:
    return len({each.group for each in examples if each.group})


def _counted(reasons: Iterable[str]) -> dict[str, int]:
    return dict(Counter(reasons).most_common())
