"""Importing a data set: from files of any format to examples that are kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from ragopt_tui.errors import RagoptError
from ragopt_tui.plaintext import one_line
from ragopt_tui.training.data.detection import AUTO, Layout, layout_of
from ragopt_tui.training.data.documents import document_pieces
from ragopt_tui.training.data.example import Example, Problem
from ragopt_tui.training.data.record import SPLITS, DataSetRecord, Split
from ragopt_tui.training.data.rows import Row, read_rows
from ragopt_tui.training.data.sources import Source, is_hub_id, local_source
from ragopt_tui.training.data.splitting import Shares, Splits, split_examples
from ragopt_tui.training.data.store import DataSet, DataSetStore
from ragopt_tui.training.data.turns import BadRow

_SAMPLE, _SAMPLED_FILES = 50, 20
_EVERY = 500

Told = Callable[[str, float, float | None], None]
"""Learns what is done, how much of it and of how much (None if unknown); may raise to stop."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be imported and how it is read.

    `place` is a file, a folder or a repository of the hub. `columns` says which of the file's
    columns is which of the format's. `shares` split it; None keeps the splits that it comes in.
    """

    place: str
    name: str = ""
    format: str = AUTO
    columns: Mapping[str, str] = field(default_factory=dict)
    group: str = ""
    shares: Shares | None = None
    revision: str = "main"


@dataclass(frozen=True, slots=True)
class Read:
    """What was read: examples by split, what was left out, and how the files are laid out."""

    splits: Splits
    problems: list[Problem]
    format: str
    columns: dict[str, str]


def import_set(request: Request, store: DataSetStore, told: Told = lambda *_: None) -> DataSet:
    """Read what a request names and keep it; the same examples are kept once.

    Rows that cannot be used are left out and kept as problems. Raises RagoptError where none can
    be used, no format fits or the place cannot be read.
    """
    with source_of(request, told) as source:
        read = read_source(source, request, told)
    splits, splitting = read.splits, ""
    if request.shares is not None:
        splits = split_examples(all_of(splits), request.shares)
        splitting = request.shares.words
    record = DataSetRecord(
        id="",
        name=request.name or source.name,
        version="",
        format=read.format,
        created=0.0,
        rows={},
        origin=source.origin,
        columns=read.columns,
        group=request.group,
        splitting=splitting,
    )
    return store.add(record, splits, read.problems)


def read_source(source: Source, request: Request, told: Told = lambda *_: None) -> Read:
    """Read all of a source; raises RagoptError where nothing of it can be used."""
    if source.documents is not None:
        read = _documents(source.documents, request, told)
    else:
        read = _tables(source, request, told)
    if not any(read.splits.values()):
        raise _nothing(source, read.problems)
    return read


def all_of(splits: Mapping[Split, Sequence[Example]]) -> list[Example]:
    """Give the examples of all splits."""
    return [example for split in SPLITS for example in splits.get(split, ())]


def source_of(request: Request, told: Told = lambda *_: None) -> AbstractContextManager[Source]:
    """Find what a request names, fetching it from the hub for the time of a block.

    Raises RagoptError where there is nothing.
    """
    path = Path(request.place).expanduser()
    if is_hub_id(request.place) and not path.exists():
        from ragopt_tui.training.data.hub_source import hub_source

        return hub_source(request.place, request.revision, told)
    return nullcontext(local_source(path))


def _documents(path: Path, request: Request, told: Told) -> Read:
    if request.format not in (AUTO, "text") or request.columns or request.group:
        raise RagoptError(
            f"{path} holds documents, which are text to read on and have no columns.",
            "Give a data file, or leave format, columns and group out.",
        )
    examples: list[Example] = []
    problems: list[Problem] = []
    for piece in document_pieces(path, lambda done, of: told("reading documents", done, of)):
        problems.append(piece) if isinstance(piece, Problem) else examples.append(piece)
    return Read({"train": examples}, problems, "text", {})


def _tables(source: Source, request: Request, told: Told) -> Read:
    splits: Splits = {split: [] for split in SPLITS}
    problems: list[Problem] = []
    layout = _layout(source, request)
    done = 0
    for split, file in source.files:
        prefix = f"{file.name}, " if len(source.files) > 1 else ""
        for row in read_rows(file):
            done += 1
            if done % _EVERY == 0:
                told("reading rows", done, None)
            read = row if isinstance(row, Problem) else _example(row, layout)
            read = replace(read, place=prefix + read.place)
            problems.append(read) if isinstance(read, Problem) else splits[split].append(read)
    if layout is None:
        return Read(splits, problems, request.format, dict(request.columns))
    return Read(splits, problems, layout.format.name, dict(layout.columns))


def _layout(source: Source, request: Request) -> Layout | None:
    """Find out how files are laid out; None where no row of them can be read."""
    sample = sample_of(source)
    if not sample:
        return None
    try:
        return layout_of(
            columns_of(sample),
            [values for _, values in sample],
            format=request.format,
            chosen=request.columns,
            group=request.group,
        )
    except RagoptError as error:
        raise RagoptError(f"{source.origin.place}: {error.message}", error.hint) from error


def sample_of(source: Source) -> list[Row]:
    """Read the first rows of a source's files; raises RagoptError where a file cannot be read."""
    sample: list[Row] = []
    for _, file in source.files[:_SAMPLED_FILES]:
        rows = (row for row in read_rows(file) if not isinstance(row, Problem))
        sample += islice(rows, _SAMPLE)
    return sample


def columns_of(sample: Iterable[Row]) -> list[str]:
    """Give the columns of rows; those of JSON may leave out what is empty."""
    return list(dict.fromkeys(str(name) for _, values in sample for name in values))


def _example(row: Row, layout: Layout | None) -> Example | Problem:
    place, values = row
    assert layout is not None
    try:
        example = layout.example(values)
    except BadRow as error:
        return Problem(place, str(error))
    group = values.get(layout.group) if layout.group else None
    return replace(example, place=place, group="" if group is None else str(group))


def _nothing(source: Source, problems: Sequence[Problem]) -> RagoptError:
    if not problems:
        return RagoptError(f"There are no rows in {source.origin.place}.")
    reason, count = Counter(problem.reason for problem in problems).most_common(1)[0]
    return RagoptError(
        f"Nothing in {source.origin.place} can be trained on: all {len(problems)} rows are left "
        f"out, {count} of them for this: {one_line(reason, 200)}.",
        f"The first is {one_line(problems[0].place, 100)}.",
    )
