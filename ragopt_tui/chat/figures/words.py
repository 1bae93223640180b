"""Content words of sentences and labels, compared by their stems."""

from __future__ import annotations

from functools import lru_cache

from ragopt_tui.knowledge.words import content_stems


@lru_cache(maxsize=4096)
def stems_in(text: str) -> frozenset[str]:
    """Give the stems of a text's content words, figures left out."""
    return frozenset(stem for stem in content_stems(text) if not stem[0].isdigit())
