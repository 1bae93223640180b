"""The tree of variants follows from their parents, whatever these are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ragopt_tui.models.lineage import Branch, lineage
from ragopt_tui.models.variant import Variant


def variant(id: str, parent: str = "") -> Variant:
    return Variant(id, id, "base", None, False, parent)


def test_each_stands_under_its_parent_and_unknown_parents_make_roots() -> None:
    a, b, c, d = variant("a"), variant("b", "a"), variant("c", "b"), variant("d", "gone")
    assert lineage([c, a, d, b]) == (Branch(a, (Branch(b, (Branch(c),)),)), Branch(d))


@given(st.lists(st.integers(0, 9), max_size=10))
def test_every_variant_stands_in_the_tree_once_even_where_parents_run_in_circles(
    parents: list[int],
) -> None:
    variants = [variant(str(number), str(parent)) for number, parent in enumerate(parents)]

    def below(branches: tuple[Branch, ...]) -> list[Variant]:
        return [v for branch in branches for v in (branch.variant, *below(branch.children))]

    shown = below(lineage(variants))
    assert sorted(v.id for v in shown) == sorted(v.id for v in variants)
