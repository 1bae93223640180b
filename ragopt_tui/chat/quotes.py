"""The answer without a language model: the best sentences and table rows, verbatim."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ragopt_tui.chat.answer import Answer
from ragopt_tui.chat.citations import cite
from ragopt_tui.knowledge.passage import Hit
from ragopt_tui.knowledge.question import Question, understand, years_in
from ragopt_tui.knowledge.scoring import ScoredUnit, missing_stems, rarity_in, score_units
from ragopt_tui.knowledge.tables import table_caption
from ragopt_tui.knowledge.units import Unit, passage_units
from ragopt_tui.plaintext import markdown_escaped

if TYPE_CHECKING:
    import numpy as np

    from ragopt_tui.knowledge.embedder import Embedder

REFUSAL = "The documents do not say."
MOST_QUOTES = 3
COMPARED_UNITS = 40
"""How many units are embedded for a question: those that share most of its words."""
_NEXT_BEST = 0.7
"""A further quote is shown where its score is at least this share of the best one's."""


class UnitVectors(dict[tuple[str, int], "np.ndarray"]):
    """Embeddings of units by (passage id, start), kept between questions, oldest dropped."""

    def __init__(self, limit: int = 20_000) -> None:
        super().__init__()
        self._limit = limit

    def __setitem__(self, key: tuple[str, int], vector: np.ndarray) -> None:
        if len(self) >= self._limit:
            del self[next(iter(self))]
        super().__setitem__(key, vector)


def answer_with_quotes(
    question: str,
    hits: Sequence[Hit],
    embedder: Embedder,
    *,
    threshold: float,
    index_version: str,
    passages: int,
    vectors: UnitVectors | None = None,
) -> Answer:
    """Quote what answers the question best, or refuse where its score is below `threshold`.

    Quotes are looked for in all `hits`, best first; the evidence is the first `passages` of them
    and those quoted. `vectors` keeps embeddings for later questions.
    """
    asked = understand(question, {hit.passage.profile.company for hit in hits})
    units = most_promising(asked, [u for hit in hits for u in passage_units(hit.passage)])
    ranks = {hit.passage.id: rank for rank, hit in enumerate(hits, 1)}
    cache = UnitVectors() if vectors is None else vectors
    scored = score_units(asked, units, ranks, embedder, cache)
    if not scored or scored[0].score < threshold:
        return Answer(
            question=question,
            text=f"{REFUSAL} {_why_not(asked, units)}".strip(),
            refused=True,
            citations=(),
            evidence=tuple(hits[:passages]),
            variant="quotes",
            index_version=index_version,
        )
    shown = _best_apart(scored, threshold)
    quoted = {s.unit.passage.id for s in shown}
    evidence = [h for rank, h in enumerate(hits) if rank < passages or h.passage.id in quoted]
    numbers = {hit.passage.id: n for n, hit in enumerate(evidence, 1)}
    return Answer(
        question=question,
        text="\n\n".join(_quoted(s.unit, asked, numbers[s.unit.passage.id]) for s in shown),
        refused=False,
        citations=tuple(
            cite(numbers[s.unit.passage.id], s.unit.passage, s.unit.start, s.unit.end)
            for s in shown
        ),
        evidence=tuple(evidence),
        variant="quotes",
        index_version=index_version,
    )


def most_promising(question: Question, units: list[Unit]) -> list[Unit]:
    """Keep the units that share most of the question's words; embedding all would take seconds."""
    if len(units) <= COMPARED_UNITS:
        return units
    rarity = rarity_in(units)
    unseen = max(rarity.values(), default=1.0)

    def shared(unit: Unit) -> float:
        missing = set(missing_stems(question, unit.all_stems))
        return sum(rarity.get(w, unseen) for w in question.stems if w not in missing)

    kept = sorted(range(len(units)), key=lambda i: (-shared(units[i]), i))[:COMPARED_UNITS]
    return [units[i] for i in sorted(kept)]


def _best_apart(scored: Sequence[ScoredUnit], threshold: float) -> list[ScoredUnit]:
    """Give the best unit and up to two close ones that say something else."""
    least = max(threshold, scored[0].score * _NEXT_BEST)
    shown: list[ScoredUnit] = []
    for candidate in scored:
        if candidate.score < least or len(shown) == MOST_QUOTES:
            break
        if all(candidate.unit.words != other.unit.words for other in shown):
            shown.append(candidate)
    return shown


def _quoted(unit: Unit, question: Question, number: int) -> str:
    if unit.row is None:
        return f"{markdown_escaped(unit.words)} [{number}]"
    row = unit.row
    values: list[str] = []
    for cell in row.cells[1:]:
        if cell.text:
            value = markdown_escaped(f"{cell.column}: {cell.text}" if cell.column else cell.text)
            values.append(f"**{value}**" if question.years & years_in(cell.column) else value)
    caption = table_caption(unit.passage)
    note = f" ({markdown_escaped(caption)})" if caption else ""
    return f"{markdown_escaped(row.named_label)} — {' · '.join(values)}{note} [{number}]"


def _why_not(question: Question, units: Sequence[Unit]) -> str:
    """Say in a sentence which year or word of the question the closest evidence lacks."""
    said = frozenset[str]().union(*(years_in(f"{u.words} {u.context}") for u in units))
    unknown = sorted(question.years - said)
    if units and unknown:
        return f"Nothing close to the question speaks of {' or '.join(unknown)}."
    return ""
