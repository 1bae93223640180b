"""Which variant was made from which: derived from their parents, never stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ragopt_tui.models.variant import Variant


@dataclass(frozen=True, slots=True)
class Branch:
    """A variant with those that sit on it or were made from it."""

    variant: Variant
    children: tuple[Branch, ...] = ()


def lineage(variants: Sequence[Variant]) -> tuple[Branch, ...]:
    """Give the trees of these variants, in their order; one with an unknown parent is a root.

    Parents that run in a circle are cut where the first of them stands.
    """
    ids = {variant.id for variant in variants}
    children: dict[str, list[Variant]] = {}
    for variant in variants:
        children.setdefault(variant.parent if variant.parent in ids else "", []).append(variant)
    grown: set[str] = set()

    def grow(variant: Variant) -> Branch:
        grown.add(variant.id)
        below = [each for each in children.get(variant.id, ()) if each.id not in grown]
        return Branch(variant, tuple(grow(each) for each in below if each.id not in grown))

    roots = [grow(variant) for variant in children.get("", ())]
    return (*roots, *(grow(each) for each in variants if each.id not in grown))
