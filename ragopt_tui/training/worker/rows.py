"""The rows of a run: a data set's examples as tokens and labels, packed where that is asked for."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from datasets import Dataset, Features, Value
from datasets import Sequence as Listed
from trl.data_utils import pack_dataset

from ragopt_tui.errors import RagoptError
from ragopt_tui.jobs.events import Reporter
from ragopt_tui.training.data.example import Example
from ragopt_tui.training.data.rendered import LeftOut
from ragopt_tui.training.data.rendering import Renderer
from ragopt_tui.training.worker.fused_loss import NO_LOSS

_SECONDS_BETWEEN_REPORTS = 0.5
_TOKENS = Listed(Value("int32"))
_FEATURES = Features({"input_ids": _TOKENS, "labels": _TOKENS})


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows ready for the trainer; `left_out` counts examples of which nothing would be learnt."""

    dataset: Any
    lengths: tuple[int, ...]
    """Tokens of each example."""

    left_out: int = 0
    truncated: int = 0

    @property
    def examples(self) -> int:
        """How many examples there are."""
        return len(self.lengths)


def rendered_rows(
    examples: Iterable[Example], renderer: Renderer, report: Reporter, total: int, what: str
) -> Rows:
    """Render examples; says how far it is, and raises JobCancelled if the job is cancelled."""
    ids: list[Sequence[int]] = []
    labels: list[Sequence[int]] = []
    left_out = truncated = seen = 0
    told = 0.0
    for seen, example in enumerate(examples, start=1):
        try:
            row = renderer.render(example)
        except LeftOut:
            left_out += 1
            continue
        truncated += row.truncated
        ids.append(row.ids)
        labels.append([id if kept else NO_LOSS for id, kept in zip(row.ids, row.loss, strict=True)])
        if time.monotonic() - told > _SECONDS_BETWEEN_REPORTS:
            told = time.monotonic()
            report.raise_if_cancelled()
            report.progress(f"reading {what}", seen, total, "examples")
    dataset = Dataset.from_dict({"input_ids": ids, "labels": labels}, features=_FEATURES)
    return Rows(dataset, tuple(map(len, ids)), left_out, truncated)


def packed(rows: Rows, max_length: int) -> Rows:
    """Put several examples into each row of at most `max_length` tokens, each of them whole.

    Each keeps its own positions, by which the attention of one never sees another.
    """
    return replace(rows, dataset=pack_dataset(rows.dataset, max_length, "bfd"))


def check_rows(rows: Rows, name: str) -> None:
    """Raise RagoptError where no example is left to train on."""
    if not rows.examples:
        raise RagoptError(
            f"None of the {rows.left_out} examples of {name} can be trained on.",
            "`ragopt-tui data show` says why each is left out.",
        )
