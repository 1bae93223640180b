"""Which format a file has, and which of its columns are what."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ragopt_tui.errors import RagoptError
from ragopt_tui.plaintext import one_line
from ragopt_tui.training.data.example import Example
from ragopt_tui.training.data.formats import FORMATS, Format

AUTO = "auto"
_SHOWN = 12
_PREFERENCES = {"chosen", "rejected"}


@dataclass(frozen=True, slots=True)
class Layout:
    """How rows are read: a format, and the file's column for each of the format's."""

    format: Format
    columns: Mapping[str, str]
    group: str = ""

    def example(self, row: Mapping[str, Any]) -> Example:
        """Read a row; raises BadRow."""
        values = {name: row.get(column) for name, column in self.columns.items()}
        return self.format.read(values)


def layout_of(
    columns: Sequence[str],
    sample: Sequence[Mapping[str, Any]],
    *,
    format: str = AUTO,
    chosen: Mapping[str, str] | None = None,
    group: str = "",
) -> Layout:
    """Find out how a file is laid out, from its columns and some of its rows.

    `chosen` names the file's column for columns of the format, `group` the column that examples
    are grouped by. Raises RagoptError where no format fits, or what is named is not there.
    """
    chosen = dict(chosen or {})
    for column in [*chosen.values(), *filter(None, [group])]:
        if column not in columns:
            raise _no_column(column, columns)
    if format == AUTO:
        found = _detected(columns, sample, chosen)
    elif format in FORMATS:
        found = Layout(FORMATS[format], _matched(FORMATS[format], columns, chosen))
    else:
        raise RagoptError(
            f"There is no format {one_line(format, 60)!r}.", f"There are: {', '.join(FORMATS)}."
        )
    missing = [c.name for c in found.format.columns if c.needed and c.name not in found.columns]
    if missing:
        raise _lacks(found.format, missing, columns)
    return Layout(found.format, found.columns, group)


def _detected(
    columns: Sequence[str], sample: Sequence[Mapping[str, Any]], chosen: Mapping[str, str]
) -> Layout:
    for format in FORMATS.values():
        matched = _matched(format, columns, chosen, strict=False)
        whole = all(column.name in matched for column in format.columns if column.needed)
        if whole and chosen.keys() <= matched.keys() and _looks_right(format, matched, sample):
            return Layout(format, matched)
    if {_plain(column) for column in columns} >= _PREFERENCES:
        raise RagoptError(
            "This is preference data (chosen and rejected answers), which is not trained on here.",
            "Name the column of the right answers: `columns: {completion: chosen}`.",
        )
    raise RagoptError(
        f"None of the formats has these columns: {_listed(columns)}.",
        "Say which column is what, such as `columns: {question: Q, answer: A}`; formats: "
        f"{', '.join(FORMATS)}.",
    )


def _looks_right(
    format: Format, matched: Mapping[str, str], sample: Sequence[Mapping[str, Any]]
) -> bool:
    """Tell apart formats whose columns have the same names, by what is in them."""
    if format.name == "raft":
        values = [row.get(matched["documents"]) for row in sample]
        return any(isinstance(value, list | Mapping) for value in values)
    if format.name in ("messages", "sharegpt"):
        values = [row.get(matched[format.columns[0].name]) for row in sample]
        return any(isinstance(value, list) for value in values)
    return True


def _matched(
    format: Format, columns: Sequence[str], chosen: Mapping[str, str], strict: bool = True
) -> dict[str, str]:
    """Give the file's column for each column of the format that is found."""
    names = [column.name for column in format.columns]
    unknown = [name for name in chosen if name not in names]
    if unknown and strict:
        raise RagoptError(
            f"The format {format.name} has no column {one_line(unknown[0], 60)!r}.",
            f"It has: {', '.join(names)}.",
        )
    by_name = {_plain(column): column for column in reversed(columns)}
    matched: dict[str, str] = {}
    for column in format.columns:
        if column.name in chosen:
            matched[column.name] = chosen[column.name]
            continue
        for name in column.names:
            if name in by_name and by_name[name] not in chosen.values():
                matched[column.name] = by_name[name]
                break
    return matched


def _plain(column: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", column.strip().lower()).strip("_")


def _no_column(column: str, columns: Sequence[str]) -> RagoptError:
    near = difflib.get_close_matches(column, columns, 1, 0.5)
    return RagoptError(
        f"There is no column {one_line(column, 60)!r}.",
        f"Did you mean {one_line(near[0], 60)!r}?" if near else f"There are: {_listed(columns)}.",
    )


def _lacks(format: Format, missing: Sequence[str], columns: Sequence[str]) -> RagoptError:
    return RagoptError(
        f"The format {format.name} needs the column {missing[0]!r}; there are: {_listed(columns)}.",
        f"Say which it is, such as `columns: {{{missing[0]}: NAME}}`.",
    )


def _listed(columns: Iterable[str]) -> str:
    names = [one_line(str(column), 40) for column in columns]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more if names else "none"
