"""How well a sentence or table row answers a question: words, meaning, period, company, kind.

Each part is a number from 0 to 1; `Weights` turns them into the probability that the unit
answers the question. The weights are a logistic regression fitted by
`recipes/quotes_calibration/fit.py`.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from ragopt_tui.knowledge.question import Question, company_words, years_in
from ragopt_tui.knowledge.units import Unit
from ragopt_tui.knowledge.words import concepts_in, stems_of, stems_of_concept, words_of

if TYPE_CHECKING:
    from ragopt_tui.knowledge.embedder import Embedder

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
_FIGURE = re.compile(r"\d")
_TIME = re.compile(
    r"\b(?:19|20)\d\d\b|\b(?:January|February|March|April|May|June|July|August|September|October|"
    r"November|December)\b"
)
_NAME = re.compile(r"\b[A-Z][\w'’.-]+ (?:&|of|[A-Z])[\w'’.&-]*")


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a unit's score, each from 0 to 1.

    `similarity`: cosine of question and unit embeddings, negative ones cut off. `overlap`: the
    share of the question's words found, weighted by rarity. `own_overlap`: the same for the
    unit's own words, without those of headings above it. `phrase`: the share of the question's
    adjacent word pairs found. `rarest`: 0 where the question's rarest word is missing, more
    where only common ones are. `label`: the share of a row's label that the question names; a
    constant for sentences. `period` and `company`: 1 where they are the ones asked for (or none
    is), 0 where another is meant. `kind`: 1 where the unit holds what is asked for (a figure,
    reason, date, name). `standing`: 1 for the first retrieved passage, 1/2 for the second, ….
    """

    similarity: float
    overlap: float
    own_overlap: float
    phrase: float
    rarest: float
    label: float
    period: float
    company: float
    kind: float
    standing: float


@dataclass(frozen=True, slots=True)
class Weights:
    """Logistic regression over `Parts`; the odds are against refusing."""

    bias: float
    of_parts: Parts

    def score(self, parts: Parts) -> float:
        """Give the probability, from 0 to 1, that a unit with these parts answers the question."""
        products = map(operator.mul, astuple(self.of_parts), astuple(parts))
        return 1 / (1 + math.exp(-self.bias - sum(products)))


WEIGHTS = Weights(
    bias=-16.01,
    of_parts=Parts(
        similarity=4.29,
        overlap=2.72,
        own_overlap=2.43,
        phrase=0.64,
        rarest=0.41,
        label=2.08,
        period=3.19,
        company=1.31,
        kind=1.92,
        standing=2.59,
    ),
)
_SENTENCE_LABEL = 0.84


@dataclass(frozen=True, slots=True)
class ScoredUnit:
    """A unit, the parts of its score and the score."""

    unit: Unit
    parts: Parts
    score: float


def score_units(
    question: Question,
    units: Sequence[Unit],
    ranks: Mapping[str, int],
    embedder: Embedder,
    vectors: dict[tuple[str, int], np.ndarray],
) -> list[ScoredUnit]:
    """Score units against a question, best first.

    `ranks` gives the place, from 1, at which each passage id was retrieved. `vectors` caches unit embeddings by (passage id, start) and is filled here.
    """
    if not units:
        return []
    similarity = _similarities(question, units, embedder, vectors)
    rarity = rarity_in(units)
    scored = []
    for unit, cosine in zip(units, similarity, strict=True):
        parts = unit_parts(question, unit, ranks[unit.passage.id], float(cosine), rarity)
        scored.append(ScoredUnit(unit, parts, WEIGHTS.score(parts)))
    return sorted(scored, key=lambda s: -s.score)


def embedded_text(unit: Unit) -> str:
    """Give what is embedded for a unit: what stands over it, then what it says."""
    return f"{unit.context}: {unit.words}" if unit.context else unit.words


def unit_parts(
    question: Question, unit: Unit, rank: int, cosine: float, rarity: Mapping[str, float]
) -> Parts:
    """Compute the parts of one unit's score; `rarity` gives the idf of stems, rare ones missing."""
    own = stems_of(unit.words)
    everything = unit.all_stems
    asked = {word: rarity.get(word, max(rarity.values(), default=1.0)) for word in question.stems}
    missing = missing_stems(question, everything)
    return Parts(
        similarity=max(0.0, cosine),
        overlap=1 - _share(asked, missing),
        own_overlap=1 - _share(asked, missing_stems(question, own)),
        phrase=_phrase(question, own),
        rarest=1 - max((asked[w] for w in missing), default=0) / max(asked.values(), default=1),
        label=_label(question, unit),
        period=period_match(question, unit),
        company=company_match(question, unit),
        kind=_kind(question, unit),
        standing=1 / rank,
    )


def _similarities(
    question: Question,
    units: Sequence[Unit],
    embedder: Embedder,
    vectors: dict[tuple[str, int], np.ndarray],
) -> np.ndarray:
    missing = [u for u in units if (u.passage.id, u.start) not in vectors]
    embedded = embedder.embed([embedded_text(unit) for unit in missing])
    for unit, vector in zip(missing, embedded, strict=True):
        vectors[unit.passage.id, unit.start] = vector
    matrix = np.stack([vectors[u.passage.id, u.start] for u in units])
    return np.asarray(matrix @ embedder.embed_query(question.text))


def rarity_in(units: Sequence[Unit]) -> dict[str, float]:
    """Give the inverse document frequency of each stem, a unit counting as a document."""
    seen: dict[str, int] = {}
    for unit in units:
        for word in set(stems_of(unit.words)):
            seen[word] = seen.get(word, 0) + 1
    return {word: math.log(1 + len(units) / count) for word, count in seen.items()}


def missing_stems(question: Question, stems: list[str]) -> list[str]:
    """Give the question's words that neither stand among `stems` nor are meant by them."""
    found = set(stems)
    for concept in concepts_in(stems) & question.concepts:
        found |= stems_of_concept(concept)
    return [word for word in question.stems if word not in found]


def _share(asked: Mapping[str, float], part: Sequence[str]) -> float:
    total = sum(asked.values())
    return sum(asked[word] for word in part) / total if total else 0.0


def _phrase(question: Question, stems: Sequence[str]) -> float:
    if not question.pairs:
        return 0.5
    return len(question.pairs & set(pairwise(stems))) / len(question.pairs)


def _label(question: Question, unit: Unit) -> float:
    if unit.row is None:
        return _SENTENCE_LABEL
    label = [word for word in stems_of(unit.row.label) if not word[0].isdigit()]
    meant = {w for c in concepts_in(label) & question.concepts for w in stems_of_concept(c)}
    known = set(question.all_stems) | meant
    return sum(word in known for word in label) / len(label) if label else 0.0


def period_match(question: Question, unit: Unit) -> float:
    """Give 1 where a unit speaks of a year that is asked for (or none is), 0 where of others."""
    if not question.years:
        return 1.0
    own = years_in(unit.words)
    if question.years & own:
        return 1.0
    if question.years & years_in(unit.context):
        return 0.4 if own else 0.8
    return 0.0 if own or years_in(unit.context) else 0.4


def company_match(question: Question, unit: Unit) -> float:
    """Give 1 where a unit's document is about a company that is asked for (or none is), else 0."""
    if not question.companies:
        return 1.0
    if unit.passage.profile.company in question.companies:
        return 1.0
    said = set(words_of(f"{unit.context} {unit.words} {unit.passage.file}"))
    named = any(company_words(company)[0] in said for company in question.companies)
    return 0.7 if named else 0.0


def _kind(question: Question, unit: Unit) -> float:
    text = unit.words
    if text.endswith(":"):
        return 0.0
    if _ASKS_REASON.search(question.text):
        return 1.0 if _REASON.search(text) else 0.0
    if _ASKS_TIME.search(question.text):
        return 1.0 if _TIME.search(text) else 0.0
    if _ASKS_NAME.search(question.text):
        return 1.0 if _NAME.search(text) else 0.0
    if _ASKS_FIGURE.search(question.text):
        without_years = re.sub(r"\b(?:19|20)\d\d\b", "", text)
        return 1.0 if _FIGURE.search(without_years) else 0.0
    return 0.7
