"""Retrieval: from a question to ranked passages, the evidence that any answer is made from.

Hybrid search within what the question asks about gives many passages; rules of words, period and
company put them in order and choose sentences and rows worth a look; a small cross-encoder skims
those, and passages stand in the order of their best. A comparison does so for each of its sides,
and these take turns. What repeats an earlier passage is named in it, and what was cut from a table
or paragraph is made whole. What quotes need beyond that is in `reading`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ragopt_tui.knowledge.candidates import Candidates, Without, find_candidates
from ragopt_tui.knowledge.duplicates import collapsed
from ragopt_tui.knowledge.neighbours import place_of, with_neighbours
from ragopt_tui.knowledge.passage import Hit
from ragopt_tui.knowledge.question import Question
from ragopt_tui.knowledge.ranking import by_best_unit, falling, rerank
from ragopt_tui.knowledge.scope import Filter
from ragopt_tui.knowledge.scoring import ScoredUnit, promising_units
from ragopt_tui.knowledge.sides import Named, interleaved, sides_of, text_of_side

if TYPE_CHECKING:
    from ragopt_tui.knowledge.embedder import Embedder
    from ragopt_tui.knowledge.index import Index
    from ragopt_tui.knowledge.retrieval_models import Judge, RetrievalModels

CANDIDATES = 40
"""How many passages the hybrid search gives, at least, to be put in order here."""
SKIMMED_PASSAGES = 24
"""In how many of them, the best by rules, sentences and rows are looked for."""
SKIMMED_UNITS = 16
"""How many sentences and rows are skimmed for a question, those of all its sides together."""


@dataclass(frozen=True, slots=True)
class Stages:
    """Which stages take part; benchmarks switch them off one by one."""

    filters: bool = True
    rules: bool = True
    skimming: bool = True
    neighbours: bool = True
    duplicates: bool = True
    sides: bool = True


@dataclass(frozen=True, slots=True)
class Side:
    """What a question, or a side of a comparison, asks for, and units of passages, best first."""

    question: Question
    units: list[ScoredUnit]


@dataclass(frozen=True, slots=True)
class Retrieval:
    """Passages, best first, with scores from 0 to 1, and for each side the units found in them.

    `filters` are the companies and periods of the question. A question that compares nothing has
    one side.
    """

    question: Question
    hits: list[Hit]
    sides: tuple[Side, ...]
    filters: tuple[Filter, ...] = ()

    @property
    def units(self) -> list[ScoredUnit]:
        """The units of all sides, best first."""
        return sorted((u for side in self.sides for u in side.units), key=lambda u: -u.score)


def retrieve(
    text: str,
    index: Index,
    models: RetrievalModels,
    limit: int,
    without: Without = (),
    stages: Stages = Stages(),
) -> Retrieval:
    """Understand a question and find what answers it, in at most `limit` passages.

    `without` are the filters that the user removed, as `find_candidates` takes them.
    """
    if not stages.filters:
        without = [("company", ""), ("period", "")]
    named = index.scopes().asked(text).filters(without)
    left_out = sides_of(named) if stages.sides else [frozenset[Named]()]
    found = [
        ranked_candidates(
            text_of_side(text, named, others),
            index,
            models.embedder,
            limit,
            [*without, *others],
            stages,
        )
        for others in left_out
    ]
    lists, sides = [], []
    for each in found:
        hits, side = _skimmed(each.question, each.hits, models, len(found), stages)
        lists.append(hits)
        sides.append(side)
    hits = _arranged(lists, index, limit, stages)
    shown = tuple(_within(side, hits) for side in sides)
    question = _whole(text, [side.question for side in sides])
    return Retrieval(question, hits, shown, _states(named, left_out, found))


def skim_passages(
    question: Question, hits: Sequence[Hit], models: RetrievalModels, limit: int
) -> Retrieval:
    """Skim the promising units of ranked passages, and give the best `limit` passages by them."""
    ordered, side = _skimmed(question, hits, models, 1, Stages())
    return Retrieval(question, ordered[:limit], (_within(side, ordered[:limit]),))


def ranked_candidates(
    text: str,
    index: Index,
    embedder: Embedder,
    limit: int,
    without: Without = (),
    stages: Stages = Stages(),
) -> Candidates:
    """Search within what a question asks about and put in order by rules."""
    found = find_candidates(text, index, embedder, max(CANDIDATES, limit), without)
    return replace(found, hits=rerank(found.question, found.hits)) if stages.rules else found


def judged(question: Question, units: Sequence[ScoredUnit], judge: Judge) -> list[ScoredUnit]:
    """Score units by what a cross-encoder says of them, best first."""
    logits = judge.model.logits(question.text, [scored.unit for scored in units])
    scored = [
        replace(unit, score=judge.weights.score(unit.parts, float(logit)))
        for unit, logit in zip(units, logits, strict=True)
    ]
    return sorted(scored, key=lambda s: -s.score)


def in_turns(lists: Sequence[Sequence[Hit]]) -> list[Hit]:
    """Give the hits of several lists in turns, each passage once."""
    if len(lists) == 1:
        return list(lists[0])
    best: dict[str, Hit] = {}
    for hit in interleaved(lists):
        best.setdefault(hit.passage.id, hit)
    return falling(list(best.values()))


def _skimmed(
    question: Question, hits: Sequence[Hit], models: RetrievalModels, shares: int, stages: Stages
) -> tuple[list[Hit], Side]:
    passages = [hit.passage for hit in hits[:SKIMMED_PASSAGES]]
    units = promising_units(question, passages, models.words, SKIMMED_UNITS // shares)
    if stages.skimming:
        units = judged(question, units, models.skimming)
        hits = by_best_unit(hits, units)
    return list(hits), Side(question, units)


def _arranged(
    lists: Sequence[Sequence[Hit]], index: Index, limit: int, stages: Stages
) -> list[Hit]:
    hits = in_turns(lists)
    if stages.duplicates:
        hits = collapsed(hits)
    return with_neighbours(hits[:limit], index) if stages.neighbours else hits[:limit]


def _within(side: Side, hits: Sequence[Hit]) -> Side:
    """Give a side with those units only that stand in one of the hits."""
    kept = [s for s in side.units if place_of(s.unit.passage, hits) is not None]
    return replace(side, units=kept)


def _whole(text: str, sides: Sequence[Question]) -> Question:
    """Give the question that has some sides."""
    if len(sides) == 1:
        return sides[0]
    return replace(
        sides[0],
        text=text,
        years=frozenset[str]().union(*(side.years for side in sides)),
        interim=frozenset[str]().union(*(side.interim for side in sides)),
        companies=frozenset[str]().union(*(side.companies for side in sides)),
    )


def _states(
    named: Sequence[Filter], left_out: Sequence[frozenset[Named]], found: Sequence[Candidates]
) -> tuple[Filter, ...]:
    """Give the filters of all sides, each relaxed where it was on its own side."""
    relaxed = {
        (f.kind, f.value)
        for others, each in zip(left_out, found, strict=True)
        for f in each.filters
        if f.state == "relaxed" and (f.kind, f.value) not in others
    }
    return tuple(replace(f, state="relaxed") if (f.kind, f.value) in relaxed else f for f in named)
