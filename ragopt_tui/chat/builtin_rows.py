"""Table rows as the built-in model reads them: label, and of each column asked for the whole value.

`Net income, 2023: $4.8 million; 2022: $42.0 million`: an answer copies label, column and value.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ragopt_tui.chat.figures.declared import combined
from ragopt_tui.knowledge.question import interim_parts, years_in
from ragopt_tui.knowledge.tables import Cell, is_figure, table_caption
from ragopt_tui.knowledge.words import content_stems, stems_of

if TYPE_CHECKING:
    from ragopt_tui.knowledge.units import Unit

_SIGNS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "$": "$"}
_SCALES = {1_000: "thousand", 1_000_000: "million", 1_000_000_000: "billion"}
_PLAIN = re.compile(r"\d[\d,]*(?:\.\d+)?")
_NO_NAME = frozenset(
    "quarter half month end eur usd gbp thousand million billion m mn bn pct percent".split()
)


def row_words(unit: Unit, question: str) -> str:
    """Give the row of a unit with the columns that a question asks for, else with all."""
    if unit.row is None:
        return unit.words
    cells = [cell for cell in unit.row.cells[1:] if cell.text]
    values = [(cell.column, whole_value(unit, cell)) for cell in cells]
    return said_of_row(unit.row.named_label, asked_columns(question, values))


def said_of_row(label: str, cells: Sequence[tuple[str, str]]) -> str:
    """Say a row with these columns and values."""
    values = "; ".join(f"{column}: {value}" if column else value for column, value in cells)
    return ", ".join(part for part in (label, values) if part)


def asked_columns(question: str, cells: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Give the columns and values whose period or heading a question names; all where none is.

    A question that names a year but no part of it asks for the whole year where there is one.
    A column that holds the period which the question says is not asked for. Headings other than
    periods count among figures only: elsewhere a question names a column to say which row it means
    as often as to ask for it.
    """
    asked = set(stems_of(question))
    left = [cell for cell in cells if not _is_told(cell[1], question)] or list(cells)
    timed = _of_period(question, left)
    if not all(is_figure(value) or not value.strip("-–— ") for _, value in timed):
        return timed
    named = [cell for cell in left if _is_named(cell[0], asked)]
    timeless = [c for c in named if not years_in(c[0]) and not interim_parts(c[0])]
    both = [cell for cell in timed if cell in named]
    if both or len(timed) < len(left):
        timed = [*(both or timed), *timeless]
    return [cell for cell in left if cell in timed]


def _is_told(value: str, question: str) -> bool:
    """Say whether a value is a period, and the one that the question says."""
    years, parts = years_in(value), interim_parts(value)
    if not (years or parts) or not years <= years_in(question):
        return False
    words = [s for s in stems_of(value) if not (years_in(s) or interim_parts(s))]
    return not words and parts <= interim_parts(question)


def _of_period(question: str, cells: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Give the columns of the year and part of the year that a question names, all where none is."""
    years, parts = years_in(question), interim_parts(question)
    exact = {part for part in parts if len(part) > 1} or parts
    of_year = [c for c in cells if not years or not years_in(c[0]) or years & years_in(c[0])]
    of_part = [c for c in of_year if exact & interim_parts(c[0])]
    if of_part:
        return of_part
    of_year = [c for c in cells if years & years_in(c[0])]
    whole = [c for c in of_year if parts or not interim_parts(c[0])]
    return whole or of_year or list(cells)


def _is_named(column: str, asked: set[str]) -> bool:
    """Say whether all words of a heading, but for its period, are asked for."""
    said = [s for s in content_stems(column) if not s[0].isdigit() and not interim_parts(s)]
    own = [s for s in said if not years_in(s) and s not in _NO_NAME]
    return bool(own) and asked.issuperset(own)


def whole_value(unit: Unit, cell: Cell) -> str:
    """Give a cell with the currency and scale that its table declares, as in `$384.6 million`."""
    plain = cell.text.strip("()-–− ")
    if not is_figure(cell.text) or not _PLAIN.fullmatch(plain) or unit.row is None:
        return cell.text
    near = [unit.row.named_label, cell.column, unit.row.cells[0].column]
    far = [table_caption(unit.passage), *unit.passage.headings[-1:], unit.passage.profile.header]
    declared = combined([*near, *far])
    scale = _SCALES.get(int(declared.scale), "")
    sign = _SIGNS.get(declared.currency, "")
    if not scale or not sign or declared.unscaled or declared.percent or declared.ratio:
        return cell.text
    minus = "-" if cell.text.strip()[0] in "(-–−" else ""
    return f"{minus}{sign}{plain} {scale}"
