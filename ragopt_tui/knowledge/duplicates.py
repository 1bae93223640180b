"""Passages that say the same in several places, such as boilerplate or a table in two files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from ragopt_tui.knowledge.passage import Hit, Passage
from ragopt_tui.knowledge.units import whole_unit

_RUN = 3
"""Words in a shingle."""
_ALIKE = 0.8
"""The share of shingles in common from which two texts are nearly the same."""

Shingles = frozenset[tuple[str, ...]]
_About = tuple[str, str, frozenset[str]]
"""Company, period and figures, which nearly equal passages share exactly."""


def collapsed(hits: Sequence[Hit]) -> list[Hit]:
    """Give hits without those that nearly repeat one before them, which names their files.

    Passages about other companies or periods, or with other figures, are never the same.
    """
    kept: list[Hit] = []
    alike: dict[_About, list[int]] = {}
    for hit in hits:
        group = alike.setdefault(_about(hit), [])
        at = next((at for at in group if _share(kept[at], hit) >= _ALIKE), None)
        if at is None:
            group.append(len(kept))
            kept.append(hit)
        else:
            kept[at] = _also_in(kept[at], hit)
    return kept


def _about(hit: Hit) -> _About:
    profile = hit.passage.profile
    words = whole_unit(hit.passage).own_words.stems
    return profile.company, profile.period, frozenset(word for word in words if word[0].isdigit())


def _share(one: Hit, other: Hit) -> float:
    """Give the share of shingles that two passages have in common."""
    first, second = _shingles(one.passage), _shingles(other.passage)
    return len(first & second) / len(first | second)


@lru_cache(maxsize=500)
def _shingles(passage: Passage) -> Shingles:
    words = whole_unit(passage).own_words.stems
    return frozenset(words[at : at + _RUN] for at in range(max(1, len(words) - _RUN + 1)))


def _also_in(hit: Hit, other: Hit) -> Hit:
    files = dict.fromkeys((*hit.also_in, other.passage.file, *other.also_in))
    return replace(hit, also_in=tuple(file for file in files if file != hit.passage.file))
