"""From a question to ranked passages and the units that answer: search, rules, reading.

Hybrid search gives many passages; rules of words, period and company put them in order and choose
sentences and rows worth a look; a small cross-encoder skims those, a large one reads the best of
them; passages then stand in the order of their best unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ragopt_tui.knowledge.passage import Hit
from ragopt_tui.knowledge.question import Question, understand
from ragopt_tui.knowledge.scoring import (
    READ,
    SKIMMED,
    ScoredUnit,
    Weights,
    asked_weights,
    company_match,
    missing_stems,
    period_match,
    promising_units,
)
from ragopt_tui.knowledge.units import Unit

if TYPE_CHECKING:
    from ragopt_tui.knowledge.cross_encoder import CrossEncoder
    from ragopt_tui.knowledge.embedder import Embedder
    from ragopt_tui.knowledge.index import Index
    from ragopt_tui.knowledge.word_vectors import WordVectors

CANDIDATES = 40
"""How many passages the hybrid search gives, at least, to be put in order here."""
SKIMMED_UNITS = 48
"""How many sentences and rows the small cross-encoder skims for a question."""
READ_UNITS = 12
"""How many of them the large one reads."""


@dataclass(frozen=True, slots=True)
class Retrieval:
    """Passages, best first, with scores from 0 to 1, and the units read in them, best first."""

    question: Question
    hits: list[Hit]
    units: list[ScoredUnit]


@dataclass(frozen=True, slots=True)
class RetrievalModels:
    """What retrieval computes with; the embedder is the index's own."""

    embedder: Embedder
    words: WordVectors
    skimmer: CrossEncoder
    reader: CrossEncoder

    @classmethod
    def with_embedder(cls, embedder: Embedder) -> RetrievalModels:
        """Load the built-in others."""
        from ragopt_tui.knowledge.cross_encoder import READER, SKIMMER, CrossEncoder
        from ragopt_tui.knowledge.word_vectors import WordVectors

        return cls(embedder, WordVectors(), CrossEncoder(SKIMMER), CrossEncoder(READER))


def retrieve(text: str, index: Index, models: RetrievalModels, limit: int) -> Retrieval:
    """Understand a question and find what answers it, in at most `limit` passages."""
    question, hits = ranked_passages(text, index, models.embedder, limit)
    return read_passages(question, hits, models, limit)


def read_passages(
    question: Question, hits: Sequence[Hit], models: RetrievalModels, limit: int
) -> Retrieval:
    """Find the units of ranked passages that answer, and order the passages by them."""
    passages = [hit.passage for hit in hits]
    promising = promising_units(question, passages, models.words, SKIMMED_UNITS)
    skimmed = read(question, promising, models.skimmer, SKIMMED)
    units = read(question, skimmed[:READ_UNITS], models.reader, READ)
    ordered = by_best_unit(hits, [*units, *skimmed[READ_UNITS:]])[:limit]
    kept = {hit.passage.id for hit in ordered}
    return Retrieval(question, ordered, [u for u in units if u.unit.passage.id in kept])


def ranked_passages(
    text: str, index: Index, embedder: Embedder, limit: int
) -> tuple[Question, list[Hit]]:
    """Search and put in order by rules."""
    vector = embedder.embed_query(text)
    plain = understand(text)
    candidates = index.search(vector, plain.search_text, max(CANDIDATES, limit))
    question = understand(text, {hit.passage.profile.company for hit in candidates})
    return question, rerank(question, candidates)


def rerank(question: Question, hits: Sequence[Hit]) -> list[Hit]:
    """Order hits by search rank, words of the question found, period and company, in equal parts."""
    wholes = [Unit(h.passage, 0, len(h.passage.text), None) for h in hits]
    asked = asked_weights(question, [whole.own_stems for whole in wholes])
    total = sum(asked.values()) or 1.0
    best = max((hit.score for hit in hits), default=1.0) or 1.0
    ranked = []
    for hit, whole in zip(hits, wholes, strict=True):
        missing = missing_stems(question, whole.whole_meaning)
        parts = (
            hit.score / best,
            1 - sum(asked[word] for word in missing) / total,
            period_match(question, whole),
            company_match(question, whole),
        )
        ranked.append(replace(hit, score=sum(parts) / len(parts)))
    return sorted(ranked, key=lambda hit: -hit.score)


def read(
    question: Question, units: Sequence[ScoredUnit], model: CrossEncoder, weights: Weights
) -> list[ScoredUnit]:
    """Score units by what a cross-encoder says of them, best first."""
    logits = model.logits(question.text, [scored.unit for scored in units])
    scored = [
        replace(unit, score=weights.score(unit.parts, float(logit)))
        for unit, logit in zip(units, logits, strict=True)
    ]
    return sorted(scored, key=lambda s: -s.score)


def by_best_unit(hits: Sequence[Hit], units: Sequence[ScoredUnit]) -> list[Hit]:
    """Order hits by where the first of their units stands; those without follow as they stood.

    A hit's score becomes that unit's, but none is above that of a hit before it.
    """
    first: dict[str, tuple[int, float]] = {}
    for rank, scored in enumerate(units):
        first.setdefault(scored.unit.passage.id, (rank, scored.score))
    last = len(units), 0.0
    scored_hits = [(first.get(hit.passage.id, last), hit) for hit in hits]
    lowest = 1.0
    ordered = []
    for (_, score), hit in sorted(scored_hits, key=lambda pair: pair[0][0]):
        lowest = min(lowest, score)
        ordered.append(replace(hit, score=round(lowest, 4)))
    return ordered
