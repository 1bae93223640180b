"""Every figure of an answer, looked up in the passages of its evidence."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from ragopt_tui.chat.answer import Answer, CheckedFigure, FigureStatus
from ragopt_tui.chat.citations import (
    CitationSpan,
    CitedSentence,
    cited_sentences,
    parse_citations,
)
from ragopt_tui.chat.figures.claims import Statements, read_statements
from ragopt_tui.chat.figures.computed import computation_of
from ragopt_tui.chat.figures.doubted_years import doubted_years
from ragopt_tui.chat.figures.evidence import FigureEvidence
from ragopt_tui.chat.figures.moments import Moment
from ragopt_tui.chat.figures.numerals import Convention, convention_of
from ragopt_tui.chat.figures.passages import ReadPassage, years_of
from ragopt_tui.chat.figures.placement import misplaced
from ragopt_tui.chat.figures.quantities import Quantity
from ragopt_tui.chat.figures.sources import Source
from ragopt_tui.chat.figures.statement import Statement
from ragopt_tui.chat.figures.units import shown_unit
from ragopt_tui.knowledge.passage import Hit
from ragopt_tui.knowledge.question import years_in

_COMMA_GROUP = re.compile(r"\d,\d{3}(?!\d)")
_MOST_COMPUTED = 40
"""A sentence with more figures that stand nowhere is no sentence, and would take seconds."""
_EXACT_FLOAT = 2**53


@dataclass(frozen=True, slots=True)
class Verification:
    """The figures of an answer with their status, and the spans of sentences that cite nothing."""

    figures: tuple[CheckedFigure, ...]
    uncited: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class _Found:
    status: FigureStatus
    passages: tuple[int, ...] = ()
    formula: str = ""


@dataclass(slots=True)
class _Lookup:
    """What is known of one sentence's figures by index; `operands` are those found, to compute with."""

    statements: Statements
    numbers: list[int]
    cited: list[ReadPassage]
    found: dict[int, _Found] = field(default_factory=dict)
    sources: dict[int, list[Source]] = field(default_factory=dict)

    @property
    def operands(self) -> list[Source]:
        """One source of each figure found, marked where the sentence compares with it."""
        return [
            replace(sources[0], base=self.statements.claims[index].base)
            for index, sources in self.sources.items()
        ]


def verify_figures(
    text: str, evidence: Sequence[Hit], question: str, *, verbatim: bool = False
) -> Verification:
    """Look up every figure of an answer in the passages that its sentence cites, then in the others.

    `text` is Markdown with citations `[n]`, which count `evidence` from 1. A year or date is found
    where a passage, its lead, headings or profile states it, unless the passages give what the
    answer says for another year. `verbatim` is for quotes, of which each paragraph is one. Offsets
    are characters of `text`.
    """
    spans = parse_citations(text, len(evidence)).spans
    held = FigureEvidence(evidence)
    sentences = _paragraphs(text, spans) if verbatim else cited_sentences(text, spans)
    cited = sorted({n for s in sentences for n in s.numbers if n in held.numbers})
    convention = _convention(text, held, cited)
    lookups: list[_Lookup] = []
    for sentence in sentences:
        statements = read_statements(text, sentence, spans, convention, verbatim)
        lookups.append(_look_up(statements, held, question))
    stated = [source for lookup in lookups for source in lookup.operands]
    for lookup in lookups:
        _compute(lookup, stated, held, question)
        _look_elsewhere(lookup, held)
    figures = [
        _checked(text, lookup, index)
        for lookup in lookups
        for index in range(len(lookup.statements.figures))
    ]
    silent = [
        (lookup.statements.sentence.start, lookup.statements.sentence.end)
        for lookup in lookups
        if not lookup.statements.sentence.numbers and lookup.statements.says_something
    ]
    return Verification(tuple(figures), tuple(silent))


def _convention(text: str, held: FigureEvidence, cited: Sequence[int]) -> Convention:
    """Tell how an answer writes numerals; 1,234 is a thousand unless it says otherwise itself."""
    if (own := convention_of(text)) or _COMMA_GROUP.search(text):
        return own or "us"
    return held.convention(cited) or "us"


def with_verified_quotes(answer: Answer) -> Answer:
    """Give an answer whose quotes, be they the answer or beside it, have their figures looked up."""
    if answer.quotes is not None:
        answer = replace(answer, quotes=with_verified_quotes(answer.quotes))
    if answer.variant != "quotes" or answer.refused:
        return answer
    verified = verify_figures(answer.text, answer.evidence, answer.question, verbatim=True)
    return replace(answer, figures=verified.figures, uncited=verified.uncited)


def _paragraphs(text: str, spans: Sequence[CitationSpan]) -> list[CitedSentence]:
    paragraphs = []
    for match in re.finditer(r"[^\n]+", text):
        own = [span for span in spans if match.start() <= span.start < match.end()]
        numbers = tuple(number for span in own for number in span.numbers)
        paragraphs.append(CitedSentence(match.start(), match.end(), numbers))
    return paragraphs


def _look_up(statements: Statements, held: FigureEvidence, question: str) -> _Lookup:
    """Find what the cited passages hold."""
    numbers = [n for n in dict.fromkeys(statements.sentence.numbers) if n in held.numbers]
    lookup = _Lookup(statements, numbers, [held.passage(n) for n in numbers])
    for index, claim in statements.claims.items():
        if sources := held.sources_of(claim, numbers):
            lookup.sources[index] = sources
    for index in _misplaced(lookup, question):
        del lookup.sources[index]
    for index, sources in lookup.sources.items():
        lookup.found[index] = _Found("found", _passages_of(sources))
    doubted = doubted_years(statements, lookup.sources, lookup.cited)
    for index, figure in enumerate(statements.figures):
        if isinstance(figure, Moment) and index not in doubted:
            if passages := held.naming(figure, numbers):
                lookup.found[index] = _Found("found", tuple(passages))
        elif index in doubted:
            lookup.found[index] = _Found("not found")
    return lookup


def _misplaced(lookup: _Lookup, question: str) -> set[int]:
    """Give what stands in other rows or columns than those named by the sentence, or asked for."""
    if any(claim.verbatim for claim in lookup.statements.claims.values()):
        return set()
    words = lookup.statements.plain.text
    clauses = lookup.statements.clauses
    for said in (words, f"{question}\n{words}"):
        if wrong := misplaced(Statement.of(said), lookup.sources, lookup.cited, clauses):
            return wrong
    return set()


def _compute(
    lookup: _Lookup, stated: Sequence[Source], held: FigureEvidence, question: str
) -> None:
    """Add what follows from figures of the sentence, of the answer, or of the cited passages."""
    statements = lookup.statements
    missing = [index for index in statements.claims if index not in lookup.found]
    if not 0 < len(missing) <= _MOST_COMPUTED:
        return
    years = years_of(f for f in statements.figures if isinstance(f, Moment))
    asked = frozenset(int(year) for year in years_in(question))
    words = f"{question}\n{statements.plain.text}"
    here = lookup.operands
    for index in missing:
        claim = statements.claims[index]
        if held.contradicts(claim, lookup.numbers):
            continue
        own = years_of(statements.periods.get(index, ()))
        statement = Statement.of(words, own or years or asked)
        computation = computation_of(claim, statement, here, lookup.cited)
        if computation is None and len(stated) > len(here):
            computation = computation_of(claim, statement, stated, ())
        if computation is not None:
            lookup.found[index] = _Found("computed", computation.passages, computation.formula)


def _look_elsewhere(lookup: _Lookup, held: FigureEvidence) -> None:
    """Add what only passages hold that the sentence does not cite."""
    others = [n for n in held.numbers if n not in lookup.numbers]
    for index, figure in enumerate(lookup.statements.figures):
        if index in lookup.found:
            continue
        if isinstance(figure, Moment):
            passages = tuple(held.naming(figure, others))
        else:
            claim = lookup.statements.claims[index]
            passages = _passages_of(held.related_sources_of(claim, others))
        if passages:
            lookup.found[index] = _Found("found elsewhere", passages)


def _passages_of(sources: Sequence[Source]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(source.passage for source in sources))


def _checked(text: str, lookup: _Lookup, index: int) -> CheckedFigure:
    figure = lookup.statements.figures[index]
    found = lookup.found.get(index, _Found("not found"))
    start, end = lookup.statements.span(figure)
    if isinstance(figure, Quantity):
        stated = _as_stated(figure, lookup.sources.get(index, []))
        value, unit = _plain_number(stated.value), shown_unit(stated.unit)
    else:
        value, unit = figure.value, figure.unit
    return CheckedFigure(
        text=text[start:end],
        value=value,
        unit=unit,
        status=found.status,
        found_in=found.passages,
        formula=found.formula,
        start=start,
        end=end,
    )


def _as_stated(figure: Quantity, sources: Sequence[Source]) -> Quantity:
    """Give a numeral alone the unit and scale of its cell, unless that may be read in two units."""
    cells = [source for source in sources if source.in_table]
    if not figure.is_plain or not cells:
        return figure
    place = cells[0].row, cells[0].column
    readings = [s.quantity for s in cells if (s.row, s.column) == place]
    if len({reading.unit for reading in readings}) > 1 or readings[0].shown != figure.shown:
        return figure
    return min(readings, key=lambda reading: reading.scale)


def _plain_number(value: Decimal) -> int | float | str:
    """Give a number for JSON, as a string where a reader's float would lose digits."""
    if value == value.to_integral_value():
        return int(value) if abs(value) <= _EXACT_FLOAT else f"{value:f}"
    number = float(value)
    return number if Decimal(repr(number)) == value else f"{value.normalize():f}"
