"""Writing a data set to files that other programs read."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ragopt_tui.errors import RagoptError
from ragopt_tui.training.data.example import Example
from ragopt_tui.training.data.record import SPLITS, DataSetRecord, Split
from ragopt_tui.training.data.store import DataSet

KINDS = ("jsonl", "csv", "parquet")


def export_set(data: DataSet, target: Path, kind: str = "") -> list[Path]:
    """Write a set as JSON lines, CSV or Parquet, and give the files written.

    A set of one split becomes the file `target`; of several, a folder with `train.jsonl` and so on.
    `kind` is taken from the file's ending where it is "". Dialogues are written as `messages` and
    `evidence`, in CSV as question, answer and evidence. A set with a licence gets a text beside it
    that says which and where the set is from: `NAME.licence.txt`, or `licence.txt` in the folder.
    Raises RagoptError where the kind cannot hold the rows, a file is there already, or it cannot be
    written.
    """
    kind = kind or target.suffix.lower().removeprefix(".") or "jsonl"
    if kind not in KINDS:
        raise RagoptError(f"Data sets are not written as {kind!r}.", f"Give {', '.join(KINDS)}.")
    used: list[Split] = [split for split in SPLITS if data.record.rows[split]]
    single = len(used) == 1
    files = {used[0]: target} if single else {s: target / f"{s}.{kind}" for s in used}
    writers = {file: partial(_write_split, data, split, kind) for split, file in files.items()}
    if data.record.origin.licence:
        name = target.name.removesuffix(f".{kind}")
        beside = target.with_name(f"{name}.licence.txt") if single else target / "licence.txt"
        writers[beside] = partial(_write_licence, data.record)
    try:
        for file in writers:
            if file.exists():
                raise RagoptError(f"{file} is there already.", "Choose another name.")
        for file, write in writers.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            aside = file.with_name(f".{file.name}.{os.getpid()}")
            try:
                write(aside)
                aside.rename(file)
            finally:
                aside.unlink(missing_ok=True)
    except OSError as error:
        raise RagoptError(f"{target} cannot be written: {error.strerror or error}.") from error
    return list(writers)


def _write_split(data: DataSet, split: Split, kind: str, file: Path) -> None:
    _WRITERS[kind](list(data.examples(split)), file)


def _write_licence(record: DataSetRecord, file: Path) -> None:
    origin = record.origin
    source = f"{origin.place}, revision {origin.revision}" if origin.revision else origin.place
    text = f"Data set: {record.name}\nSource: {source}\nLicence: {origin.licence}\n"
    file.write_text(text, encoding="utf-8")


def _standard(example: Example) -> dict[str, Any]:
    """Give a row without where it was read; what is empty is left out."""
    row = example.to_json()
    del row["place"]
    return row if row["group"] else {key: row[key] for key in row if key != "group"}


def _write_jsonl(examples: Sequence[Example], file: Path) -> None:
    with file.open("w", encoding="utf-8") as out:
        for example in examples:
            out.write(json.dumps(_standard(example), ensure_ascii=False) + "\n")


def _write_parquet(examples: Sequence[Example], file: Path) -> None:
    from pyarrow import Table, parquet

    parquet.write_table(Table.from_pylist(_even(map(_standard, examples))), file)


def _write_csv(examples: Sequence[Example], file: Path) -> None:
    rows = _even(map(_flat, examples))
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, rows[0].keys(), restval="")
        writer.writeheader()
        writer.writerows(rows)


def _even(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Give every row all columns that any has."""
    known = list(rows)
    names = dict.fromkeys(name for row in known for name in row)
    return [{name: row.get(name) for name in names} for row in known]


def _flat(example: Example) -> dict[str, str]:
    group = {"group": example.group} if example.group else {}
    if not example.messages:
        return {"text": example.text} | group
    roles = [turn.role for turn in example.messages]
    if roles not in (["user", "assistant"], ["system", "user", "assistant"]):
        raise RagoptError(
            f"CSV cannot hold the dialogue of {example.place}, which has several turns.",
            "Export as jsonl or parquet.",
        )
    if len(example.evidence) > 1 or not all(each.oracle for each in example.evidence):
        raise RagoptError(
            f"CSV cannot hold the evidence of {example.place}, which is several passages.",
            "Export as jsonl or parquet.",
        )
    system = {"system": example.messages[0].content} if len(roles) == 3 else {}
    row = system | {"question": example.question, "answer": example.answer}
    for each in example.evidence:
        row |= {"evidence": each.text} | ({"file": each.file} if each.file else {})
    return row | group


_WRITERS: dict[str, Callable[[Sequence[Example], Path], None]] = {
    "jsonl": _write_jsonl,
    "csv": _write_csv,
    "parquet": _write_parquet,
}
