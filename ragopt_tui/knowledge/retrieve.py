"""From a question to ranked passages: hybrid search, then what the question itself says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ragopt_tui.knowledge.passage import Hit
from ragopt_tui.knowledge.question import Question, understand
from ragopt_tui.knowledge.scoring import (
    WEIGHTS,
    company_match,
    missing_stems,
    period_match,
    rarity_in,
    unit_parts,
)
from ragopt_tui.knowledge.units import Unit, passage_units

if TYPE_CHECKING:
    from ragopt_tui.knowledge.embedder import Embedder
    from ragopt_tui.knowledge.index import Index

CANDIDATES = 40
"""How many passages the hybrid search gives, at least, to be put in order here."""

_TYPICAL_SIMILARITY = 0.5


def retrieve(text: str, index: Index, embedder: Embedder, limit: int) -> tuple[Question, list[Hit]]:
    """Understand a question and give its best passages, best first; scores go from 0 to 1."""
    vector = embedder.embed_query(text)
    plain = understand(text)
    candidates = index.search(vector, plain.search_text, max(CANDIDATES, limit))
    question = understand(text, {hit.passage.profile.company for hit in candidates})
    return question, by_best_unit(question, rerank(question, candidates))[:limit]


def rerank(question: Question, hits: Sequence[Hit]) -> list[Hit]:
    """Order hits by search rank, words of the question found, period and company, in equal parts."""
    wholes = [Unit(h.passage, 0, len(h.passage.text), None) for h in hits]
    rarity = rarity_in(wholes)
    unseen = max(rarity.values(), default=1.0)
    asked = {word: rarity.get(word, unseen) for word in question.stems}
    total = sum(asked.values()) or 1.0
    best = max((hit.score for hit in hits), default=1.0) or 1.0
    ranked = []
    for hit, whole in zip(hits, wholes, strict=True):
        missing = missing_stems(question, whole.all_stems)
        found = 1 - sum(asked[word] for word in missing) / total
        parts = (
            hit.score / best,
            found,
            period_match(question, whole),
            company_match(question, whole),
        )
        ranked.append(replace(hit, score=round(sum(parts) / len(parts), 4)))
    return sorted(ranked, key=lambda hit: -hit.score)


def by_best_unit(question: Question, hits: Sequence[Hit]) -> list[Hit]:
    """Order hits by the sentence or row of each that answers best, as far as words tell.

    Their scores become its probability, with the same similarity taken for all.
    """
    units = [passage_units(hit.passage) for hit in hits]
    rarity = rarity_in([unit for of_passage in units for unit in of_passage])

    def best(rank: int) -> float:
        parts = (
            unit_parts(question, unit, rank + 1, _TYPICAL_SIMILARITY, rarity)
            for unit in units[rank]
        )
        return max(map(WEIGHTS.score, parts), default=0.0)

    reread = [replace(hit, score=round(best(rank), 4)) for rank, hit in enumerate(hits)]
    return sorted(reread, key=lambda hit: -hit.score)
