"""The answer without a language model: the best sentences and table rows, verbatim."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ragopt_tui.chat.answer import Answer
from ragopt_tui.chat.citations import cite
from ragopt_tui.chat.question_language import is_in_another_language
from ragopt_tui.knowledge.neighbours import place_of
from ragopt_tui.knowledge.question import Question, years_in
from ragopt_tui.knowledge.retrieve import Retrieval
from ragopt_tui.knowledge.scoring import ScoredUnit
from ragopt_tui.knowledge.tables import table_caption
from ragopt_tui.knowledge.units import Unit
from ragopt_tui.plaintext import markdown_escaped

REFUSAL = "The documents do not say."
MOST_QUOTES = 3
_BRACKETED = re.compile(r"^\(([^()]*)\)$")
NEXT_BEST = 0.7
"""A further quote, or line for the built-in model, is shown where its score is at least this share of the best one's."""


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
    shown = _best_apart(found, threshold)
    quoted = {place_of(s.unit.passage, hits) for s in shown}
    evidence = [h for rank, h in enumerate(hits) if rank < passages or rank in quoted]
    numbers = [1 + (place_of(s.unit.passage, evidence) or 0) for s in shown]
    return Answer(
        question=question.text,
        text="\n\n".join(_quoted(s.unit, question, n) for s, n in zip(shown, numbers, strict=True)),
        refused=False,
        citations=tuple(
            cite(n, s.unit.passage, s.unit.start, s.unit.end)
            for s, n in zip(shown, numbers, strict=True)
        ),
        evidence=tuple(evidence),
        variant="quotes",
        index_version=index_version,
    )


def _best_apart(found: Retrieval, threshold: float) -> list[ScoredUnit]:
    """Give the best unit of each side, and close ones that say something else up to MOST_QUOTES."""
    firsts = sorted((side.units[0] for side in found.sides if side.units), key=lambda s: -s.score)
    least = max(threshold, firsts[0].score * NEXT_BEST)
    close = [scored for scored in found.units if scored.score >= least]
    shown: dict[str, ScoredUnit] = {}
    for scored in [*(first for first in firsts if first.score >= threshold), *close]:
        if len(shown) < max(MOST_QUOTES, len(firsts)):
            shown.setdefault(scored.unit.words, scored)
    return list(shown.values())


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
    caption = _BRACKETED.sub(r"\1", caption)
    note = f" ({markdown_escaped(caption)})" if caption else ""
    return f"{markdown_escaped(row.named_label)} — {' · '.join(values)}{note} [{number}]"


def _why_not(question: Question, units: Sequence[Unit]) -> str:
    """Say in a sentence what stood in the way: the language, or a year that nothing speaks of."""
    if is_in_another_language(question.text):
        return "The question is not in English, the only language that is read well."
    said = frozenset[str]().union(*(years_in(f"{u.words} {u.context}") for u in units))
    unknown = sorted(question.years - said)
    if units and unknown:
        return f"Nothing close to the question speaks of {' or '.join(unknown)}."
    return ""
