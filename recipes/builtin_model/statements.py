"""What a right answer says of a unit: a sentence word for word, or a row's label, column and value.

`Net interest income, 2023: $384.6 million`: the value with the currency and scale that the table
declares where the line shows it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ragopt_tui.chat.builtin_prompt import LONGEST_WORDS, about_unit, shown_words
from ragopt_tui.chat.figures.declared import combined
from ragopt_tui.knowledge.question import years_in
from ragopt_tui.knowledge.tables import Cell, is_figure
from ragopt_tui.knowledge.units import Unit

_SIGNS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "$": "$"}
_SCALES = {1_000: "thousand", 1_000_000: "million", 1_000_000_000: "billion"}
_PLAIN = re.compile(r"\d[\d,]*(?:\.\d+)?")


def statement(unit: Unit, cells: Sequence[Cell]) -> str:
    """Say a unit's answer, without citation; "" where it cannot be said from what a line shows.

    Of a row, `cells` are those asked for.
    """
    if unit.row is None:
        return unit.words if len(unit.words) <= LONGEST_WORDS else ""
    if not cells or any(cell.text not in shown_words(unit) for cell in cells):
        return ""
    said = [f"{cell.column}: {value(unit, cell)}" if cell.column else cell.text for cell in cells]
    return f"{unit.row.named_label}, {'; '.join(said)}"


def value(unit: Unit, cell: Cell) -> str:
    """Give a cell with the scale and currency that its line shows, as in `$384.6 million`."""
    plain = cell.text.strip("()-–− ")
    if not is_figure(cell.text) or not _PLAIN.fullmatch(plain) or unit.row is None:
        return cell.text
    declared = combined(
        [unit.row.named_label, cell.column, unit.row.cells[0].column, about_unit(unit)]
    )
    scale = _SCALES.get(int(declared.scale), "")
    sign = _SIGNS.get(declared.currency, "")
    if not scale or not sign or declared.unscaled or declared.percent or declared.ratio:
        return cell.text
    minus = "-" if cell.text.strip()[0] in "(-–−" else ""
    return f"{minus}{sign}{plain} {scale}"


def gold_cells(unit: Unit, question: str, answers: Sequence[str]) -> list[Cell]:
    """Give the cells of a row that answer; empty where that is not certain.

    An answer string ends with the cell meant (`| Net income | 4.8` means 4.8); otherwise the
    question's year says which column.
    """
    if unit.row is None:
        return []
    values = [cell for cell in unit.row.cells[1:] if cell.text]
    ends = {part.rsplit("|", 1)[-1].strip() for part in answers if "|" in part or _short(part)}
    named = [
        c for c in values if c.text in ends or _plain(c.text) in {_plain(e) for e in ends if e}
    ]
    asked = years_in(question)
    if len(named) > 1 and asked:
        named = [cell for cell in named if years_in(cell.column) & asked]
    if not named:
        named = [cell for cell in values if asked & years_in(cell.column)] if asked else values
    return named if len(named) == 1 else []


def _short(text: str) -> bool:
    return len(text.split()) <= 6


def _plain(text: str) -> str:
    return re.sub(r"[\s*$€£%]", "", text).lower()
