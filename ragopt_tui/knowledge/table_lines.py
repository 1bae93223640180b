"""Finding tables in plain text: runs of lines whose figures stand in columns."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ragopt_tui.knowledge.structure import is_rule

_SEPARATOR = re.compile(r"\s*\|\s*|[ \u00a0]{2,}|\t+|(?:\s?\.){4,}\s*")
_AMOUNT = (
    r"(?:[-–−+(]*\s*(?:US|C|A)?(?:[$€£¥]|USD|EUR|GBP|CHF)?\s*[-–−+(]*\d(?:[\d,.]*\d)?\s*"
    r"(?:%|x|bps?|bp|pp|pts?|[mMbBkK]n?)?\)?%?\s*[*†‡]?)"
)
_FIGURE = re.compile(rf"^(?:{_AMOUNT}|[—–-]{{1,2}}|n/[am]|n\.?[am]\.?|nil)$")
_ABOUT = (
    r"(?:about|approx\.?|approximately|circa|ca\.|c\.|up to|at least|over|under|above|below)\s+"
)
_RANGE = re.compile(rf"^(?:{_ABOUT})?{_AMOUNT}(?:\s*(?:to|[-–—])\s*{_AMOUNT})?$", re.IGNORECASE)
_PERIOD = re.compile(
    r"^(?:(?:FY|fiscal|Q[1-4]|H[12]|[1-4]Q)[\s'-]*)*(?:(?:19|20)\d\d|\d\d)?[A-Z]{0,3}$",
    re.IGNORECASE,
)
_HEADER_WORDS = re.compile(
    r"\b(?:19|20)\d\d\b|\b(?:ended|ending|months|weeks|unaudited|audited|change|actual|budget)\b"
    r"|\bas (?:of|at)\b|\bin (?:\S+ )?(?:thousands|millions|billions)\b|\bQ[1-4]\b",
    re.IGNORECASE,
)
_CURRENCY = frozenset({"$", "€", "£", "¥", "US$", "($", "(€", "(£"})
_LONGEST_FIGURE = 60
_HEADER_LINES = 5
_LABEL_WORDS = 9


@dataclass(frozen=True, slots=True)
class TableLines:
    """Lines `first` to `last` (both in the table) hold one; data begins at line `data`."""

    first: int
    data: int
    last: int


def cells_of(line: str) -> list[str]:
    """Give the cells of a line whose columns stand two spaces, a tab, a pipe or leaders apart."""
    return [cell for cell in _SEPARATOR.split(line.strip().strip("|").strip()) if cell]


def is_figure_cell(cell: str) -> bool:
    """Say whether a cell is an amount, a range of them, a year or a dash standing for one."""
    if len(cell) > _LONGEST_FIGURE:
        return False
    return _FIGURE.match(cell) is not None or _RANGE.match(cell) is not None


def is_year(cell: str) -> bool:
    """Say whether a figure is a year: it then names a column rather than fills it."""
    return re.fullmatch(r"(?:19|20)\d\d", cell.strip()) is not None


def trailing_figures(line: str) -> int:
    """Count the words at a line's end that are figures, with a currency sign apart taken along."""
    count = 0
    words = line.split()
    while words:
        word = words.pop()
        if len(word) > _LONGEST_FIGURE or not _FIGURE.match(word):
            break
        count += 1
        if words and words[-1] in _CURRENCY:
            words.pop()
    return count


def _is_row(line: str) -> bool:
    cells = cells_of(line)
    if len(cells) >= 2 and sum(is_figure_cell(cell) for cell in cells[1:]) * 2 >= len(cells) - 1:
        return not (len(cells) == 2 and len(cells[0].split()) > 14)
    figures = trailing_figures(line)
    words = len(line.split())
    return figures >= 2 and words - figures <= 14


def _is_weak_row(line: str) -> bool:
    """A label with one figure behind it, or a row of words in columns: a row beside other rows."""
    cells = cells_of(line)
    if len(cells) >= 3 or (len(cells) == 2 and line.lstrip() == line):
        return True
    words = line.split()
    return len(words) <= _LABEL_WORDS and trailing_figures(line) == 1 and len(words) > 1


def _is_label(line: str) -> bool:
    words = line.split()
    return 0 < len(words) <= _LABEL_WORDS and not line.rstrip().endswith((".", "!", "?"))


def _is_header_row(line: str) -> bool:
    """A row that names columns: its figures, if any, are periods."""
    cells = cells_of(line)
    if len(cells) < 2:
        cells = line.split()[-trailing_figures(line) or len(line.split()) :]
    figures = [cell for cell in cells if is_figure_cell(cell) and any(c.isdigit() for c in cell)]
    return all(_PERIOD.match(cell) for cell in figures)


def find_tables(lines: Sequence[str]) -> list[TableLines]:
    """Give the tables among the lines of a text, in order and apart from each other."""
    tables: list[TableLines] = []
    at = 0
    while at < len(lines):
        if not _is_row(lines[at]):
            at += 1
            continue
        last = _last_row(lines, at)
        rows = [index for index in range(at, last + 1) if _is_row(lines[index])]
        data = next((index for index in rows if not _is_header_row(lines[index])), None)
        floor = tables[-1].last + 1 if tables else 0
        if data is not None and (len(rows) >= 3 or _spaced(lines, rows) or _is_headed(lines, at)):
            data = _behind_rules(lines, at, data)
            tables.append(TableLines(_first_line(lines, at, floor), data, last))
        at = last + 1
    return tables


def _is_headed(lines: Sequence[str], row: int) -> bool:
    """Say whether a single row of figures stands below as many column headings."""
    above = cells_of(lines[row - 1]) if row else []
    figures = sum(map(is_figure_cell, cells_of(lines[row])))
    return len(above) >= 3 and len(above) >= figures >= 3 and _is_header_row(lines[row - 1])


def _spaced(lines: Sequence[str], rows: Sequence[int]) -> bool:
    return len(rows) == 2 and all(len(cells_of(lines[index])) >= 2 for index in rows)


def _last_row(lines: Sequence[str], first: int) -> int:
    """Go down while rows follow, over at most two lines of label, rule or blank between them."""
    last = at = first
    between = blanks = 0
    while at + 1 < len(lines):
        at += 1
        line = lines[at]
        if _is_row(line) or (blanks == 0 and _is_weak_row(line)):
            last, between, blanks = at, 0, 0
        elif not line.strip():
            blanks += 1
            if blanks > 1:
                break
        elif is_rule(line):
            continue
        elif _is_label(line) and between < 2:
            between += 1
        else:
            break
    while last + 1 < len(lines) and lines[last + 1].strip() and is_rule(lines[last + 1]):
        last += 1
    return last


def _behind_rules(lines: Sequence[str], first: int, data: int) -> int:
    """The first line of data, or of a group label that stands above it below the header's rule."""
    rules = [
        index for index in range(first, data) if lines[index].strip() and is_rule(lines[index])
    ]
    return rules[-1] + 1 if rules else data


def _first_line(lines: Sequence[str], first: int, floor: int) -> int:
    """Go up from the first row over the lines that name its columns."""
    top = at = first
    while at - 1 >= max(floor, first - _HEADER_LINES):
        at -= 1
        line = lines[at]
        if is_rule(line):
            if not line.strip() and top != first:
                break
            continue
        if not _is_header_line(line) or _closes_bracket(lines, at):
            break
        top = at
    return top


def _closes_bracket(lines: Sequence[str], at: int) -> bool:
    """Say whether a line is the end of a caption: it closes a bracket that it does not open."""
    return lines[at].count(")") > lines[at].count("(") and at > 0 and "(" in lines[at - 1]


def _is_header_line(line: str) -> bool:
    words = line.split()
    if len(words) > 16 or line.rstrip().endswith((".", ";")):
        return False
    if len(cells_of(line)) >= 2 or len(line) - len(line.lstrip()) >= 12:
        return True
    names = _HEADER_WORDS.search(line) is not None and len(words) <= 12
    return names and not line.lstrip().startswith("(") and not line.rstrip().endswith(",")
