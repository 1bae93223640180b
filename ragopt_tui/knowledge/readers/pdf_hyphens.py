"""Words that a line's end divides, put together in the line that they begin in."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ragopt_tui.knowledge.readers.pdf_layout import TextLine

_DIVIDED = re.compile(r"([^\W\d_]+)[-\u2010]$")
_REST = re.compile(r"([^\W\d_]+)(\S*)\s*")
_WORD = re.compile(r"[^\W\d_]+(?:[-\u2010][^\W\d_]+)*")
_KEEPS_HYPHEN = frozenset(
    "long short non self year third full first second cross high low mid part pre post co ex semi "
    "well fair lower off on one two three ten multi anti held so after end day over "
    "paid medium interest asset stock share cash tax credit market level fixed floating".split()
)


def with_words_joined(lines: Sequence[TextLine]) -> list[str]:
    """Give the lines' texts with words whole; a hyphen stays where the word is written with it."""
    texts = [line.text for line in lines]
    known: Counter[str] = Counter()
    for text in texts:
        known.update(word.lower() for word in _WORD.findall(text))
    for at in range(len(texts) - 1):
        divided = _DIVIDED.search(texts[at])
        rest = _REST.match(texts[at + 1])
        if divided and rest and rest[1].islower() and not (lines[at].table or lines[at + 1].table):
            word = joined(divided[1], rest[1], known)
            texts[at] = f"{texts[at][: divided.start()]}{word}{rest[2]}"
            texts[at + 1] = texts[at + 1][rest.end() :]
    return texts


def joined(start: str, rest: str, known: Mapping[str, int] | None = None) -> str:
    """Give a divided word whole: as the words `known` with their counts have it, or by custom."""
    if known is not None:
        whole = known.get(f"{start}{rest}".lower(), 0)
        hyphened = known.get(f"{start}-{rest}".lower(), 0)
        if whole != hyphened:
            return f"{start}-{rest}" if hyphened > whole else f"{start}{rest}"
    keeps = start.lower() in _KEEPS_HYPHEN or rest[0].isupper()
    return f"{start}-{rest}" if keeps else f"{start}{rest}"
