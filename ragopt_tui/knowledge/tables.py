"""Rows and columns of a table that stands in a passage, by exact character offsets.

Three ways of writing a table are understood: pipes (`| a | b |`), delimited values (CSV), and
columns aligned with two or more spaces.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass

from ragopt_tui.knowledge.passage import GROUP_MARK, Passage

_RULE = re.compile(r"^[\s|:+=_\-–—]+$")
_GAP = re.compile(r"\t+|[ \u00a0]{2,}")
_FIGURE = re.compile(
    r"^[\s(]*[-+−–]?\s*(?:[$€£¥]|USD|EUR|GBP)?\s*\(?[-+−–]?\s*\d[\d,.\u00a0 ]*\)?\s*"
    r"(?:%|bps|bp|x|×|pts?|pp|[mkb]n?|million|billion|thousand|years?|days?)?\s*\)?\*?$",
    re.IGNORECASE,
)
_YEAR = re.compile(
    r"^(?:FY|fiscal|H[12]|Q[1-4])?[\s'-]*(?:Q[1-4][\s-]*)?(?:19|20)\d\d$", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a row: its text, the heading of its column, and where its text stands."""

    column: str
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Row:
    """A data row: `passage.text[start:end]`; the first cell is the row's label."""

    start: int
    end: int
    cells: tuple[Cell, ...]

    @property
    def label(self) -> str:
        """The row's first cell."""
        return self.cells[0].text if self.cells else ""

    @property
    def named_label(self) -> str:
        """The label, after its column's name where that says more than "item"."""
        first = self.cells[0]
        return first.text if _is_label_column(first) else f"{first.column} {first.text}"

    def sentence(self) -> str:
        """Give the row as words: `label: column value; column value`."""
        values = "; ".join(f"{c.column} {c.text}".strip() for c in self.cells[1:] if c.text)
        return f"{self.named_label}: {values}" if values else self.named_label


@dataclass(frozen=True, slots=True)
class _Line:
    start: int
    end: int
    cells: tuple[tuple[str, int, int], ...]
    is_rule: bool


def is_figure(text: str) -> bool:
    """Say whether a cell holds an amount, percentage or ratio; years and dates are no figures."""
    return bool(_FIGURE.match(text)) and not _YEAR.match(text.strip())


def table_rows(passage: Passage) -> list[Row]:
    """Give the data rows of a table passage with their column headings (also those in `lead`)."""
    head, body = _head_and_body(passage)
    headers = [line for line in head if len(line.cells) > 1]
    rows = []
    section = _group_of(passage)
    for line in body:
        filled = [cell for cell in line.cells if cell[0]]
        if len(filled) == 1 and not is_figure(filled[0][0]):
            section = filled[0][0]
            rows.append(_row(line, [], ""))
        elif filled:
            rows.append(_row(line, headers, section))
    return rows


def table_caption(passage: Passage) -> str:
    """Give what stands above a table and is no row: its title, period and unit."""
    head, _ = _head_and_body(passage)
    return " ".join(line.cells[0][0] for line in head if len(line.cells) == 1)


def header_line(lead: str) -> str:
    """Give the line of a table's lead that names its columns, or else its last one."""
    return _parted(lead)[0].rpartition("\n")[2]


def _group_of(passage: Passage) -> str:
    """Give the name of the group of rows that a piece of a table begins within."""
    return _parted(passage.lead)[1]


def _parted(lead: str) -> tuple[str, str]:
    """Part a lead from the name of a group that it ends with."""
    above, _, last = lead.rpartition("\n")
    return (above, last.removeprefix(GROUP_MARK)) if last.startswith(GROUP_MARK) else (lead, "")


def _head_and_body(passage: Passage) -> tuple[list[_Line], list[_Line]]:
    """Part a table's lines, drawn rules left out; the head takes in the passage's lead."""
    split = _splitter(passage)
    above = _lines(_parted(passage.lead)[0], split)
    lines = _lines(passage.text, split)
    has_headers = any(len(line.cells) > 1 for line in above)
    body_from = 0 if has_headers else _header_lines(lines)
    head = [line for line in [*above, *lines[:body_from]] if line.cells and not line.is_rule]
    return head, [line for line in lines[body_from:] if line.cells and not line.is_rule]


def _row(line: _Line, headers: Sequence[_Line], section: str) -> Row:
    cells = []
    for index, (text, start, end) in enumerate(line.cells):
        column = _column(headers, line, index)
        if index == 0 and section and text and section.lower() not in text.lower():
            column = section
        cells.append(Cell(column, text, start, end))
    return Row(line.start, line.end, tuple(cells))


def _column(headers: Sequence[_Line], line: _Line, index: int) -> str:
    """Join the header cells above a cell; a header with fewer cells spans several columns."""
    words: list[str] = []
    for header in headers:
        cells = [cell[0] for cell in header.cells]
        if len(cells) == len(line.cells):
            word = cells[index]
        elif index == 0:
            continue
        else:
            values = [cell for cell in cells if cell]
            columns = len(line.cells) - 1
            if not values or columns < len(values):
                continue
            word = values[(index - 1) * len(values) // columns]
        if word and word not in words:
            words.append(word)
    return " ".join(words).replace("_", " ")


def _is_label_column(cell: Cell) -> bool:
    generic = {"", "item", "metric", "line item", "measure", "description", "name"}
    return cell.column.lower() in generic or "million" in cell.column or "thousand" in cell.column


def _header_lines(lines: Sequence[_Line]) -> int:
    """Give how many first lines are headers: up to the last rule above the first row of figures.

    Without a rule, up to that row, or to a line above it that only names the rows below.
    """
    rules = [number for number, line in enumerate(lines[:6]) if line.is_rule and number]
    data = next((n for n, line in enumerate(lines[:6]) if _has_figures(line)), None)
    above = [number for number in rules if data is None or number < data]
    if rules:
        return (above[-1] if above else rules[0]) + 1
    if data is not None:
        while data and _names_rows(lines[data - 1]):
            data -= 1
        return data
    return 1 if len(lines) > 1 else 0


def _names_rows(line: _Line) -> bool:
    """Say whether only a line's first cell is filled: "| Current assets: | | |"."""
    filled = [text for text, _, _ in line.cells if text]
    return len(line.cells) > 1 and len(filled) == 1 and bool(line.cells[0][0])


def _has_figures(line: _Line) -> bool:
    return any(is_figure(text) for text, _, _ in line.cells[1:])


def _splitter(passage: Passage) -> str:
    if passage.file.lower().endswith((".csv", ".tsv")):
        sample = f"{passage.lead}\n{passage.text}"
        return max(",;\t|", key=sample.count)
    lines = [line for line in passage.text.split("\n") if line.strip()]
    piped = sum("|" in line for line in lines)
    return "pipes" if lines and piped >= 0.6 * len(lines) else "spaces"


def _lines(text: str, split: str) -> list[_Line]:
    lines = []
    offset = 0
    for raw in text.split("\n"):
        stripped = raw.strip()
        if stripped:
            start = offset + len(raw) - len(raw.lstrip())
            if split == "pipes":
                cells = _piped_cells(raw, offset)
            elif split == "spaces":
                cells = _spaced_cells(raw, offset)
            else:
                cells = _delimited_cells(raw, offset, split)
            is_rule = bool(_RULE.match(stripped)) and any(mark in stripped for mark in "-–—=_")
            lines.append(_Line(start, start + len(stripped), cells, is_rule))
        offset += len(raw) + 1
    return lines


def _piped_cells(raw: str, offset: int) -> tuple[tuple[str, int, int], ...]:
    pieces = []
    start = 0
    for match in re.finditer(r"(?<!\\)\||$", raw):
        pieces.append(_trimmed(raw, start, match.start(), offset))
        start = match.end()
        if match.start() == len(raw):
            break
    if raw.lstrip().startswith("|"):
        pieces = pieces[1:]
    if raw.rstrip().endswith("|"):
        pieces = pieces[:-1]
    return tuple(pieces)


def _spaced_cells(raw: str, offset: int) -> tuple[tuple[str, int, int], ...]:
    pieces = []
    start = len(raw) - len(raw.lstrip())
    for match in [*_GAP.finditer(raw, start), None]:
        end = match.start() if match else len(raw)
        if raw[start:end].strip():
            pieces.append(_trimmed(raw, start, end, offset))
        start = match.end() if match else end
    return tuple(_with_currency_joined(pieces))


def _with_currency_joined(
    pieces: Sequence[tuple[str, int, int]],
) -> list[tuple[str, int, int]]:
    """Join a currency sign that stands apart (`$     41.2`) with the figure after it."""
    joined: list[tuple[str, int, int]] = []
    for text, start, end in pieces:
        if joined and joined[-1][0] in {"$", "€", "£"}:
            sign, sign_start, _ = joined.pop()
            joined.append((f"{sign}{text}", sign_start, end))
        else:
            joined.append((text, start, end))
    return joined


def _delimited_cells(raw: str, offset: int, delimiter: str) -> tuple[tuple[str, int, int], ...]:
    values = next(csv.reader([raw], delimiter=delimiter), [])
    pieces = []
    at = 0
    for value in values:
        found = raw.find(value, at) if value else at
        start = found if found >= 0 else at
        pieces.append((value.strip(), offset + start, offset + start + len(value)))
        following = raw.find(delimiter, start + len(value))
        at = following + 1 if following >= 0 else len(raw)
    return tuple(pieces)


def _trimmed(raw: str, start: int, end: int, offset: int) -> tuple[str, int, int]:
    text = raw[start:end]
    left = start + len(text) - len(text.lstrip())
    value = text.strip()
    return value.replace("\\|", "|").strip("*"), offset + left, offset + left + len(value)
