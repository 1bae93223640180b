"""The evidence of an answer as figures, read passage by passage as it is needed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ragopt_tui.chat.figures.declared import Declared
from ragopt_tui.chat.figures.matching import (
    Claim,
    differs_in_sign,
    is_exact,
    names_moment,
    says,
    stems_around,
)
from ragopt_tui.chat.figures.moments import Moment
from ragopt_tui.chat.figures.numerals import Convention, convention_of
from ragopt_tui.chat.figures.passages import ReadPassage, declared_by, read_passage
from ragopt_tui.chat.figures.sources import Source
from ragopt_tui.knowledge.passage import Hit

_PART_NAMES = {
    "Q1": r"Q1|1Q|first[- ]quarter",
    "Q2": r"Q2|2Q|second[- ]quarter",
    "Q3": r"Q3|3Q|third[- ]quarter",
    "Q4": r"Q4|4Q|fourth[- ]quarter",
    "H1": r"H1|1H|first[- ]half|half[- ]year|six months",
    "H2": r"H2|2H|second[- ]half",
    "M3": r"3M|3 mo|three[- ]months?|first[- ]quarter|Q1",
    "M6": r"6M|6 mo|six[- ]months?|first[- ]half|H1",
    "M9": r"9M|9 mo|nine[- ]months?",
}


class FigureEvidence:
    """Looks figures up in numbered passages, `hits[0]` being number 1."""

    def __init__(self, hits: Sequence[Hit]) -> None:
        self._passages = [hit.passage for hit in hits]
        self._read: dict[int, ReadPassage] = {}
        self._files: dict[str, tuple[Convention, Declared]] = {}

    @property
    def numbers(self) -> range:
        """The numbers of the passages."""
        return range(1, len(self._passages) + 1)

    def convention(self, numbers: Iterable[int]) -> Convention | None:
        """Tell how passages write numerals; None where they leave it open."""
        return convention_of("\n".join(self._passages[n - 1].text for n in numbers))

    def passage(self, number: int) -> ReadPassage:
        """Give a passage's figures."""
        if number not in self._read:
            passage = self._passages[number - 1]
            if passage.file not in self._files:
                texts = [p.text for p in self._passages if p.file == passage.file]
                convention = convention_of("\n".join(texts)) or "us"
                self._files[passage.file] = convention, declared_by(self._passages, passage.file)
            self._read[number] = read_passage(number, passage, *self._files[passage.file])
        return self._read[number]

    def sources_of(self, claim: Claim, numbers: Sequence[int]) -> list[Source]:
        """Give the figures of these passages that say what the claim says.

        Where one of them has its very value the other way round, rounded ones do not count.
        """
        sources = [s for n in numbers for s in self.passage(n).sources if says(claim, s)]
        if any(is_exact(claim, source) for source in sources):
            return sources
        return [] if self.contradicts(claim, numbers) else sources

    def related_sources_of(self, claim: Claim, numbers: Sequence[int]) -> list[Source]:
        """Give those that stand beside a word of the claim's sentence: no chance matches."""
        return [s for s in self.sources_of(claim, numbers) if claim.stems & stems_around(s)]

    def contradicts(self, claim: Claim, numbers: Iterable[int]) -> bool:
        """Say whether one of these passages has the figure, but the other way round."""
        return any(differs_in_sign(claim, s) for n in numbers for s in self.passage(n).sources)

    def naming(self, moment: Moment, numbers: Iterable[int]) -> list[int]:
        """Give the passages that state a year or date, in text, lead, headings or profile."""
        return [n for n in numbers if _states(self.passage(n), moment)]


def _states(passage: ReadPassage, moment: Moment) -> bool:
    if moment.month:
        return any(names_moment(moment, held, passage.years) for held in passage.moments)
    if not moment.years & passage.years:
        return any(
            s.quantity.shown in moment.years and not s.quantity.unit for s in passage.sources
        )
    if not moment.part:
        return True
    names = rf"\b(?:{_PART_NAMES[moment.part]})\b"
    return re.search(names, passage.around, re.IGNORECASE) is not None
