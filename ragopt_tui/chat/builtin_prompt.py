"""The built-in model's prompt: sentences and table rows, each with how likely it answers.

Word for word what `recipes/builtin_model` trains on; see builtin/MODEL_CARD.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ragopt_tui.chat.builtin_rows import row_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ragopt_tui.knowledge.passage import Hit
    from ragopt_tui.knowledge.scoring import ScoredUnit
    from ragopt_tui.knowledge.units import Unit

INSTRUCTION = (
    "Answer from the numbered lines and cite them like [1]. A line gives its number, how likely it "
    "answers (9 is most), where it stands, and its words. If no line answers, reply: "
    "The documents do not say."
)
SHOWN_UNITS = 3
"""How many of the best sentences and rows are shown at most."""
LONGEST_WORDS = 420
"""Characters of a sentence or row that are shown; the rest is cut off."""
_LONGEST_HEADER = 90
_LONGEST_HEADING = 60
_LONGEST_CAPTION = 110
_LONGEST_PREVIOUS = 150


def unit_line(number: int, score: float, about: str, words: str) -> str:
    """Give one line: the passage's number, the score from 0 to 1 in tenths, context and words.

    Tenths are rounded, so that the score from which quotes answer, 0.55, lies between two of them.
    """
    return f"[{number}] {min(9, int(score * 10 + 0.5))} | {about} | {words}"


def builtin_lines(question: str, units: Sequence[ScoredUnit], evidence: Sequence[Hit]) -> list[str]:
    """Give the lines of the best units that stand in the evidence, which numbers them.

    A unit much less likely than the best one is left out, as in quotes. Where nothing was read, the
    first sentences and rows of the evidence are shown.
    """
    from ragopt_tui.chat.quotes import NEXT_BEST
    from ragopt_tui.knowledge.neighbours import place_of
    from ragopt_tui.knowledge.units import passage_units

    read = [(scored.unit, scored.score) for scored in units]
    found = read or [(unit, hit.score) for hit in evidence for unit in passage_units(hit.passage)]
    placed = [(place_of(unit.passage, evidence), unit, score) for unit, score in found]
    shown = [(place, unit, score) for place, unit, score in placed if place is not None]
    least = NEXT_BEST * max((score for _, _, score in shown), default=0.0)
    return [
        unit_line(place + 1, score, about_unit(unit), shown_words(unit, question))
        for place, unit, score in shown
        if score >= least
    ][:SHOWN_UNITS]


def builtin_content(question: str, lines: Sequence[str]) -> str:
    """Give the user's turn, with the question before and after the lines."""
    asked = f"Question: {question}"
    return "\n\n".join(part for part in (INSTRUCTION, asked, "\n".join(lines), asked) if part)


def shown_words(unit: Unit, question: str) -> str:
    """Give a unit's words as a line shows them, of a row the columns asked for."""
    return beginning(row_words(unit, question), LONGEST_WORDS)


def about_unit(unit: Unit) -> str:
    """Say where a unit stands: document, heading, caption, and the sentence before it."""
    from ragopt_tui.knowledge.tables import table_caption

    passage = unit.passage
    parts = [beginning(passage.profile.header or passage.file, _LONGEST_HEADER)]
    parts += [beginning(heading, _LONGEST_HEADING) for heading in passage.headings[-1:]]
    if unit.row:
        label_column = unit.row.cells[0].column if unit.row.cells else ""
        for caption in (table_caption(passage), label_column):
            if caption and caption not in unit.words:
                parts.append(beginning(caption, _LONGEST_CAPTION))
    elif unit.previous:
        parts.append(ending(unit.previous, _LONGEST_PREVIOUS))
    return ". ".join(" ".join(part.split()) for part in parts if part)


def beginning(text: str, most: int) -> str:
    """Give the first whole words of a text, at most `most` characters."""
    return text if len(text) <= most else text[: most + 1].rsplit(" ", 1)[0][:most]


def ending(text: str, most: int) -> str:
    """Give the last whole words of a text, at most `most` characters."""
    return text if len(text) <= most else text[-most - 1 :].split(" ", 1)[-1][-most:]
