"""Evidence units: the sentences and table rows of a passage, the smallest things worth quoting."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

from ragopt_tui.knowledge.passage import Passage
from ragopt_tui.knowledge.question import interim_parts, years_in
from ragopt_tui.knowledge.sentences import sentence_spans
from ragopt_tui.knowledge.tables import Row, table_caption, table_rows
from ragopt_tui.knowledge.words import TextWords, text_words


@dataclass(frozen=True)
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

    @cached_property
    def words(self) -> str:
        """The sentence with its line breaks folded, or the row as words."""
        return self.row.sentence() if self.row else " ".join(self.text.split())

    @cached_property
    def context(self) -> str:
        """Document title, heading path and caption in one line."""
        return ". ".join(self._before)

    @cached_property
    def _before(self) -> tuple[str, ...]:
        """The parts of the context: other units have most of them too."""
        above = _above(self.passage)
        return (*above, self.previous) if self.previous else above

    @cached_property
    def own_words(self) -> TextWords:
        """The words that it says by itself, as they are compared."""
        return text_words(self.words)

    @cached_property
    def all_words(self) -> tuple[TextWords, ...]:
        """Its own words and those of each part of its context."""
        return (self.own_words, *map(text_words, self._before))

    @cached_property
    def years(self) -> tuple[frozenset[str], frozenset[str]]:
        """The years that its words name, and those of its context."""
        parts = map(_years_of, self._before)
        return _years_of(self.words), frozenset[str]().union(*parts)

    @cached_property
    def interim(self) -> frozenset[str]:
        """The parts of a year that its words name, or else its context."""
        parts = map(_parts_of, self._before)
        return _parts_of(self.words) or frozenset[str]().union(*parts)


_years_of = lru_cache(maxsize=32_768)(years_in)
_parts_of = lru_cache(maxsize=32_768)(interim_parts)


@lru_cache(maxsize=2_000)
def _above(passage: Passage) -> tuple[str, ...]:
    """Give what all units of a passage have before them."""
    caption = table_caption(passage) if passage.kind == "table" else ""
    parts = (passage.profile.header, *passage.headings[-2:], caption)
    return tuple(part for part in parts if part)


@lru_cache(maxsize=2_000)
def passage_units(passage: Passage) -> tuple[Unit, ...]:
    """Give the units of a passage in reading order; they are kept between questions."""
    if passage.kind == "table":
        return tuple(Unit(passage, row.start, row.end, row) for row in table_rows(passage))
    units: list[Unit] = []
    for start, end in sentence_spans(passage.text):
        before = units[-1].words if units else ""
        units.append(Unit(passage, start, end, None, before))
    return tuple(units)


@lru_cache(maxsize=2_000)
def whole_unit(passage: Passage) -> Unit:
    """Give a passage as one unit; it is kept between questions."""
    return Unit(passage, 0, len(passage.text), None)
