"""Splits: by seed or by group, and what two sides share."""

from __future__ import annotations

from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragopt_tui.errors import RagoptError
from ragopt_tui.training.data.example import Evidence, Example
from ragopt_tui.training.data.overlap import overlap_of
from ragopt_tui.training.data.splitting import Shares, split_examples
from tests.training.data.made import turns


def example(number: int, group: str = "") -> Example:
    return Example(text=f"text {number}", group=group, place=f"line {number}")


@given(
    groups=st.lists(st.integers(0, 12), min_size=3, max_size=60),
    validation=st.floats(0, 0.4),
    test=st.integers(0, 3),
    seed=st.integers(0, 1000),
)
@settings(max_examples=150, deadline=None)
def test_a_group_is_never_on_two_sides_and_nothing_is_lost(
    groups: list[int], validation: float, test: int, seed: int
) -> None:
    examples = [example(n, f"g{group}") for n, group in enumerate(groups)]
    shares = Shares(validation, test, seed)
    sides = 1 + bool(validation) + bool(test)
    wanted = max(1, round(validation * len(groups))) * bool(validation) + test
    if sides > 1 and (len(set(groups)) < sides or wanted >= len(groups)):
        with pytest.raises(RagoptError, match=r"groups?, too few|nothing is left"):
            split_examples(examples, shares)
        return
    splits = split_examples(examples, shares)
    named = [{each.group for each in side} for side in splits.values()]
    assert sum(map(len, named)) == len(set().union(*named))
    assert sorted(chain(*splits.values()), key=lambda each: int(each.text[5:])) == examples
    assert splits["train"]
    assert bool(splits["validation"]) == bool(validation)
    assert bool(splits["test"]) == bool(test)
    assert all(side == [e for e in examples if e in side] for side in splits.values())
    assert split_examples(examples, shares) == splits


def test_without_groups_sizes_are_exact_and_the_seed_decides() -> None:
    examples = [example(n) for n in range(100)]
    splits = split_examples(examples, Shares(0.1, 25, seed=1))
    assert {side: len(rows) for side, rows in splits.items()} == {
        "train": 65,
        "validation": 10,
        "test": 25,
    }
    assert split_examples(examples, Shares(0.1, 25, seed=2)) != splits


def test_what_asks_the_same_from_the_same_evidence_stays_together() -> None:
    asked = [turns("What was revenue?", f"It was {n}.") for n in range(4)]
    others = [turns(f"Question {n}?", "Yes.") for n in range(4)]
    for seed in range(10):
        splits = split_examples([*asked, *others], Shares(2, 0, seed))
        assert len({side for side, rows in splits.items() if set(rows) & set(asked)}) == 1


@pytest.mark.parametrize(
    ("count", "shares", "said"),
    [
        (1, Shares(0.1), "one row"),
        (1, Shares(0, 1), "one row"),
        (10, Shares(10), "would take 10 rows, the data set has 10"),
        (10, Shares(500), "would take 500 rows, the data set has 10"),
        (10, Shares(5, 5), "nothing is left"),
        (10, Shares(0.6, 0.5), "nothing is left"),
        (10, Shares(1.5), "validation cannot be 1.5"),
        (10, Shares(0, -1), "test cannot be -1"),
    ],
)
def test_too_little_to_split_is_said(count: int, shares: Shares, said: str) -> None:
    with pytest.raises(RagoptError, match=said):
        split_examples([example(n) for n in range(count)], shares)


def test_fewer_groups_than_sides_is_said() -> None:
    with pytest.raises(RagoptError, match="2 groups, too few for 3 sides"):
        split_examples([example(n, f"g{n % 2}") for n in range(10)], Shares(0.2, 0.2))


def test_one_row_needs_no_split() -> None:
    assert split_examples([example(1)], Shares())["train"] == [example(1)]


def test_duplicates_and_leaks_are_told_apart() -> None:
    revenue = turns("What was revenue?", "5.")
    again = turns("what was  REVENUE", "5")
    other = turns("What was revenue?", "6.")
    found = overlap_of(
        {
            "train": [revenue, again, turns("Costs?", "3.")],
            "validation": [other, turns("Staff?", "9.")],
            "test": [revenue, turns("Staff?", "10.")],
        }
    )
    assert found.duplicates == {"train": 1, "validation": 0, "test": 0}
    assert (found.same_examples, found.same_questions) == (1, 2)
    assert [(leak.split, leak.other_split, leak.whole) for leak in found.leaks] == [
        ("validation", "train", False),
        ("test", "train", True),
        ("test", "validation", False),
    ]


def test_the_same_answer_from_other_evidence_is_no_duplicate() -> None:
    here, there = (
        Example(turns("Revenue?", "5.").messages, evidence=(Evidence(text),))
        for text in ("Revenue of 5.", "Sales of 5.")
    )
    assert overlap_of({"train": [here, there]}).duplicates["train"] == 0
