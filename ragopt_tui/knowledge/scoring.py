"""How well a sentence or table row answers a question, by what a cross-encoder read and by rules.

PROMISE orders many units by rules alone (words, period, company, kind); SKIMMED and READ add what
a cross-encoder says of those it was given. All are logistic regressions fitted by
`recipes/quotes_calibration/fit.py`.
"""

from __future__ import annotations

import heapq
import math
import operator
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from ragopt_tui.knowledge.asked_words import AskedWords
from ragopt_tui.knowledge.passage import Passage
from ragopt_tui.knowledge.question import Question, company_words
from ragopt_tui.knowledge.units import Unit, passage_units
from ragopt_tui.knowledge.word_vectors import WordVectors
from ragopt_tui.knowledge.words import concepts_in, stems_of_concept, text_words, words_of

_ASKS_FIGURE = re.compile(
    r"\b(how (?:much|many|large|big|high|long|far)|what (?:percentage|percent|share|proportion)|"
    r"amount|ratio|margin|rate|number of)\b",
    re.IGNORECASE,
)
_ASKS_REASON = re.compile(
    r"\b(why|what (?:caused|drove|explains)|reasons?|because)\b", re.IGNORECASE
)
_ASKS_TIME = re.compile(
    r"\b(when|what (?:date|year|month|day)|which (?:year|month|quarter))\b", re.IGNORECASE
)
_ASKS_NAME = re.compile(r"\b(who|whom|whose|which (?:bank|firm|company|auditor))\b", re.IGNORECASE)
_REASON = re.compile(
    r"\b(because|due to|driven by|reflect(?:s|ed|ing)?|result(?:s|ed|ing)? (?:of|from|in)|owing|"
    r"attributable|mainly|primarily|principally|as a result|on account|caused|offset|led by|after)\b",
    re.IGNORECASE,
)
_FIGURE = re.compile(r"(?<!\d)(?!\b(?:19|20)\d\d\b)\d")
_TIME = re.compile(
    r"\b(?:19|20)\d\d\b|\b(?:January|February|March|April|May|June|July|August|September|October|"
    r"November|December)\b"
)
_NAME = re.compile(r"\b[A-Z][\w'’.-]+ (?:&|of|[A-Z])[\w'’.&-]*")


@dataclass(frozen=True, slots=True)
class Parts:
    """What rules see in a unit, each from 0 to 1.

    `overlap`: the share of the question's words found, weighted by rarity. `own_overlap`: the
    same for the unit's own words, without those of headings above it. `phrase`: the share of
    the question's adjacent word pairs found. `rarest`: 0 where the question's rarest word is
    missing, more where only common ones are. `label`: the share of a row's label that the
    question names; a constant for sentences. `period`, `interim` and `company`: 1 where the
    year, the part of the year and the company are the ones asked for (or none is), 0 where
    another is meant. `kind`: 1 where the unit holds what is asked for (a figure, reason, date,
    name). `near` and `own_near`: how near the words of the unit, with and without those above it,
    come to the question's in meaning. `standing`: one over the square root of the retrieved rank.
    """

    overlap: float
    own_overlap: float
    phrase: float
    rarest: float
    label: float
    period: float
    interim: float
    company: float
    kind: float
    near: float
    own_near: float
    standing: float


_values = operator.attrgetter(*(field.name for field in fields(Parts)))


@dataclass(frozen=True, slots=True)
class Weights:
    """Logistic regression over `Parts` and a cross-encoder's logit."""

    bias: float
    of_parts: Parts
    of_reading: float = 0.0

    def score(self, parts: Parts, reading: float = 0.0) -> float:
        """Give the probability, from 0 to 1, that a unit with these parts answers the question."""
        products = map(operator.mul, _values(self.of_parts), _values(parts))
        return 1 / (1 + math.exp(-self.bias - self.of_reading * reading - sum(products)))


PROMISE = Weights(
    bias=-14.0,
    of_parts=Parts(
        overlap=4.96,
        own_overlap=0.94,
        phrase=-0.42,
        rarest=-2.09,
        label=1.50,
        period=3.03,
        interim=1.51,
        company=3.43,
        kind=2.21,
        near=3.17,
        own_near=2.90,
        standing=1.52,
    ),
)
"""For units that no cross-encoder has read."""

SKIMMED = Weights(
    bias=-9.0,
    of_parts=Parts(
        overlap=3.67,
        own_overlap=0.11,
        phrase=-0.71,
        rarest=-1.11,
        label=1.11,
        period=1.08,
        interim=1.01,
        company=2.75,
        kind=1.52,
        near=0.73,
        own_near=1.80,
        standing=1.05,
    ),
    of_reading=0.53,
)
"""For units that the small cross-encoder has skimmed."""

READ = Weights(
    bias=-2.08,
    of_parts=Parts(
        overlap=0.66,
        own_overlap=0.91,
        phrase=0.20,
        rarest=0.31,
        label=0.06,
        period=0.35,
        interim=0.41,
        company=1.02,
        kind=0.48,
        near=0.42,
        own_near=-0.29,
        standing=0.86,
    ),
    of_reading=0.68,
)
"""For units that the large cross-encoder has read: the odds are against refusing."""

AS_READ = Weights(bias=0.0, of_parts=Parts(*(0.0 for _ in fields(Parts))), of_reading=1.0)
"""For units that a cross-encoder of the user's own has read: its word alone counts."""

_SENTENCE_LABEL = 0.84


@dataclass(frozen=True, slots=True)
class ScoredUnit:
    """A unit, what rules see in it, and the probability that it answers."""

    unit: Unit
    parts: Parts
    score: float


def promising_units(
    question: Question, passages: Sequence[Passage], words: WordVectors, count: int
) -> list[ScoredUnit]:
    """Give the units of ranked passages that by rules answer best, best first.

    Where the question names a company, those of other companies are left out, unless all are.
    """
    ranked = [(rank, u) for rank, p in enumerate(passages, 1) for u in passage_units(p)]
    if not ranked:
        return []
    units = [unit for _, unit in ranked]
    asked = AskedWords(question, [unit.own_words for unit in units])
    near, own_near = _nearness(asked, units, words)
    scored = []
    for n, (rank, unit) in enumerate(ranked):
        parts = unit_parts(question, unit, rank, asked, (float(near[n]), float(own_near[n])))
        scored.append(ScoredUnit(unit, parts, PROMISE.score(parts)))
    of_company = [s for s in scored if s.parts.company > 0]
    return heapq.nlargest(count, of_company or scored, key=lambda s: s.score)


def unit_parts(
    question: Question,
    unit: Unit,
    rank: int,
    asked: AskedWords,
    nearness: tuple[float, float],
) -> Parts:
    """Compute the parts of a unit in the passage of a rank.

    `nearness` is of all its words and of its own.
    """
    missing = asked.missing(unit.all_words)
    return Parts(
        overlap=asked.overlap(missing),
        own_overlap=asked.overlap(asked.missing(unit.all_words[:1])),
        phrase=asked.phrase(unit.own_words),
        rarest=asked.rarest(missing),
        label=_label(question, unit),
        period=period_match(question, unit),
        interim=interim_match(question, unit),
        company=company_match(question, unit),
        kind=_kind(question, unit),
        near=nearness[0],
        own_near=nearness[1],
        standing=1 / math.sqrt(rank),
    )


def _nearness(
    asked: AskedWords, units: Sequence[Unit], words: WordVectors
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    whole = [tuple(text.content for text in unit.all_words) for unit in units]
    near = words.nearness(asked.of_words(), [*whole, *(texts[:1] for texts in whole)])
    return near[: len(units)], near[len(units) :]


def _label(question: Question, unit: Unit) -> float:
    if unit.row is None:
        return _SENTENCE_LABEL
    label = [word for word in text_words(unit.row.label).stems if not word[0].isdigit()]
    meant = {w for c in concepts_in(label) & question.concepts for w in stems_of_concept(c)}
    known = meant.union(question.all_stems)
    return sum(word in known for word in label) / len(label) if label else 0.0


def period_match(question: Question, unit: Unit) -> float:
    """Give 1 where a unit speaks of a year that is asked for (or none is), 0 where of others."""
    if not question.years:
        return 1.0
    own, above = unit.years
    if question.years & own:
        return 1.0
    if question.years & above:
        return 0.4 if own else 0.8
    return 0.0 if own or above else 0.4


def interim_match(question: Question, unit: Unit) -> float:
    """Give 1 where a unit speaks of the part of the year asked for, 0 where of another or the whole.

    A question that names no part means the whole year, if it names a year at all.
    """
    if not question.interim and not question.years:
        return 1.0
    own = unit.interim
    if question.interim:
        return 1.0 if question.interim & own else 0.5 if not own else 0.0
    return 0.0 if own else 1.0


def company_match(question: Question, unit: Unit) -> float:
    """Give 1 where a unit's document is about a company that is asked for (or none is), else 0."""
    if not question.companies:
        return 1.0
    if unit.passage.profile.company in question.companies:
        return 1.0
    firsts = {company_words(company)[0] for company in question.companies}
    said = f"{unit.context} {unit.words} {unit.passage.file}"
    lower = said.lower().replace("’", "'")
    is_named = any(first in lower for first in firsts) and firsts.intersection(words_of(said))
    return 0.7 if is_named else 0.0


def _kind(question: Question, unit: Unit) -> float:
    if unit.words.endswith(":"):
        return 0.0
    asked = _asked_kind(question.text)
    return 0.7 if asked is None else 1.0 if asked.search(unit.words) else 0.0


@lru_cache(maxsize=64)
def _asked_kind(question: str) -> re.Pattern[str] | None:
    """Give what stands in a text that holds the kind of thing a question asks for."""
    kinds = (
        (_ASKS_REASON, _REASON),
        (_ASKS_TIME, _TIME),
        (_ASKS_NAME, _NAME),
        (_ASKS_FIGURE, _FIGURE),
    )
    return next((held for asks, held in kinds if asks.search(question)), None)
