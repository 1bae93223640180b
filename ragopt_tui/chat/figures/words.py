"""Content words of sentences and labels, compared by their stems."""

from __future__ import annotations

from functools import lru_cache

from ragopt_tui.knowledge.words import content_stems

_UNIT_STEMS = frozenset(
    """
    thousand million billion trillion crore lakh percent percentag point basi bps eur usd gbp
    dollar euro pound bn mn
    """.split()
)


@lru_cache(maxsize=4096)
def stems_in(text: str) -> frozenset[str]:
    """Give the stems of a text's content words; figures and their units are left out."""
    return frozenset(
        stem
        for stem in content_stems(text)
        if len(stem) > 1 and not stem[0].isdigit() and stem not in _UNIT_STEMS
    )
