"""A figure of a passage, with what a reader would know of it: unit, row, column, year."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ragopt_tui.chat.figures.declared import Declared
from ragopt_tui.chat.figures.quantities import Quantity
from ragopt_tui.chat.figures.senses import Sense, names_change, nature_of


@dataclass(frozen=True, slots=True)
class Source:
    """A figure of evidence passage `passage` (from 1), as one way of reading it.

    `row` numbers the table row or the sentence it stands in, `column` the table's column (None in
    a sentence); `label` is the row's label, `section` what it stands under, `heading` the column's
    heading (or the sentence) and `caption` the table's. `years` and `part` are what it is certainly said for, empty where that is open.
    `undeclared` is a table's figure of which nothing in reach says the scale; `base` one that its
    sentence compares another with.
    """

    quantity: Quantity
    passage: int
    row: int
    column: int | None
    section: str
    label: str
    heading: str
    caption: str
    sense: Sense
    years: frozenset[int] = frozenset()
    part: str = ""
    undeclared: bool = False
    base: bool = False

    @property
    def in_table(self) -> bool:
        """Whether it is a cell of a table."""
        return self.column is not None


def readings(cell: Source, nearby: Declared, document: Declared) -> Iterator[Source]:
    """Give the ways to read a cell: in the table's unit, as it stands, as percentage or ratio.

    `nearby` is what heading, label and caption declare, `document` what the document says of all
    its tables. Brackets are a minus.
    """
    quantity = cell.quantity
    if quantity.bracketed:
        quantity = replace(quantity, value=-quantity.value, bracketed=False, signed=True)
    changes = names_change(f"{cell.heading} {cell.section} {cell.label}")
    nature = nature_of(cell.label) or nature_of(cell.heading)
    if not nature and nearby.percent:
        nature = nature_of(cell.caption)
    sense = Sense(quantity.sign, nature=nature, change=changes)
    cell = replace(cell, sense=sense, quantity=quantity)
    if quantity.unit in ("%", "x") or quantity.scale != 1 or quantity.worded:
        yield cell
        return
    if nearby.percent and not quantity.unit:
        yield replace(cell, quantity=replace(quantity, unit="%"))
    if nearby.ratio and not quantity.unit:
        yield replace(cell, quantity=replace(quantity, unit="x"))
    if nearby.basis_points and not quantity.unit:
        value, step = quantity.value / 100, quantity.step / 100
        yield replace(
            cell, quantity=replace(quantity, unit="%", value=value, step=step, points=True)
        )
    scale = nearby.scale or document.scale
    unit = quantity.unit or nearby.currency or document.currency
    if not scale:
        plain = replace(quantity, unit=unit)
        yield replace(cell, quantity=plain, undeclared=not nearby.unscaled)
        return
    value, step = quantity.value * scale, quantity.step * scale
    scaled = replace(quantity, unit=unit, value=value, step=step, scale=scale)
    yield replace(cell, quantity=scaled)
    if nearby.unscaled:
        unit = quantity.unit or nearby.currency
        yield replace(cell, quantity=replace(quantity, unit=unit))
