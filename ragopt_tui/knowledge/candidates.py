"""The passages that may answer a question: searched among those of its companies and periods.

A report of one year holds the year before as comparative, so a period keeps documents of that
year and of the next. Two searches are fused: among the company's documents of these years, and
among all documents of the company, so that a passage whose document says another year than it
is about is not lost. What leaves too little is not kept to.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ragopt_tui.knowledge.fiscal_period import Period
from ragopt_tui.knowledge.known_scopes import AskedScope, Company, KnownScopes
from ragopt_tui.knowledge.passage import Hit
from ragopt_tui.knowledge.question import Question, interim_parts, understand
from ragopt_tui.knowledge.scope import Filter, FilterKind

if TYPE_CHECKING:
    from ragopt_tui.knowledge.embedder import Embedder, Vectors
    from ragopt_tui.knowledge.index import Index, Ranking

FEWEST = 5
"""A filter that leaves fewer passages than this is not kept to."""

Without = Collection[tuple[str, str]]
"""Filters that the user removed: their kind and value, or their kind and "" for all of it."""
Where = Mapping[str, Sequence[str]]
"""Values by column, as `Index.search` takes them."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """Passages that may answer `question`, best first, and the filters they were found with.

    `vector` is the question's, of shape (dimensions,).
    """

    question: Question
    vector: Vectors
    hits: list[Hit]
    filters: tuple[Filter, ...]


def find_candidates(
    text: str,
    index: Index,
    embedder: Embedder,
    count: int,
    without: Without = (),
) -> Candidates:
    """Search for `count` passages within what a question asks about."""
    known = index.scopes()
    asked = known.asked(text)
    kept = asked.without(without)
    question = _question(asked, kept)
    vector = embedder.embed_query(question.text)
    scope = _Scope.of(kept, known)
    hits, relaxed = _search(index, vector, question.search_text, count, scope)
    filters = tuple(
        replace(each, state="relaxed") if each.state == "used" and each.kind in relaxed else each
        for each in asked.filters(without)
    )
    return Candidates(question, vector, hits, filters)


def _where_company(companies: Collection[Company]) -> Where:
    """Give what keeps a search to documents of one of some companies, or to nothing."""
    names = sorted({name for company in companies for name in company.names})
    return {"company": names} if names else {}


def _where_period(periods: Collection[Period], known: KnownScopes) -> Where:
    """Give what keeps a search to documents that may speak of one of some periods, or to nothing.

    These are those of the same year and of the next, and beside such those that name no period.
    """
    may = {
        text
        for text, period in known.periods.items()
        if any(period.year - each.year in (0, 1) for each in periods)
    }
    return {"period": sorted(may | {""}) if may else []} if periods else {}


@dataclass(frozen=True, slots=True)
class _Scope:
    """What a search is kept to, by kind; empty where it is to nothing."""

    company: Where
    period: Where

    @classmethod
    def of(cls, asked: AskedScope, known: KnownScopes) -> _Scope:
        companies = [company for company, _ in asked.companies]
        periods = [said.period for said in asked.periods]
        return cls(_where_company(companies), _where_period(periods, known))


def _search(
    index: Index, vector: Vectors, words: str, count: int, scope: _Scope
) -> tuple[list[Hit], set[FilterKind]]:
    """Give hits, and the kinds of filters that left too little."""
    relaxed: set[FilterKind] = set()
    company, period = scope.company, scope.period
    is_narrowed = any(period.values())
    wheres = [company, {**company, **period}] if is_narrowed else [company]
    wide, *narrower = index.rankings(vector, words, count, wheres)
    if company and len(wide) < FEWEST:
        everywhere, *of_period = index.rankings(
            vector, words, count, [{}, period] if is_narrowed else [{}]
        )
        if len(everywhere) > len(wide):
            relaxed.add("company")
            wide, narrower = everywhere, of_period
    narrow = narrower[0] if narrower else []
    if period and len(narrow) < min(FEWEST, len(wide)):
        relaxed.add("period")
    elif period:
        wide = _fused(wide, narrow)[:count]
    return index.hits(wide), relaxed


def _fused(*rankings: Ranking) -> Ranking:
    """Give several rankings as one, by the ranks that rows have in each."""
    from ragopt_tui.knowledge.index import fuse

    return fuse([[row for row, _ in ranking] for ranking in rankings])


def _question(asked: AskedScope, kept: AskedScope) -> Question:
    """Read a question; what was removed from its scope is not asked for."""
    text = asked.written_out(kept.periods)
    question = understand(text, {name for c, _ in asked.companies for name in c.names})
    removed = [each for each in asked.periods if each not in kept.periods]
    years = {str(each.period.year) for each in removed}
    parts = [part for each in removed for part in interim_parts(each.said)]
    return replace(
        question,
        companies=frozenset(name for c, _ in kept.companies for name in c.names),
        years=question.years - (years - {str(each.period.year) for each in kept.periods}),
        interim=question.interim.difference(parts),
    )
