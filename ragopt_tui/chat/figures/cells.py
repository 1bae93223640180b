"""The figures of a table's cells."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from ragopt_tui.chat.figures.declared import Declared, combined
from ragopt_tui.chat.figures.grammar import Figure, find_figures
from ragopt_tui.chat.figures.moments import Moment, find_moments
from ragopt_tui.chat.figures.numerals import Convention
from ragopt_tui.chat.figures.quantities import Quantity, find_quantities
from ragopt_tui.chat.figures.senses import Sense
from ragopt_tui.chat.figures.sources import Source, readings
from ragopt_tui.knowledge.passage import Passage
from ragopt_tui.knowledge.tables import Cell, Row, table_caption, table_rows

_PERIOD_COLUMN = re.compile(
    r"\b(?:years?|periods?|dates?|quarters?|fiscal|months?)\b", re.IGNORECASE
)


def table_sources(
    number: int, passage: Passage, convention: Convention, document: Declared
) -> Iterator[Source]:
    """Give the figures of table passage `number`; `document` is what its file says of tables."""
    caption = table_caption(passage)
    rows = table_rows(passage)
    yield from _in_headings(number, rows, caption, convention)
    for at, row in enumerate(rows):
        first = row.cells[0]
        figures = [_figures_of(cell, index, convention) for index, cell in enumerate(row.cells)]
        periods = _periods_of(f"{first.column} {row.label}", figures[1:])
        for index, cell in enumerate(row.cells):
            heading = cell.column if index else ""
            years, part = _years_of(heading, periods, caption) if index else (frozenset(), "")
            around = [heading, row.label, first.column, caption, *passage.headings[-1:]]
            nearby = combined(around)
            for figure in figures[index]:
                if isinstance(figure, Quantity):
                    source = Source(
                        quantity=figure,
                        passage=number,
                        row=at,
                        column=index,
                        section=first.column,
                        label=row.label,
                        heading=heading,
                        caption=caption,
                        sense=Sense(),
                        years=years,
                        part=part,
                    )
                    yield from readings(source, nearby, document)


def _in_headings(
    number: int, rows: Sequence[Row], caption: str, convention: Convention
) -> Iterator[Source]:
    """Give the figures of caption and headings: the nine of "nine months 2024"."""
    headings = dict.fromkeys(cell.column for row in rows for cell in row.cells)
    for text in [caption, *headings]:
        for figure in find_figures(text, convention):
            if isinstance(figure, Quantity):
                yield Source(figure, number, -1, None, "", "", text, caption, Sense())


def _figures_of(cell: Cell, index: int, convention: Convention) -> Sequence[Figure]:
    """Read a cell; four digits are a year in a column of periods only: 2015 employees."""
    if index and cell.column and not _PERIOD_COLUMN.search(cell.column) and cell.text.isdecimal():
        return find_quantities(cell.text, convention)
    return find_figures(cell.text, convention)


def _periods_of(label: str, figures: Sequence[Sequence[Figure]]) -> list[Moment]:
    named = list(_named_in(label))
    for cell in figures:
        named += [figure for figure in cell if isinstance(figure, Moment) and figure.years]
    return named


def _years_of(heading: str, periods: Sequence[Moment], caption: str) -> tuple[frozenset[int], str]:
    """Give the years a cell is certainly about: those of its column, else of its row.

    A quarter's column may be named by a month of the calendar year before the fiscal one that the
    caption names, so that both are given.
    """
    named = _named_in(heading) or periods
    years = frozenset[int]().union(*(moment.years for moment in named))
    part = next((moment.part for moment in named if moment.part), "")
    if part or any(moment.month for moment in named):
        years |= frozenset[int]().union(*(moment.years for moment in _named_in(caption)))
    return years, part


@lru_cache(maxsize=1024)
def _named_in(text: str) -> tuple[Moment, ...]:
    return tuple(moment for moment in find_moments(text) if moment.years)


def table_text(passage: Passage) -> str:
    """Give a table's cells apart, in which dates are found: 2023-Q1 in `Bakery,2023-Q1,182640`."""
    rows: Sequence[Row] = table_rows(passage)
    return "\n".join(" | ".join(cell.text for cell in row.cells) for row in rows)
