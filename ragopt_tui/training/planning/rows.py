"""The rows that a run would train on, and how long they are, without keeping any."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragopt_tui.errors import RagoptError
from ragopt_tui.models.model_files import TOKENIZER_FILES
from ragopt_tui.training.configuration.planned_base import Base
from ragopt_tui.training.configuration.values import DataChoice, TrainingConfig
from ragopt_tui.training.data.example import Example
from ragopt_tui.training.data.importing import Request, read_source
from ragopt_tui.training.data.rendered import LeftOut
from ragopt_tui.training.data.run_data import data_of
from ragopt_tui.training.data.sources import is_hub_id, local_source
from ragopt_tui.training.data.splitting import Shares, split_examples
from ragopt_tui.training.data.store import DataSet, DataSetStore
from ragopt_tui.training.planning.cache import remembered, state_of
from ragopt_tui.training.planning.steps import RowLengths

if TYPE_CHECKING:
    from ragopt_tui.training.data.rendering import Renderer

_MOST_LOOKED_AT = 2000


@dataclass(frozen=True, slots=True)
class _Sides:
    """What is trained on and what is held out; examples can be gone through once."""

    train: Iterable[Example]
    count: int
    validation: int


def planned_rows(config: TrainingConfig, base: Base) -> RowLengths | None:
    """Look at the data set of a configuration; None where it is on the hub or none is named.

    What was looked at before is remembered. Raises RagoptError where it cannot be used.
    """
    choice = config.data
    if not choice.set:
        return None
    path = Path(choice.set).expanduser()
    try:
        known = DataSetStore().find(choice.set)
    except RagoptError:
        if path.exists():
            return _remembered(config, base, state_of(path), lambda: _of_file(path, choice))
        if is_hub_id(choice.set):
            return None
        raise
    state = [known.id, known.record.version]
    return _remembered(config, base, state, lambda: _of_set(known, choice))


def is_stored(choice: DataChoice) -> bool:
    """Whether a set is named that was imported before, not a file."""
    try:
        DataSetStore().find(choice.set)
    except RagoptError:
        return False
    return bool(choice.set)


def _remembered(
    config: TrainingConfig, base: Base, state: list[Any], sides: Callable[[], _Sides]
) -> RowLengths:
    if Path(config.data.set).expanduser().is_dir():
        # Whether anything in a folder changed is not seen from outside.
        return _lengths(config, base, sides())
    what = ["rows", state, asdict(config.data), config.training.max_length, _words(base)]
    made = remembered(what, lambda: asdict(_lengths(config, base, sides())))
    return RowLengths(**(made | {"lengths": tuple(made["lengths"])}))


def _words(base: Base) -> list[Any]:
    """Give what of a base the tokens of a row depend on."""
    files = [base.folder / name for name in TOKENIZER_FILES] if base.folder else []
    return [state_of(*files), base.chat_template, base.builtin]


def _lengths(config: TrainingConfig, base: Base, sides: _Sides) -> RowLengths:
    renderer = _renderer(config, base)
    if renderer is None:
        return RowLengths(sides.count, (), validation_rows=sides.validation)
    every = max(1, math.ceil(sides.count / _MOST_LOOKED_AT))
    lengths, truncated, left_out = [], 0, 0
    for example in islice(sides.train, 0, None, every):
        try:
            rendered = renderer.render(example)
        except LeftOut:
            left_out += 1
            continue
        lengths.append(len(rendered.ids))
        truncated += rendered.truncated
    looked_at = len(lengths) + left_out
    of_all = sides.count / looked_at if looked_at else 1.0
    left = round(left_out * of_all)
    cut = round(truncated * of_all)
    return RowLengths(sides.count - left, tuple(lengths), cut, left, sides.validation)


def _of_set(known: DataSet, choice: DataChoice) -> _Sides:
    data = data_of(choice, known)
    return _Sides(data.train, data.train_count, len(data.validation))


def _of_file(path: Path, choice: DataChoice) -> _Sides:
    """Read a file and split it as a run would that imports it."""
    request = Request(str(path), format=choice.format, columns=choice.columns, group=choice.group)
    splits = read_source(local_source(path), request).splits
    shares = Shares(
        validation=0 if splits.get("validation") else choice.validation,
        test=0 if splits.get("test") else choice.test,
    )
    drawn = split_examples(splits["train"], shares)
    held_out = drawn["validation"] or splits.get("validation", [])
    return _Sides(drawn["train"], len(drawn["train"]), len(held_out) if choice.validation else 0)


def _renderer(config: TrainingConfig, base: Base) -> Renderer | None:
    if base.folder is None:
        return None
    from ragopt_tui.chat.backends.transformers_loading import load_tokenizer
    from ragopt_tui.training.data.rendering import Renderer

    return Renderer(
        load_tokenizer(base.folder),
        template=config.data.template,
        completion_only=config.data.completion_only_loss,
        max_length=config.training.max_length,
        builtin=base.builtin,
        chat_template=base.chat_template,
    )
