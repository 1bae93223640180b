"""The figures that an answer states, sentence by sentence."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ragopt_tui.chat.citations import CitationSpan, CitedSentence
from ragopt_tui.chat.figures.grammar import Figure, find_figures
from ragopt_tui.chat.figures.markup import Plain, plain_markdown
from ragopt_tui.chat.figures.matching import Claim
from ragopt_tui.chat.figures.moments import Moment
from ragopt_tui.chat.figures.numerals import Convention
from ragopt_tui.chat.figures.periods import bound_periods
from ragopt_tui.chat.figures.quantities import Quantity
from ragopt_tui.chat.figures.senses import Sense, is_base, is_level, senses_in
from ragopt_tui.chat.figures.words import stems_in

_SHARE = re.compile(r"\s+(?:of|share)\b", re.IGNORECASE)
_NOUN = 40


@dataclass(frozen=True, slots=True)
class Statements:
    """The figures of one sentence, read without its Markdown marks.

    `claims` are its quantities by their index in `figures`; `periods` the year or date that such
    a quantity is stated for, or several that it may be.
    """

    sentence: CitedSentence
    plain: Plain
    figures: tuple[Figure, ...]
    claims: dict[int, Claim]
    periods: dict[int, tuple[Moment, ...]]

    @property
    def says_something(self) -> bool:
        """Whether there is anything to cite for: a figure, or more than a heading or a yes."""
        if self.figures:
            return True
        words = self.plain.text.strip()
        introduces = words.endswith(":") or words.startswith("#")
        return not introduces and len(words.split()) > 1

    @property
    def clauses(self) -> dict[int, str]:
        """The words around each figure, up to the figures before and behind it."""
        ends = [0, *(figure.end for figure in self.figures)]
        starts = [*(figure.start for figure in self.figures), len(self.plain.text)]
        return {at: self.plain.text[ends[at] : starts[at + 1]] for at in range(len(self.figures))}

    def span(self, figure: Figure) -> tuple[int, int]:
        """Give where a figure stands in the answer's text."""
        return self.plain.span(figure.start, figure.end)


def read_statements(
    text: str,
    sentence: CitedSentence,
    spans: Sequence[CitationSpan],
    convention: Convention,
    verbatim: bool,
) -> Statements:
    """Read one sentence of an answer; `verbatim` where it is quoted from a passage."""
    brackets = [(span.start, span.end) for span in spans]
    plain = plain_markdown(text, sentence.start, sentence.end, brackets)
    figures = tuple(
        figure for figure in find_figures(plain.text, convention) if not _is_mere_word(figure)
    )
    stems = stems_in(plain.text)
    quantities = [(at, figure) for at, figure in enumerate(figures) if isinstance(figure, Quantity)]
    senses = senses_in(plain.text, [(figure.start, figure.end) for _, figure in quantities])
    claims = {}
    for (at, figure), (way, nature) in zip(quantities, senses, strict=True):
        claims[at] = Claim(
            quantity=figure,
            sense=Sense(figure.sign, figure.bracketed, way, nature),
            stems=stems,
            noun=stems_in(" ".join(plain.text[figure.end : figure.end + _NOUN].split()[:1])),
            share=_SHARE.match(plain.text, figure.end) is not None,
            level=is_level(plain.text, figure.start),
            base=is_base(plain.text, figure.start),
            verbatim=verbatim,
        )
    return Statements(sentence, plain, figures, claims, bound_periods(plain.text, figures))


def _is_mere_word(figure: Figure) -> bool:
    """Say whether it is a small number in words that measures nothing: the two segments."""
    return isinstance(figure, Quantity) and figure.worded and not figure.unit and figure.scale == 1
