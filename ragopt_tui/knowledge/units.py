"""Evidence units: the sentences and table rows of a passage, the smallest things worth quoting."""

from __future__ import annotations

from dataclasses import dataclass

from ragopt_tui.knowledge.passage import Passage
from ragopt_tui.knowledge.sentences import sentence_spans
from ragopt_tui.knowledge.tables import Row, table_caption, table_rows
from ragopt_tui.knowledge.words import stems_of


@dataclass(frozen=True, slots=True)
class Unit:
    """`passage.text[start:end]`, with the row where it is one.

    `words` is what the unit says by itself; `context` what stands before it and is understood
    with it: document, heading path, table caption, and the sentence before it (`previous`), which
    "The increase …" or "This …" refers to.
    """

    passage: Passage
    start: int
    end: int
    row: Row | None
    previous: str = ""

    @property
    def text(self) -> str:
        """The unit verbatim."""
        return self.passage.text[self.start : self.end]

    @property
    def words(self) -> str:
        """The sentence with its line breaks folded, or the row as words."""
        return self.row.sentence() if self.row else " ".join(self.text.split())

    @property
    def context(self) -> str:
        """Document title, heading path and caption in one line."""
        passage = self.passage
        caption = table_caption(passage) if passage.kind == "table" else ""
        parts = [passage.profile.header, *passage.headings[-2:], caption, self.previous]
        return ". ".join(part for part in parts if part)

    @property
    def all_stems(self) -> list[str]:
        """The stems of the unit's words and of its context."""
        return stems_of(f"{self.words}\n{self.context}")


def passage_units(passage: Passage) -> list[Unit]:
    """Give the units of a passage in reading order."""
    if passage.kind == "table":
        return [Unit(passage, row.start, row.end, row) for row in table_rows(passage)]
    units: list[Unit] = []
    for start, end in sentence_spans(passage.text):
        before = units[-1].words if units else ""
        units.append(Unit(passage, start, end, None, before))
    return units
