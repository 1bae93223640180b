"""Rows of data files, each with its place; a row that cannot be read is a Problem instead."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from ragopt_tui.errors import RagoptError
from ragopt_tui.plaintext import one_line
from ragopt_tui.training.data.example import Problem

Row = tuple[str, Mapping[str, Any]]
Rows = Iterator[Row | Problem]

_LONGEST_FIELD = 1 << 26
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_NOT_UTF8 = "is not UTF-8"


def read_rows(file: Path) -> Rows:
    """Give the rows of a file in its order, with `line 3` or `row 3`, counted from 1.

    Raises RagoptError if it cannot be read at all.
    """
    reader = _READERS.get(file.suffix.lower())
    if reader is None:
        raise RagoptError(
            f"{file} is no data file that is read.", f"Read are: {', '.join(sorted(_READERS))}."
        )
    try:
        if not file.stat().st_size:
            raise RagoptError(f"{file} is empty.")
        yield from reader(file)
    except OSError as error:
        raise RagoptError(f"{file} cannot be read: {error.strerror or error}.") from error


def _json_lines(file: Path) -> Rows:
    with file.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            if line.strip():
                yield _json_line(f"line {number}", line.removeprefix(b"\xef\xbb\xbf"))


def _json_line(place: str, line: bytes) -> Row | Problem:
    try:
        values = json.loads(line.decode())
    except UnicodeDecodeError:
        return Problem(place, _NOT_UTF8)
    except (ValueError, RecursionError) as error:
        return Problem(place, f"is no JSON: {_reason(error)}")
    if not isinstance(values, dict):
        return Problem(place, "is no JSON object")
    return place, values


def _json(file: Path) -> Rows:
    """Read a list of objects, or an object that holds one; else the file may be JSON lines."""
    try:
        whole = json.loads(file.read_bytes().decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        rows = list(_json_lines(file))
        if not any(isinstance(row, tuple) for row in rows):
            raise RagoptError(f"{file} is no JSON: {_reason(error)}.") from error
        yield from rows
        return
    if isinstance(whole, dict):
        lists = [v for v in whole.values() if isinstance(v, list) and v and isinstance(v[0], dict)]
        whole = lists[0] if len(lists) == 1 else [whole]
    if not isinstance(whole, list):
        raise RagoptError(f"{file} holds no list of rows.")
    for number, values in enumerate(whole, start=1):
        place = f"row {number}"
        yield (place, values) if isinstance(values, dict) else Problem(place, "is no JSON object")


def _reason(error: Exception) -> str:
    return "nested too deep" if isinstance(error, RecursionError) else one_line(str(error), 120)


def _comma_separated(file: Path) -> Rows:
    yield from _separated(file, "")


def _tab_separated(file: Path) -> Rows:
    yield from _separated(file, "\t")


def _separated(file: Path, separator: str) -> Rows:
    with file.open("rb") as stream:
        lines = _Lines(stream)
        head = lines.peek()
        csv.field_size_limit(_LONGEST_FIELD)
        reader = csv.reader(lines, delimiter=separator or _separator(head), strict=True)
        columns: list[str] | None = None
        while True:
            start = reader.line_num + 1
            place = f"line {start}"
            try:
                fields = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield Problem(place, f"is no row of a table: {one_line(str(error), 120)}")
                continue
            if any(start <= bad <= reader.line_num for bad in lines.not_utf8):
                if columns is None:
                    raise RagoptError(f"The first line of {file} {_NOT_UTF8}.", "Save it as UTF-8.")
                yield Problem(place, _NOT_UTF8)
            elif columns is None:
                columns = _header(fields, file)
            elif any(field.strip() for field in fields):
                yield _table_row(place, columns, fields)


def _header(fields: list[str], file: Path) -> list[str]:
    columns = [field.strip() for field in fields]
    named = [column for column in columns if column]
    if len(named) != len(set(named)):
        twice = next(column for column in named if named.count(column) > 1)
        raise RagoptError(f"{file} has two columns called {one_line(twice, 60)!r}.", "Rename one.")
    return columns


def _table_row(place: str, columns: list[str], fields: list[str]) -> Row | Problem:
    if len(fields) > len(columns):
        return Problem(place, f"has {len(fields)} fields, the header {len(columns)}")
    return place, {name: value for name, value in zip(columns, fields, strict=False) if name}


def _separator(line: str) -> str:
    """Give the separator that stands most often in the header."""
    return max(",;\t|", key=line.count)


class _Lines:
    """The lines of a text file, and which of them were not UTF-8; UTF-16 with its mark is read."""

    def __init__(self, stream: BinaryIO) -> None:
        self.not_utf8: list[int] = []
        start = stream.read(3)
        stream.seek(3 if start == b"\xef\xbb\xbf" else 0)
        self._lines: Iterator[bytes] = iter(stream)
        if start[:2] in _UTF16:
            whole = stream.read().decode("utf-16", "replace")
            self._lines = (line.encode() for line in whole.splitlines(keepends=True))
        self._number = 0
        self._waiting: list[str] = []

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        return self._waiting.pop() if self._waiting else self._decoded()

    def peek(self) -> str:
        """Give the next line without taking it; "" at the end."""
        try:
            self._waiting.append(self._decoded())
        except StopIteration:
            return ""
        return self._waiting[-1]

    def _decoded(self) -> str:
        line = next(self._lines)
        self._number += 1
        try:
            return line.decode()
        except UnicodeDecodeError:
            self.not_utf8.append(self._number)
            return line.decode(errors="replace")


def _parquet(file: Path) -> Rows:
    from pyarrow import ArrowException, parquet

    try:
        with parquet.ParquetFile(file) as table:
            yield from _of_batches(table.iter_batches(1_000))
    except (ArrowException, UnicodeDecodeError) as error:
        raise _damaged(file, "Parquet", error) from error


def _arrow(file: Path) -> Rows:
    """Read an Arrow file, or the stream that `datasets` writes under the same name."""
    from pyarrow import ArrowException, ipc, memory_map

    try:
        with memory_map(str(file)) as source:
            try:
                table = ipc.open_file(source)
                batches = (table.get_batch(n) for n in range(table.num_record_batches))
            except ArrowException:
                source.seek(0)
                batches = iter(ipc.open_stream(source))
            yield from _of_batches(batches)
    except (ArrowException, UnicodeDecodeError) as error:
        raise _damaged(file, "Arrow", error) from error


def _of_batches(batches: Iterable[Any]) -> Rows:
    number = 0
    for batch in batches:
        names = batch.schema.names
        lists = [_undecoded(column).to_pylist() for column in batch.columns]
        texts = [
            name for name, column in zip(names, batch.columns, strict=True) if _is_text(column)
        ]
        for values in zip(*lists, strict=True):
            number += 1
            yield _decoded(f"row {number}", dict(zip(names, values, strict=True)), texts)


def _decoded(place: str, row: dict[str, Any], texts: Iterable[str]) -> Row | Problem:
    try:
        read = {name: row[name].decode() for name in texts if row[name] is not None}
    except UnicodeDecodeError:
        return Problem(place, _NOT_UTF8)
    return place, row | read


def _is_text(column: Any) -> bool:  # noqa: ANN401 - an Arrow array
    from pyarrow import types

    return bool(types.is_string(column.type) or types.is_large_string(column.type))


def _undecoded(column: Any) -> Any:  # noqa: ANN401
    """Give texts as bytes, so that one that is not UTF-8 costs no more than its row.

    Raises ArrowException for a damaged column: reading on in it would end the process.
    """
    from pyarrow import binary, large_binary, types

    if _is_text(column):
        column = column.view(binary() if types.is_string(column.type) else large_binary())
    column.validate(full=True)
    return column


def _damaged(file: Path, kind: str, error: Exception) -> RagoptError:
    return RagoptError(f"{file} is no whole {kind} file: {one_line(str(error), 120)}.")


_READERS: dict[str, Callable[[Path], Rows]] = {
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".json": _json,
    ".csv": _comma_separated,
    ".tsv": _tab_separated,
    ".parquet": _parquet,
    ".arrow": _arrow,
    ".feather": _arrow,
}
DATA_SUFFIXES = frozenset(_READERS)
"""Suffixes of the files that are read as rows."""
