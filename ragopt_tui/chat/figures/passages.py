"""A passage of the evidence as figures, years and dates."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from ragopt_tui.chat.figures.cells import table_sources, table_text
from ragopt_tui.chat.figures.declared import Declared, declared_in
from ragopt_tui.chat.figures.grammar import find_figures
from ragopt_tui.chat.figures.moments import Moment, find_moments
from ragopt_tui.chat.figures.numerals import Convention
from ragopt_tui.chat.figures.periods import bound_periods
from ragopt_tui.chat.figures.quantities import Quantity
from ragopt_tui.chat.figures.senses import Sense, is_base, senses_in
from ragopt_tui.chat.figures.sources import Source, readings
from ragopt_tui.chat.figures.units import is_currency
from ragopt_tui.chat.figures.words import stems_in
from ragopt_tui.knowledge.passage import Passage
from ragopt_tui.knowledge.sentences import sentence_spans
from ragopt_tui.knowledge.table_lines import trailing_figures

_STATES_UNITS = re.compile(r"\b(?:amounts|figures|tables|values)\b[^.]{0,80}\bin\b", re.IGNORECASE)
_RELATIVE = re.compile(
    r"\b(?:prior|previous|preceding|last|earlier)[\s-]+(?:\w+\s+)?(?:years?|quarters?|periods?)\b"
    r"|\b(?:a|one) year (?:ago|earlier|before)\b|\byear[- ](?:on|over)[- ]year\b|\bcomparative\b",
    re.IGNORECASE,
)
_ROW_FIGURES = 2


@dataclass(frozen=True, slots=True)
class ReadPassage:
    """A passage of the evidence as figures: `years` are all that it or its profile names.

    `sentences` are the stems and dates of each sentence of running text. `around` is its text with lead, headings and profile, in which names of periods are looked up.
    """

    number: int
    sources: tuple[Source, ...]
    sentences: tuple[tuple[frozenset[str], tuple[Moment, ...]], ...]
    moments: tuple[Moment, ...]
    years: frozenset[int]
    around: str


def read_passage(
    number: int, passage: Passage, convention: Convention, document: Declared
) -> ReadPassage:
    """Read evidence passage `number`; `document` is what its file says of all its tables.

    "Last year" in a passage names the year before that of its document.
    """
    profile = passage.profile
    file = passage.file.replace("_", " ").replace("-", " ")
    is_table = passage.kind == "table"
    beside = [passage.lead, *passage.headings, profile.title, profile.period, file]
    cells = [table_text(passage)] if is_table else []
    around = "\n".join([*beside, passage.text, *cells])
    moments = find_moments(around)
    years = years_of(moments)
    if _RELATIVE.search(passage.text):
        years |= {year - 1 for year in years_of(find_moments(profile.period))}
    find = table_sources if is_table else _prose_sources
    sources = tuple(find(number, passage, convention, document))
    sentences = () if is_table else tuple(_dated_sentences(passage.text))
    return ReadPassage(number, sources, sentences, tuple(moments), years, around)


def _dated_sentences(text: str) -> Iterator[tuple[frozenset[str], tuple[Moment, ...]]]:
    for start, end in sentence_spans(text):
        sentence = " ".join(text[start:end].split())
        yield stems_in(sentence), tuple(m for m in find_moments(sentence) if m.years)


def years_of(moments: Iterable[Moment]) -> frozenset[int]:
    """Give all years that moments name."""
    return frozenset[int]().union(*(moment.years for moment in moments))


def declared_by(passages: Sequence[Passage], file: str) -> Declared:
    """Give what the passages of a file say of the amounts of all its tables."""
    for passage in passages:
        if passage.file == file and passage.kind == "prose":
            for start, end in sentence_spans(passage.text):
                sentence = passage.text[start:end]
                said = declared_in(sentence) if _STATES_UNITS.search(sentence) else Declared()
                if said.scale:
                    return said
    return Declared()


def _prose_sources(
    number: int, passage: Passage, convention: Convention, document: Declared
) -> Iterator[Source]:
    rows = _row_lines(passage.text)
    nearby = Declared()
    if rows:
        nearby = declared_in("\n".join([passage.lead, *passage.headings, passage.text]))
    for number_of, (start, end) in enumerate(sentence_spans(passage.text)):
        in_row = any(first < end and start < last for first, last in rows)
        sentence = passage.text[start:end] if in_row else " ".join(passage.text[start:end].split())
        figures = find_figures(sentence, convention)
        bound = bound_periods(sentence, figures)
        quantities = [(at, f) for at, f in enumerate(figures) if isinstance(f, Quantity)]
        senses = senses_in(sentence, [(f.start, f.end) for _, f in quantities])
        for (index, figure), (way, nature) in zip(quantities, senses, strict=True):
            where = start + figure.start
            row = next((r for r in rows if r[0] <= where < r[1]), None) if in_row else None
            source = Source(
                quantity=figure,
                passage=number,
                row=number_of,
                column=index + 1 if row else None,
                section="",
                label=_label_of(passage.text[slice(*row)]) if row else "",
                heading="" if row else sentence,
                caption="",
                sense=Sense(figure.sign, figure.bracketed, way, nature),
                years=years_of(bound.get(index, ())),
                part=next((m.part for m in bound.get(index, ()) if m.part), ""),
                base=is_base(sentence, figure.start),
            )
            if row:
                yield from readings(source, nearby, document)
            else:
                yield source
                yield from _in_document_scale(source, document)


def _in_document_scale(source: Source, document: Declared) -> Iterator[Source]:
    """Give an amount without scale in that of all amounts of the document: $14,018 in thousands."""
    quantity = source.quantity
    if document.scale and is_currency(quantity.unit) and quantity.scale == 1:
        value, step = quantity.value * document.scale, quantity.step * document.scale
        scaled = replace(quantity, value=value, step=step, scale=document.scale)
        yield replace(source, quantity=scaled)


def _label_of(line: str) -> str:
    return re.split(r"\d|[-(]*[$€£]", line, maxsplit=1)[0].strip()


def _row_lines(text: str) -> list[tuple[int, int]]:
    """Give the lines of running text that look like rows of a table that was not recognised."""
    spans = []
    start = 0
    for line in text.split("\n"):
        if trailing_figures(line) >= _ROW_FIGURES:
            spans.append((start, start + len(line)))
        start += len(line) + 1
    return spans
