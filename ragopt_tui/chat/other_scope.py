"""Which citations of an answer are about another company or period than was asked about.

What a citation does not say is no contradiction, and a comparative is none: a row with the years
2024 and 2023 is about both. So an alarm needs a document of another company; a document of
another year whose cited words name none that was asked; or, in a document of the right year,
table columns or figures that are said for other years only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from ragopt_tui.chat.answer import Answer, Citation
from ragopt_tui.chat.figures.grammar import find_figures
from ragopt_tui.chat.figures.moments import Moment
from ragopt_tui.chat.figures.periods import bound_periods
from ragopt_tui.knowledge.fiscal_period import Period
from ragopt_tui.knowledge.passage import Passage
from ragopt_tui.knowledge.periods import SaidPeriod, find_periods, period_of
from ragopt_tui.knowledge.question import company_words
from ragopt_tui.knowledge.scope import Filter, OtherScope
from ragopt_tui.knowledge.tables import table_caption
from ragopt_tui.knowledge.units import Unit, passage_units
from ragopt_tui.knowledge.words import words_of

_LOOKS_AHEAD = re.compile(
    r"\b(?:expect|guid|outlook|forecast|plan|target|will\b|intend|anticipat|project|aim|from\s+fiscal)",
    re.IGNORECASE,
)
_NEXT_YEAR_FROM = 4
"""From this month on, a date may lie in the fiscal year that is named by the next calendar year."""


def with_scope(answer: Answer, filters: tuple[Filter, ...]) -> Answer:
    """Give an answer and the quotes beside it with what they were asked about and are not about."""
    quotes = with_scope(answer.quotes, filters) if answer.quotes else None
    others = other_scope(answer, filters)
    return replace(answer, quotes=quotes, filters=filters, other_scope=others)


def other_scope(answer: Answer, filters: Iterable[Filter]) -> tuple[OtherScope, ...]:
    """Give the citations that are about another company or period than `filters` ask for."""
    asked = [each for each in filters if each.state != "removed"]
    by_number = groupby(sorted(answer.citations, key=lambda c: c.n), key=lambda c: c.n)
    found = (
        _contradiction(n, answer.evidence[n - 1].passage, list(citations), asked)
        for n, citations in by_number
    )
    return tuple(each for each in found if each)


def _contradiction(
    n: int, passage: Passage, citations: Sequence[Citation], asked: Sequence[Filter]
) -> OtherScope | None:
    companies = [each.value for each in asked if each.kind == "company"]
    if companies and _is_of_another(passage, companies):
        return OtherScope(n, "company", " or ".join(companies), passage.profile.company)
    said = [each.value for each in asked if each.kind == "period"]
    periods = [period for value in said if (period := period_of(value))]
    if not periods:
        return None
    others = [_other_period(_cited_unit(passage, each), periods) for each in citations]
    other = others[0] if all(others) else None
    return OtherScope(n, "period", " or ".join(said), other.label) if other else None


def _is_of_another(passage: Passage, asked: Sequence[str]) -> bool:
    """Whether a passage's document is another company's, and does not speak of one asked for."""
    own = company_words(passage.profile.company)
    if not own:
        return False
    around = (passage.text, passage.lead, *passage.headings, passage.profile.title, passage.file)
    said = set(words_of(" ".join(around)))
    for words in map(company_words, asked):
        shared = min(len(words), len(own))
        if words[:shared] == own[:shared] or words[0] in said:
            return False
    return True


def _cited_unit(passage: Passage, citation: Citation) -> Unit:
    """Give the sentence or row that is cited, or the passage as one where that is neither."""
    start, end = citation.char_start - passage.char_start, citation.char_end - passage.char_start
    whole = Unit(passage, start, end, None)
    return next((u for u in passage_units(passage) if (u.start, u.end) == (start, end)), whole)


@dataclass(frozen=True, slots=True)
class _Said:
    """The periods that cited words name: in their columns, in themselves, and above them."""

    columns: tuple[Period, ...]
    own: tuple[Period, ...]
    above: tuple[Period, ...]


def _other_period(unit: Unit, asked: Sequence[Period]) -> Period | None:
    """Give the period that a cited unit is about, if that is none of those asked for."""
    document = period_of(unit.passage.profile.period)
    said = _periods_said(unit, document)
    named = (*said.own, *said.columns, *said.above)
    if any(_may_be(each, one) for each in named for one in asked):
        return _other_part(said, asked)
    if document and not any(_speaks_of(document, one) for one in asked):
        ahead = any(one.year == document.year + 1 for one in asked)
        if ahead and _LOOKS_AHEAD.search(f"{unit.context} {unit.words}"):
            return None
        return next(iter((*said.columns, *_bound(unit))), document)
    before = [
        each
        for each in said.columns or _bound(unit)
        if each.year < min(one.year for one in asked) - each.is_date
    ]
    every = said.columns or _bound(unit)
    return before[0] if every and len(before) == len(every) else None


def _other_part(said: _Said, asked: Sequence[Period]) -> Period | None:
    """Give the quarter or half in whose column figures stand where another part was asked for."""
    parts = [each for each in said.columns if each.is_interim]
    if not parts or len(parts) < len(said.columns):
        return None
    return None if any(_same_part(each, one) for each in parts for one in asked) else parts[0]


def _periods_said(unit: Unit, document: Period | None) -> _Said:
    passage = unit.passage
    columns: list[Period] = []
    if unit.row is not None:
        for index, cell in enumerate(unit.row.cells):
            for text in (cell.column if index else "", cell.text):
                columns += _pure(text, document)
    caption = table_caption(passage) if passage.kind == "table" else passage.lead
    above = " | ".join([*passage.headings, caption, unit.previous])
    return _Said(
        tuple(columns),
        tuple(each.period for each in _dated(unit.words, document)),
        tuple(each.period for each in _dated(above, document)),
    )


def _dated(text: str, document: Period | None) -> list[SaidPeriod]:
    """Give the periods of a text that have a year; "last year" is read from the document's."""
    return [each for each in find_periods(text, document) if each.period.year]


def _pure(text: str, document: Period | None) -> list[Period]:
    """Give the periods of a column's heading or a cell that say what its figures are about."""
    found = _dated(text, document)
    return [each.period for each in found] if len(text) <= 60 else []


def _bound(unit: Unit) -> list[Period]:
    """Give the years that the figures of a sentence are said for; none where one has no year."""
    if unit.row is not None:
        return []
    figures = find_figures(unit.words, "us")
    bound = bound_periods(unit.words, figures)
    quantities = [at for at, figure in enumerate(figures) if not isinstance(figure, Moment)]
    if not quantities or any(not bound.get(at) for at in quantities):
        return []
    return [
        Period(max(moment.years), "month" if moment.month else "year", moment.month)
        for at in quantities
        for moment in bound[at]
        if moment.years
    ]


def _may_be(said: Period, asked: Period) -> bool:
    """Whether a period that is named may be one asked for, or hold it."""
    if said.year == asked.year:
        return not (said.is_date and asked.is_date) or said.month == asked.month
    return _lies_in_next(said, asked) or _lies_in_next(asked, said)


def _speaks_of(document: Period, asked: Period) -> bool:
    """Whether a document of a period may be about another where it does not say."""
    if document.year == asked.year or _lies_in_next(asked, document):
        return True
    return document.is_date and document.year == asked.year + 1


def _lies_in_next(date: Period, year: Period) -> bool:
    """Whether a date may lie in a fiscal year that is named by the next calendar year."""
    late = date.is_date and date.month >= _NEXT_YEAR_FROM
    return late and not year.is_date and year.year == date.year + 1


def _same_part(said: Period, asked: Period) -> bool:
    if not asked.is_interim:
        return asked.is_date
    return said.part[0] == asked.part[0] and (
        said.part == asked.part or len(said.part) == 1 or len(asked.part) == 1
    )
