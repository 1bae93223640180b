"""Comparisons: a question about two years or two companies has a side for each of them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from itertools import chain, product, zip_longest
from typing import TypeVar

from ragopt_tui.knowledge.scope import Filter

MOST_SIDES = 4
_YEAR_SAID = re.compile(r"\d\d")

T = TypeVar("T")
Named = tuple[str, str]
"""The kind and value of a filter."""


def sides_of(filters: Sequence[Filter]) -> list[frozenset[Named]]:
    """Give for each side of a comparison the filters that are not its own; one side if it is none.

    A question about two companies in two years has four sides. With too many of them, those of
    the kind that has most are compared.
    """
    used = [f for f in filters if f.state != "removed"]
    kinds = {
        kind: [f for f in used if f.kind == kind] for kind in dict.fromkeys(f.kind for f in used)
    }
    chosen = [set(side) for side in product(*kinds.values())]
    if len(chosen) > MOST_SIDES:
        largest = max(kinds.values(), key=len)
        others = {f for f in used if f not in largest}
        chosen = [{one} | others for one in largest[:MOST_SIDES]]
    return [frozenset((f.kind, f.value) for f in used if f not in side) for side in chosen]


def text_of_side(text: str, filters: Sequence[Filter], left_out: Collection[Named]) -> str:
    """Give a question with the words for other sides replaced by those for this one.

    "Capex in 2022 and 2023?" asks for 2022 as "Capex in 2022 and 2022?".
    """
    own = {f.kind: _in_full(f) for f in filters if (f.kind, f.value) not in left_out}
    others = {f.said: f.kind for f in filters if (f.kind, f.value) in left_out}
    for said in sorted(others, key=len, reverse=True):
        mine = own[others[said]].replace("\\", r"\\")
        text = re.sub(rf"(?<!\w){re.escape(said)}(?!\w)", mine, text)
    return text


def _in_full(filter: Filter) -> str:
    """Give the words for a filter that mean it alone: Q3 2024 for the first of "Q3 and Q4 2024"."""
    alone = _YEAR_SAID.search(filter.said) and " and " not in filter.said
    return filter.said if filter.kind == "company" or alone else filter.value


def interleaved(lists: Iterable[Sequence[T]]) -> list[T]:
    """Give the first of each list, then the second of each, and so on."""
    missing = object()
    turns = chain.from_iterable(zip_longest(*lists, fillvalue=missing))
    return [item for item in turns if item is not missing]  # type: ignore[misc]
