"""Whether a figure found stands where the answer's sentence means: row, column, sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from ragopt_tui.chat.figures.passages import ReadPassage
from ragopt_tui.chat.figures.senses import names_change
from ragopt_tui.chat.figures.sources import Source
from ragopt_tui.chat.figures.statement import Statement, measure_of_heading
from ragopt_tui.chat.figures.words import stems_in

_SPOKEN_OF = 0.5
"""The least share of a label's words that a sentence must have to speak of its row."""
_RESTATED = 0.75
"""The least share of a sentence's words that a passage's sentence has of which it says the same."""
_FEWEST_STEMS = 4


def misplaced(
    statement: Statement,
    found: Mapping[int, Sequence[Source]],
    passages: Iterable[ReadPassage],
    clauses: Mapping[int, str],
) -> set[int]:
    """Give the figures, by index, that stand only in rows, columns or sentences that are not meant.

    That is so where the statement names another row (or column) in full, from which it gives no
    figure, and not the one in which the figure stands; or where it says what another sentence
    says: a chance match or the wrong line. `clauses` are the words around each figure.
    """
    held = [source for passage in passages for source in passage.sources]
    cells = [source for source in held if source.in_table]
    lines = _out_of_line(statement, found, cells, lambda source: source.label)
    columns = _out_of_line(statement, found, cells, lambda s: measure_of_heading(s.heading))
    return lines | columns | _out_of_sentence(statement, found, held, clauses)


def _out_of_line(
    statement: Statement,
    found: Mapping[int, Sequence[Source]],
    cells: Sequence[Source],
    label: Callable[[Source], str],
) -> set[int]:
    shares = {label(cell): statement.share_of(label(cell)) for cell in cells}
    named = {name for name in shares if statement.names(name) and not names_change(name)}
    if not named:
        return set()
    suspects: set[int] = set()
    for index, sources in found.items():
        fitting = [s for s in sources if not s.in_table or shares[label(s)] >= _SPOKEN_OF]
        named -= {label(s) for s in fitting if s.in_table}
        if sources and not fitting:
            suspects.add(index)
    return suspects if named else set()


def _out_of_sentence(
    statement: Statement,
    found: Mapping[int, Sequence[Source]],
    held: Sequence[Source],
    clauses: Mapping[int, str],
) -> set[int]:
    said = stems_in(statement.words)
    if len(said) < _FEWEST_STEMS:
        return set()
    shares = {
        s.heading: len(said & stems_in(s.heading)) / len(said) for s in held if not s.in_table
    }
    restated = {s.quantity.unit for s in held if not s.in_table and shares[s.heading] >= _RESTATED}
    return {
        index
        for index, sources in found.items()
        if all(
            not s.in_table
            and shares[s.heading] < _SPOKEN_OF
            and s.quantity.unit in restated
            and not _speaks_of(clauses[index], s.heading)
            for s in sources
        )
    }


def _speaks_of(clause: str, sentence: str) -> bool:
    said = stems_in(clause)
    return bool(said) and len(said & stems_in(sentence)) >= _SPOKEN_OF * len(said)
