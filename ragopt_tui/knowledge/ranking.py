"""Putting passages in order: by rules, and by the units found in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ragopt_tui.knowledge.asked_words import AskedWords
from ragopt_tui.knowledge.neighbours import place_of
from ragopt_tui.knowledge.passage import Hit
from ragopt_tui.knowledge.question import Question
from ragopt_tui.knowledge.scoring import ScoredUnit, company_match, period_match
from ragopt_tui.knowledge.units import whole_unit


def rerank(question: Question, hits: Sequence[Hit]) -> list[Hit]:
    """Order hits by search rank, words of the question found, period and company, in equal parts."""
    wholes = [whole_unit(hit.passage) for hit in hits]
    asked = AskedWords(question, [whole.own_words for whole in wholes])
    best = max((hit.score for hit in hits), default=1.0) or 1.0
    ranked = []
    for hit, whole in zip(hits, wholes, strict=True):
        parts = (
            hit.score / best,
            asked.overlap(asked.missing(whole.all_words)),
            period_match(question, whole),
            company_match(question, whole),
        )
        ranked.append(replace(hit, score=sum(parts) / len(parts)))
    return sorted(ranked, key=lambda hit: -hit.score)


def by_best_unit(hits: Sequence[Hit], units: Sequence[ScoredUnit]) -> list[Hit]:
    """Order hits by where the first of their units stands; those without follow as they stood.

    A hit's score becomes that unit's, but none is above that of a hit before it.
    """
    last = len(units), 0.0
    first = [last] * len(hits)
    for rank, scored in enumerate(units):
        at = place_of(scored.unit.passage, hits)
        if at is not None and first[at] is last:
            first[at] = rank, scored.score
    scored_hits = list(zip(first, hits, strict=True))
    ordered = sorted(scored_hits, key=lambda pair: pair[0][0])
    return falling([replace(hit, score=score) for (_, score), hit in ordered])


def falling(hits: Sequence[Hit]) -> list[Hit]:
    """Give hits in their order with no score above that of a hit before it, in four digits."""
    lowest = 1.0
    lowered = []
    for hit in hits:
        lowest = min(lowest, hit.score)
        lowered.append(replace(hit, score=round(lowest, 4)))
    return lowered
