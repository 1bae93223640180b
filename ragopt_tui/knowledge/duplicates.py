"""Passages that say the same in several places, such as boilerplate or a table in two files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ragopt_tui.knowledge.passage import Hit
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
    alike: dict[_About, list[tuple[int, Shingles]]] = {}
    for hit in hits:
        about, shingles = _about(hit), _shingles(hit)
        group = alike.setdefault(about, [])
        at = next((at for at, other in group if _share(shingles, other) >= _ALIKE), None)
        if at is None:
            group.append((len(kept), shingles))
            kept.append(hit)
        else:
            kept[at] = _also_in(kept[at], hit)
    return kept


def _about(hit: Hit) -> _About:
    profile = hit.passage.profile
    words = whole_unit(hit.passage).own_words.stems
    return profile.company, profile.period, frozenset(word for word in words if word[0].isdigit())


def _shingles(hit: Hit) -> Shingles:
    words = whole_unit(hit.passage).own_words.stems
    return frozenset(words[at : at + _RUN] for at in range(max(1, len(words) - _RUN + 1)))


def _share(one: Shingles, other: Shingles) -> float:
    return len(one & other) / len(one | other)


def _also_in(hit: Hit, other: Hit) -> Hit:
    files = dict.fromkeys((*hit.also_in, other.passage.file, *other.also_in))
    return replace(hit, also_in=tuple(file for file in files if file != hit.passage.file))
