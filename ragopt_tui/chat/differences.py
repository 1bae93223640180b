"""What other files say otherwise: another figure for the company, period and measure of a citation."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ragopt_tui.chat.answer import Answer
from ragopt_tui.chat.citations import cite
from ragopt_tui.chat.figures.evidence import FigureEvidence
from ragopt_tui.chat.figures.matching import is_rounded
from ragopt_tui.chat.figures.moments import find_moments
from ragopt_tui.chat.figures.passages import years_of
from ragopt_tui.chat.figures.sources import Source
from ragopt_tui.chat.figures.statement import measure_of_heading
from ragopt_tui.chat.figures.units import same_unit
from ragopt_tui.chat.figures.verify import verify_figures
from ragopt_tui.knowledge.passage import Hit, Passage
from ragopt_tui.knowledge.question import company_words, interim_parts, years_in
from ragopt_tui.knowledge.sentences import sentence_spans
from ragopt_tui.knowledge.tables import table_rows
from ragopt_tui.knowledge.words import stem, stems_of
from ragopt_tui.plaintext import markdown_escaped

_MOST = 3
_SAME_CONTEXT = 0.4
_TELLING_LABEL = 3
_NAMELESS = frozenset(
    """
    a about after almost amount an and approxim are as at be been came compar consolid descript down
    end for from had has have in is it item its line measur metric name nearli of on or our reach
    report restat said some statement stood than the their to up was we were which with year
    fiscal million billion thousand usd eur gbp
    """.split()
)
"""Stems that do not tell one measure from another."""
_NEXT_AMOUNT = re.compile(r"[$€£]|(?<!\d)\d[\d.,]*(?:\s?%| (?:million|billion|thousand))")


@dataclass(frozen=True, slots=True)
class _Said:
    """A figure in its place: evidence number, offsets within the passage of its row or sentence."""

    source: Source
    passage: Passage
    start: int
    end: int
    shown: str
    years: frozenset[int]
    parts: frozenset[str]
    measure: frozenset[str]
    context: frozenset[str]


_Statement = tuple[str, frozenset[str], frozenset[int], str]
"""File, measure, years and figure: what two differing places are known by."""


@dataclass(frozen=True, slots=True)
class _Difference:
    one: _Said
    other: _Said


def with_differences(answer: Answer, hits: Sequence[Hit]) -> Answer:
    """Add a paragraph that says where other files give another figure than what the answer cites.

    Both are cited: passages of `hits` that the evidence lacks are put behind it. The figures of a
    written answer are looked up anew.
    """
    found = _differences(answer, hits)[:_MOST]
    if not found:
        return answer
    evidence, citations = list(answer.evidence), list(answer.citations)
    parts: list[str] = []
    for difference in found:
        one = _number(difference.one.passage, evidence, hits)
        other = _number(difference.other.passage, evidence, hits)
        quoted = difference.other
        if not any(_covers(c.char_start, c.char_end, c.file, quoted) for c in citations):
            citations.append(cite(other, quoted.passage, quoted.start, quoted.end))
        figures = [markdown_escaped(said.shown) for said in (difference.one, quoted)]
        parts.append(f"{_about(difference.one)}{figures[0]} [{one}] and {figures[1]} [{other}]")
    text = f"{answer.text}\n\nThe sources differ: {'; '.join(parts)}."
    whole = replace(answer, text=text, evidence=tuple(evidence), citations=tuple(citations))
    if answer.variant == "quotes":
        return whole
    verified = verify_figures(text, evidence, answer.question)
    return replace(whole, figures=verified.figures, uncited=verified.uncited)


def _differences(answer: Answer, hits: Sequence[Hit]) -> list[_Difference]:
    files = {citation.file for citation in answer.citations}
    known = [*answer.evidence, *(h for h in hits if not _is_in(h.passage, answer.evidence))]
    companies = {h.passage.profile.company for h in known if h.passage.file in files}
    known = [
        hit
        for hit in known
        if hit.passage.profile.company in companies
        and (files != {hit.passage.file} or _is_cited(hit.passage, answer))
    ]
    evidence = FigureEvidence(known)
    said = [each for number in evidence.numbers for each in _said_in(evidence, number, known)]
    asked = years_in(answer.question)
    found: dict[frozenset[_Statement], _Difference] = {}
    for citation in answer.citations:
        for one in said:
            if not _covers(citation.char_start, citation.char_end, citation.file, one):
                continue
            if asked and not asked & {str(year) for year in one.years}:
                continue
            others = [other for other in said if _is_about_the_same(one, other)]
            agreeing = {other.passage.file for other in others if _agree(one, other)}
            for other in others:
                if other.passage.file not in agreeing:
                    pair = frozenset((_statement(one), _statement(other)))
                    found.setdefault(pair, _Difference(one, other))
    return list(found.values())


def _statement(said: _Said) -> _Statement:
    return said.passage.file, said.measure, said.years, said.shown


def _said_in(evidence: FigureEvidence, number: int, hits: Sequence[Hit]) -> Iterator[_Said]:
    passage = hits[number - 1].passage
    profile = frozenset(years_of(find_moments(passage.profile.period)))
    is_table = passage.kind == "table"
    rows = table_rows(passage) if is_table else []
    spans = [(r.start, r.end) for r in rows] if is_table else sentence_spans(passage.text)
    for source in evidence.passage(number).sources:
        if source.row < 0 or source.quantity.measure == "year" or _is_relative(source):
            continue
        start, end = spans[source.row]
        if is_table:
            cell = rows[source.row].cells[source.column or 0]
            if not source.column:
                continue
            shown, measure, years = cell.text, _measure(source), source.years
        else:
            sentence = " ".join(passage.text[start:end].split())
            shown = sentence[source.quantity.start : source.quantity.end].strip()
            measure = _subject(sentence, source, passage)
            years = source.years or years_of(find_moments(sentence))
        yield _Said(
            source=source,
            passage=passage,
            start=start,
            end=end,
            shown=shown,
            years=years or profile,
            parts=interim_parts(f"{source.heading} {source.label} {source.caption}"),
            measure=measure,
            context=_context(source, passage),
        )


def _is_relative(source: Source) -> bool:
    """Say whether a figure is a change, or one that is compared with and may be of any year."""
    is_change = source.sense.change or bool(source.sense.way)
    return is_change or (source.base and not source.years)


def _measure(source: Source) -> frozenset[str]:
    words = " ".join(map(measure_of_heading, (source.section, source.label, source.heading)))
    return _stems(words)


def _stems(words: str) -> frozenset[str]:
    """Give the stems that name a measure: "other" and "total" count, figures do not."""
    return frozenset(s for s in stems_of(words) if s not in _NAMELESS and not s[0].isdigit())


def _subject(sentence: str, source: Source, passage: Passage) -> frozenset[str]:
    """What a sentence says a figure of: its words before it, and behind it up to the next one."""
    company = {stem(word) for word in company_words(passage.profile.company)}
    behind = _NEXT_AMOUNT.split(sentence[source.quantity.end :], maxsplit=1)[0]
    words = measure_of_heading(f"{sentence[: source.quantity.start]} {behind}")
    return _stems(words) - company


def _context(source: Source, passage: Passage) -> frozenset[str]:
    words = f"{source.caption} {' '.join(passage.headings[-1:])}"
    return _stems(measure_of_heading(words))


def _is_about_the_same(one: _Said, other: _Said) -> bool:
    """Say whether another file's figure is of the same company, period, unit and measure."""
    profiles = one.passage.profile, other.passage.profile
    if one.passage.file == other.passage.file or profiles[0].company != profiles[1].company:
        return False
    if not one.years or one.years != other.years or one.parts != other.parts:
        return False
    if profiles[0].period != profiles[1].period and (_is_ahead(one) or _is_ahead(other)):
        return False
    units = one.source.quantity.unit, other.source.quantity.unit
    if not same_unit(*units) or one.source.undeclared or other.source.undeclared:
        return False
    if not one.measure or one.measure != other.measure:
        return False
    return not (one.source.in_table and other.source.in_table) or _same_context(one, other)


def _is_ahead(said: _Said) -> bool:
    """Say whether a figure is of a year after its document's: a plan, or what falls due then."""
    period = years_of(find_moments(said.passage.profile.period))
    return bool(period) and max(said.years) > max(period)


def _same_context(one: _Said, other: _Said) -> bool:
    if one.context == other.context or len(one.measure) >= _TELLING_LABEL:
        return True
    shared = len(one.context & other.context)
    return shared >= _SAME_CONTEXT * len(one.context | other.context)


def _agree(one: _Said, other: _Said) -> bool:
    said, held = one.source.quantity, other.source.quantity
    if said.value == held.value:
        return True
    return is_rounded(said.value, said.step, held.value) or is_rounded(
        held.value, held.step, said.value
    )


def _covers(start: int, end: int, file: str, said: _Said) -> bool:
    first = said.passage.char_start + said.start
    last = said.passage.char_start + said.end
    return file == said.passage.file and start < last and first < end


def _is_cited(passage: Passage, answer: Answer) -> bool:
    return any(
        c.file == passage.file
        and c.char_start < passage.char_end
        and passage.char_start < c.char_end
        for c in answer.citations
    )


def _is_in(passage: Passage, hits: Sequence[Hit]) -> bool:
    return any(hit.passage.id == passage.id for hit in hits)


def _number(passage: Passage, evidence: list[Hit], hits: Sequence[Hit]) -> int:
    """Give a passage's number in the evidence, which takes it in where it is not there yet."""
    for number, hit in enumerate(evidence, 1):
        if hit.passage.id == passage.id:
            return number
    evidence.append(next(hit for hit in hits if hit.passage.id == passage.id))
    return len(evidence)


def _about(said: _Said) -> str:
    """Name what a row's figure is of; a sentence stands above in full."""
    if not said.source.in_table:
        return ""
    named = ", ".join(part for part in (said.source.label, said.source.heading) if part)
    return f"{markdown_escaped(named)}: "
