"""`ragopt-tui data`: import, list, split, export, remove and restore data sets."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from ragopt_tui.plaintext import one_line
from ragopt_tui.training.data.checking import check
from ragopt_tui.training.data.example import Problem
from ragopt_tui.training.data.exporting import export_set
from ragopt_tui.training.data.importing import Request, Told, all_of, import_set
from ragopt_tui.training.data.record import SPLITS, DataSetRecord
from ragopt_tui.training.data.splitting import Shares, split_examples
from ragopt_tui.training.data.store import DataSetStore

_SHOWN_PROBLEMS = 10


def import_data(request: Request, only_check: bool, as_json: bool) -> int:
    """Import a data set, or with `only_check` only say what would be kept."""
    with following() as told:
        if only_check:
            return _check(request, told, as_json)
        data = import_set(request, DataSetStore(), told)
    if as_json:
        problems = [problem.to_json() for problem in data.problems()]
        print_json(data.record.to_json() | {"left_out": problems})
        return 0
    print(f"{data.id}: {in_words(data.record)}")
    print_problems(data.problems(), data.record.problems)
    return 0


def list_sets(removed: bool, as_json: bool) -> int:
    """Print all data sets, or those in the trash."""
    store = DataSetStore()
    records = [data.record for data in (store.removed() if removed else store.sets())]
    if as_json:
        print_json({"sets": [record.to_json() for record in records]})
        return 0
    width = max((len(record.id) for record in records), default=0)
    for record in records:
        print(f"{record.id:<{width}}  {in_words(record)}")
    if not records:
        empty = "The trash is empty." if removed else "There are no data sets."
        print(empty, file=sys.stderr)
    return 0


def split_set(name: str, shares: Shares, new_name: str, as_json: bool) -> int:
    """Keep a set anew with other splits; the one that it is made of stays as it is."""
    store = DataSetStore()
    data = store.find(name)
    before = {split: list(data.examples(split)) for split in SPLITS}
    splits = split_examples(all_of(before), shares)
    old = data.record
    record = replace(
        old,
        name=new_name or old.name,
        origin=replace(old.origin, made_from=f"{old.id}@{old.version}"),
        splitting=shares.words,
    )
    made = store.add(record, splits, data.problems()).record
    if as_json:
        print_json(made.to_json())
    else:
        print(f"{made.id}: {in_words(made)}")
    return 0


def export_data(name: str, out: str | None, kind: str, as_json: bool) -> int:
    """Write a set to a file, or to a folder with a file for each split."""
    data = DataSetStore().find(name)
    several = sum(bool(count) for count in data.record.rows.values()) > 1
    usual = data.id if several else f"{data.id}.{kind or 'jsonl'}"
    files = export_set(data, Path(out).expanduser() if out else Path(usual), kind)
    if as_json:
        print_json({"files": [str(file) for file in files]})
    else:
        for file in files:
            print(file)
    return 0


def remove_set(name: str, as_json: bool) -> int:
    """Move a set to the trash."""
    store = DataSetStore()
    id = store.find(name).id
    store.remove(id)
    if as_json:
        print_json({"set": id})
    else:
        print(f"{id} is in the trash: `ragopt-tui data restore {id}` brings it back")
    return 0


def restore_set(id: str, as_json: bool) -> int:
    """Take a set out of the trash."""
    record = DataSetStore().restore(id).record
    if as_json:
        print_json(record.to_json())
    else:
        print(f"{record.id}: {in_words(record)}")
    return 0


def in_words(record: DataSetRecord) -> str:
    """Say what a set is: its format, how many examples each split has, and where it is from."""
    counts = [f"{record.rows[split]:,} {split}" for split in SPLITS if record.rows[split]]
    parts = [record.name, record.format, ", ".join(counts), record.origin.place]
    return one_line(" · ".join(part for part in parts if part), 1000)


def print_problems(problems: list[Problem] | tuple[Problem, ...], count: int) -> None:
    """Print the first rows that were left out, on standard error."""
    if not count:
        return
    print(f"{count:,} left out:", file=sys.stderr)
    for problem in problems[:_SHOWN_PROBLEMS]:
        print(f"  {one_line(f'{problem.place}: {problem.reason}', 300)}", file=sys.stderr)
    if count > _SHOWN_PROBLEMS:
        print(f"  and {count - _SHOWN_PROBLEMS:,} more", file=sys.stderr)


@contextmanager
def following() -> Iterator[Told]:
    """Show on standard error how far the work within the block is, on a terminal only."""
    console = Console(stderr=True)
    with console.status("reading") as status:

        def told(stage: str, done: float, total: float | None) -> None:
            of = "" if total is None else f" of {total:,.0f}"
            status.update(f"{stage}: {done:,.0f}{of}")

        yield told


def print_json(values: dict[str, Any]) -> None:
    """Print one line of JSON."""
    print(json.dumps(values, ensure_ascii=False))


def _check(request: Request, told: Told, as_json: bool) -> int:
    found = check(request, told)
    if as_json:
        print_json(found.to_json())
        return 0
    rows: dict[str, str] = {
        "columns": ", ".join(found.available),
        "format": found.format,
        "read": ", ".join(f"{what} from {name}" for what, name in (found.columns or {}).items()),
        "rows": ", ".join(f"{n:,} {split}" for split, n in (found.rows or {}).items() if n),
        "problem": f"{found.problem} {found.hint}".strip(),
    }
    for label, value in rows.items():
        if value:
            print(f"{label:<10} {one_line(value, 1000)}")
    print_problems(found.problems, found.left_out)
    return 1 if found.problem else 0
