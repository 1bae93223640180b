"""The answer without a language model: the best sentences and table rows, verbatim."""

from __future__ import annotations

from collections.abc import Sequence

from ragopt_tui.chat.answer import Answer
from ragopt_tui.chat.citations import cite
from ragopt_tui.knowledge.question import Question, years_in
from ragopt_tui.knowledge.retrieve import Retrieval
from ragopt_tui.knowledge.scoring import ScoredUnit
from ragopt_tui.knowledge.tables import table_caption
from ragopt_tui.knowledge.units import Unit
from ragopt_tui.plaintext import markdown_escaped

REFUSAL = "The documents do not say."
MOST_QUOTES = 3
_NEXT_BEST = 0.7
"""A further quote is shown where its score is at least this share of the best one's."""


def answer_with_quotes(
    found: Retrieval, *, threshold: float, index_version: str, passages: int
) -> Answer:
    """Quote what answers the question best, or refuse where its score is below `threshold`.

    The evidence is the first `passages` of those found and those quoted.
    """
    question, hits, units = found.question, found.hits, found.units
    if not units or units[0].score < threshold:
        return Answer(
            question=question.text,
            text=f"{REFUSAL} {_why_not(question, [scored.unit for scored in units])}".strip(),
            refused=True,
            citations=(),
            evidence=tuple(hits[:passages]),
            variant="quotes",
            index_version=index_version,
        )
    shown = _best_apart(units, threshold)
    quoted = {s.unit.passage.id for s in shown}
    evidence = [h for rank, h in enumerate(hits) if rank < passages or h.passage.id in quoted]
    numbers = {hit.passage.id: n for n, hit in enumerate(evidence, 1)}
    return Answer(
        question=question.text,
        text="\n\n".join(_quoted(s.unit, question, numbers[s.unit.passage.id]) for s in shown),
        refused=False,
        citations=tuple(
            cite(numbers[s.unit.passage.id], s.unit.passage, s.unit.start, s.unit.end)
            for s in shown
        ),
        evidence=tuple(evidence),
        variant="quotes",
        index_version=index_version,
    )


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
