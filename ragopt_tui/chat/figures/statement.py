"""What a sentence speaks of: which rows and columns of a table it names, which years."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from ragopt_tui.chat.figures.words import stems_in
from ragopt_tui.knowledge.words import concepts_in, stems_of, stems_of_concept

_NO_MEASURE = re.compile(
    r"(?:FY|Q[1-4]|H[12]|\d)[\w.,()-]*|\([^)]*\)|\b(?:fiscal|years?|quarter|restated|actual|eur|usd|gbp|"
    r"thousands?|millions?|billions?|jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec|january|"
    r"february|march|april|august|september|october|november|december|months?|mo)\b\.?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence of an answer, alone or with its question: its words, stems and years.

    `known` are its stems with those of other names of the same things.
    """

    words: str
    known: frozenset[str]
    years: frozenset[int]

    @classmethod
    def of(cls, words: str, years: frozenset[int] = frozenset()) -> Statement:
        """Read a sentence; `years` are those it names, else those asked for."""
        stems = stems_of(words)
        known = frozenset(stems).union(*(stems_of_concept(c) for c in concepts_in(stems)))
        return cls(words, known, years)

    def share_of(self, label: str) -> float:
        """Give the share of a label's content words that the sentence names; 1 where it has none."""
        stems = stems_in(measure_of_heading(label))
        return len(stems & self.known) / len(stems) if stems else 1.0

    def names(self, label: str) -> bool:
        """Say whether it names a label in full, by its words or other names of the same thing."""
        stems = stems_in(measure_of_heading(label))
        return bool(stems) and stems <= self.known


@lru_cache(maxsize=4096)
def measure_of_heading(heading: str) -> str:
    """Give a column's heading without its period and unit: `Revenue` of `Revenue FY2024`."""
    return " ".join(_NO_MEASURE.sub(" ", heading).split())
