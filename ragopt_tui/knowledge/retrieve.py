"""From a question to ranked passages: hybrid search, then what the question itself says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ragopt_tui.knowledge.passage import Hit
from ragopt_tui.knowledge.question import Question, understand
from ragopt_tui.knowledge.scoring import company_match, missing_stems, period_match, rarity_in
from ragopt_tui.knowledge.units import Unit

if TYPE_CHECKING:
    from ragopt_tui.knowledge.embedder import Embedder
    from ragopt_tui.knowledge.index import Index

CANDIDATES = 60
"""How many passages the hybrid search gives for reranking."""


def retrieve(text: str, index: Index, embedder: Embedder, limit: int) -> tuple[Question, list[Hit]]:
    """Understand a question and give its best passages, best first; scores go from 0 to 1."""
    vector = embedder.embed([text])[0]
    plain = understand(text)
    candidates = index.search(vector, plain.search_text, max(CANDIDATES, limit))
    question = understand(text, {hit.passage.profile.company for hit in candidates})
    return question, rerank(question, candidates)[:limit]


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
