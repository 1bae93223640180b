"""The rows that a run would train on, and how long they are, without keeping any."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

from ragopt_tui.errors import RagoptError
from ragopt_tui.training.config_values import DataChoice, TrainingConfig
from ragopt_tui.training.data.example import Example
from ragopt_tui.training.data.importing import Request, read_source
from ragopt_tui.training.data.rendered import LeftOut
from ragopt_tui.training.data.rendering import Renderer
from ragopt_tui.training.data.sources import is_hub_id, local_source
from ragopt_tui.training.data.store import DataSetStore
from ragopt_tui.training.plan_steps import RowLengths
from ragopt_tui.training.planned_base import Base

_MOST_LOOKED_AT = 2000

Side = Literal["validation", "test"]


@dataclass(frozen=True, slots=True)
class _Source:
    """Examples to train on, and how many rows there are of each side."""

    train: Callable[[], Iterable[Example]]
    rows: int
    validation: int
    test: int


def planned_rows(config: TrainingConfig, base: Base) -> RowLengths | None:
    """Look at the data set of a configuration; None where it is on the hub or none is named.

    Raises RagoptError where it cannot be used.
    """
    source = _source(config.data)
    if source is None:
        return None
    kept = {
        "validation": source.validation or _share(config.data.validation, source.rows),
        "test": source.test or _share(config.data.test, source.rows),
    }
    split_off = (0 if source.validation else kept["validation"]) + (
        0 if source.test else kept["test"]
    )
    if split_off >= source.rows:
        raise RagoptError(
            f"Validation and test would take {split_off} rows, the data set has {source.rows}: "
            "nothing is left to train on.",
            "Make data.validation smaller.",
        )
    validation = kept["validation"] if config.data.validation else 0
    rows = source.rows - split_off
    renderer = _renderer(config, base)
    if renderer is None:
        return RowLengths(rows, (), validation_rows=validation)
    lengths, truncated, left_out = _looked_at(source, renderer)
    looked_at = len(lengths) + left_out
    of_all = rows / looked_at if looked_at else 1.0
    left = round(left_out * of_all)
    cut = round(truncated * of_all)
    return RowLengths(rows - left, tuple(lengths[: rows - left]), cut, left, validation)


def _looked_at(source: _Source, renderer: Renderer) -> tuple[list[int], int, int]:
    """Render rows evenly chosen; gives their lengths, and how many are cut and left out."""
    lengths, truncated, left_out = [], 0, 0
    every = max(1, math.ceil(source.rows / _MOST_LOOKED_AT))
    for example in islice(source.train(), 0, None, every):
        try:
            rendered = renderer.render(example)
        except LeftOut:
            left_out += 1
            continue
        lengths.append(len(rendered.ids))
        truncated += rendered.truncated
    return lengths, truncated, left_out


def _source(choice: DataChoice) -> _Source | None:
    if not choice.set:
        return None
    path = Path(choice.set).expanduser()
    try:
        known = DataSetStore().find(choice.set)
    except RagoptError:
        if path.exists():
            return _of_file(path, choice)
        if is_hub_id(choice.set):
            return None
        raise
    rows = known.record.rows
    return _Source(lambda: known.examples("train"), rows["train"], rows["validation"], rows["test"])


def _of_file(path: Path, choice: DataChoice) -> _Source:
    request = Request(str(path), format=choice.format, columns=choice.columns, group=choice.group)
    splits = read_source(local_source(path), request).splits
    train: Sequence[Example] = splits["train"]
    sides = [len(splits.get(side, ())) for side in ("validation", "test")]
    return _Source(lambda: train, len(train), sides[0], sides[1])


def _share(value: float, rows: int) -> int:
    return max(1, round(value * rows)) if 0 < value < 1 else int(value)


def _renderer(config: TrainingConfig, base: Base) -> Renderer | None:
    if base.folder is None:
        return None
    from ragopt_tui.chat.backends.transformers_loading import load_tokenizer

    return Renderer(
        load_tokenizer(base.folder),
        template=config.data.template,
        completion_only=config.data.completion_only_loss,
        max_length=config.training.max_length,
        builtin=base.builtin,
        chat_template=base.chat_template,
    )
