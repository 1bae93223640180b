"""Whether a generated answer follows from the passages it cites."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ragopt_tui.chat.answer import CheckedFigure
from ragopt_tui.chat.citations import parse_citations
from ragopt_tui.chat.figures.senses import without_ways
from ragopt_tui.chat.figures.words import stems_in
from ragopt_tui.knowledge.passage import Hit
from ragopt_tui.knowledge.sentences import sentence_spans
from ragopt_tui.knowledge.words import stems_of

_CITATION = re.compile(r"\[[\d\s,;–-]+\]")
_ENOUGH = 0.6
"""The least share of a sentence's words that its cited passages must hold."""


def unsupported_reason(text: str, evidence: Sequence[Hit], figures: Sequence[CheckedFigure]) -> str:
    """Give one sentence that says why `text` does not follow from what it cites, or "".

    Checked: there are citations, none points nowhere, each of its `figures` stands in a cited
    passage or follows from them, and each cited sentence shares most of its words with what it
    cites; figures, units and words for rising and falling are left out.
    """
    cited = parse_citations(text, len(evidence))
    if cited.dangling:
        unknown = ", ".join(f"[{n}]" for n in cited.dangling)
        return f"It cites {unknown}, but there are {len(evidence)} passages."
    if not cited.numbers:
        return "It cites no passage."
    known = set(cited.numbers)
    for figure in figures:
        if figure.status == "not found":
            return f"The figure {figure.text} is not borne out by what it cites."
        if known.isdisjoint(figure.found_in):
            return f"The figure {figure.text} stands in [{figure.found_in[0]}], which it does not cite."
    for start, end in sentence_spans(text):
        sentence = text[start:end]
        numbers = parse_citations(sentence, len(evidence)).numbers or cited.numbers
        reason = _unsupported(sentence, [evidence[n - 1] for n in numbers])
        if reason:
            return reason
    return ""


def _unsupported(sentence: str, cited: Sequence[Hit]) -> str:
    said = _CITATION.sub(" ", sentence)
    held = "\n".join(hit.passage.indexed_text for hit in cited)
    words = stems_in(without_ways(said))
    known = set(stems_of(held))
    if words and sum(word in known for word in words) < _ENOUGH * len(words):
        return "Most of its words stand in no passage that it cites."
    return ""
