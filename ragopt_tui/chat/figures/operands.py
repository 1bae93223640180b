"""Which cited figures a statement may have been computed from: few, so that nothing fits by chance."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from ragopt_tui.chat.figures.passages import ReadPassage
from ragopt_tui.chat.figures.senses import without_ways
from ragopt_tui.chat.figures.sources import Source
from ragopt_tui.chat.figures.statement import Statement, measure_of_heading
from ragopt_tui.chat.figures.words import stems_in

_ALIKE = 0.5
"""The least share of words by which a statement speaks of a column, or of what a sentence says."""
_TOTAL = re.compile(r"\b(?:total|consolidated|group|net assets|overall)\b", re.IGNORECASE)
_MOST_SOURCES = 8


@dataclass(frozen=True, slots=True)
class Operands:
    """Figures that may be computed with one another.

    `years` are those asked for; `with_totals` says that among them are totals that nobody named.
    """

    sources: tuple[Source, ...]
    years: frozenset[int]
    with_totals: bool = False

    def pairs(self) -> Iterator[tuple[Source, Source]]:
        """Give pairs of figures, the later first; both ways round where nothing tells which is."""
        for one, other in combinations(self.sources, 2):
            if one.quantity == other.quantity and one.years == other.years:
                continue
            first, last = max(one.years, default=0), max(other.years, default=0)
            if first and last and first != last:
                if self._asked(first, last):
                    yield (one, other) if first > last else (other, one)
            elif one.base != other.base:
                yield (other, one) if one.base else (one, other)
            else:
                yield one, other
                yield other, one

    def _asked(self, first: int, last: int) -> bool:
        if not self.years:
            return abs(first - last) == 1
        if len(self.years) > 1:
            return {first, last} <= self.years
        return bool({first, last} & self.years) and abs(first - last) == 1


def operands_for(
    statement: Statement, found: Sequence[Source], cited: Iterable[ReadPassage]
) -> Iterator[Operands]:
    """Give sets of figures, the likeliest first: stated ones, named rows and columns, one sentence."""
    if 2 <= len(found) <= _MOST_SOURCES:
        yield Operands(tuple(found), frozenset(_all_years(found)))
    for passage in cited:
        cells = [source for source in passage.sources if source.column]
        yield from _in_rows(statement, cells)
        yield from _in_columns(statement, cells)
        yield from _in_sentences(statement, passage)


def _all_years(sources: Iterable[Source]) -> Iterator[int]:
    for source in sources:
        yield from source.years


def _in_rows(statement: Statement, cells: Sequence[Source]) -> Iterator[Operands]:
    """Give the cells of a named row whose columns differ in their period only."""
    rows: defaultdict[tuple[int, str, str, str], list[Source]] = defaultdict(list)
    for cell in cells:
        measure = measure_of_heading(cell.heading)
        rows[cell.row, cell.label, measure, cell.quantity.unit].append(cell)
    measures = Counter((at, unit) for at, _, measure, unit in rows if stems_in(measure))
    for (at, label, measure, unit), row in rows.items():
        is_only = not stems_in(measure) or measures[at, unit] == 1
        if statement.names(label) and (is_only or statement.share_of(measure) >= _ALIKE):
            yield Operands(tuple(row), statement.years)


def _in_columns(statement: Statement, held: Sequence[Source]) -> Iterator[Operands]:
    """Give the cells of one column whose rows are named; a row of totals is named by any share."""
    columns: defaultdict[tuple[int | None, str], list[Source]] = defaultdict(list)
    for cell in held:
        if not statement.years or not cell.years or cell.years & statement.years:
            columns[cell.column, cell.quantity.unit].append(cell)
    for column in columns.values():
        named = [cell for cell in column if statement.names(cell.label)]
        totals = [cell for cell in column if _TOTAL.search(cell.label) and cell not in named]
        if named and len(named) + len(totals) >= 2:
            cells = [*named, *totals][:_MOST_SOURCES]
            yield Operands(tuple(cells), frozenset(), with_totals=bool(totals))


def _in_sentences(statement: Statement, passage: ReadPassage) -> Iterator[Operands]:
    sentences: defaultdict[int, list[Source]] = defaultdict(list)
    for source in passage.sources:
        if not source.in_table:
            sentences[source.row].append(source)
    said = stems_in(without_ways(statement.words))
    for sources in sentences.values():
        held = stems_in(sources[0].heading)
        enough = max(1, _ALIKE * min(len(said), len(held)))
        if 2 <= len(sources) <= _MOST_SOURCES and len(held & statement.known) >= enough:
            yield Operands(tuple(sources), statement.years)
