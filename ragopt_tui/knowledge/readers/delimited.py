"""CSV and TSV: one table, whose text is the file's own."""

from __future__ import annotations

import csv
from collections.abc import Sequence

from ragopt_tui.knowledge.document import Block
from ragopt_tui.knowledge.structure import line_spans
from ragopt_tui.knowledge.table_lines import is_figure_cell, is_year
from ragopt_tui.plaintext import one_line

_DELIMITERS = ",;\t|"
_HEAD_LINES = 20


def delimiter_of(text: str) -> str:
    """Give the delimiter that divides the first lines most evenly, a comma if none does."""
    lines = [line for line in text[:20_000].split("\n")[:_HEAD_LINES] if line.strip()]
    best, most = ",", 0.0
    for delimiter in _DELIMITERS:
        counts = [_columns(line, delimiter) for line in lines]
        wide = [count for count in counts if count > 1]
        if wide:
            usual = max(set(wide), key=wide.count)
            score = wide.count(usual) / len(lines) + min(usual, 50) / 1000
            if score > most:
                best, most = delimiter, score
    return best


def delimited_blocks(text: str) -> tuple[Block, ...]:
    """Give one table block: lines before the header row are its caption, and count as header."""
    if not text.strip():
        return ()
    spans = line_spans(text)
    lines = [text[start:end] for start, end in spans]
    first = next(index for index, line in enumerate(lines) if line.strip())
    last = next(index for index in reversed(range(len(lines))) if lines[index].strip())
    rows = _head_rows(lines[first : first + _HEAD_LINES], delimiter_of(text))
    header = _header_row(rows)
    if header is None:
        captions: Sequence[list[str]] = ()
        end_line = first
    else:
        captions = [cells for cells, _ in rows[:header]]
        end_line = first + rows[header][1]
    caption = " ".join(" ".join(cell for cell in cells if cell.strip()) for cells in captions)
    header_end = spans[end_line][0] if end_line <= last else spans[last][1]
    return (
        Block(
            "table",
            spans[first][0],
            spans[last][1],
            header_end=header_end,
            caption=one_line(caption, 400),
        ),
    )


def _columns(line: str, delimiter: str) -> int:
    try:
        return len(next(csv.reader([line], delimiter=delimiter), []))
    except csv.Error:
        return 0


def _head_rows(lines: Sequence[str], delimiter: str) -> list[tuple[list[str], int]]:
    """Give the first rows with the number of lines up to and with each."""
    reader = csv.reader((f"{line}\n" for line in lines), delimiter=delimiter)
    rows: list[tuple[list[str], int]] = []
    try:
        rows.extend((cells, reader.line_num) for cells in reader)
    except csv.Error:
        return rows
    return rows


def _header_row(rows: Sequence[tuple[list[str], int]]) -> int | None:
    """The first row as wide as most, if it names columns rather than holding figures."""
    widths = [len([cell for cell in cells if cell.strip()]) for cells, _ in rows]
    full = [width for width in widths if width > 1]
    if not full:
        return None
    usual = max(set(full), key=full.count)
    for index, (cells, _) in enumerate(rows):
        if len(cells) > 1 and widths[index] >= min(usual, 2):
            figures = [cell for cell in cells[1:] if is_figure_cell(cell.strip())]
            return index if all(is_year(cell) for cell in figures) else None
    return None
