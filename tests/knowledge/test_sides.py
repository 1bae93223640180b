from __future__ import annotations

import pytest

from ragopt_tui.knowledge.known_scopes import DocumentScope, KnownScopes
from ragopt_tui.knowledge.scope import Filter, FilterKind, FilterState
from ragopt_tui.knowledge.sides import interleaved, sides_of, text_of_side


def named(kind: FilterKind, *values: str, state: FilterState = "used") -> list[Filter]:
    return [Filter(kind, value, value, state) for value in values]


def test_two_years_are_two_sides_without_each_other() -> None:
    filters = [*named("company", "Corvane"), *named("period", "FY2022", "FY2023")]
    assert sides_of(filters) == [{("period", "FY2023")}, {("period", "FY2022")}]


def test_two_companies_in_two_years_are_four_sides() -> None:
    filters = [*named("company", "Corvane", "Larkfield"), *named("period", "FY2022", "FY2023")]
    sides = sides_of(filters)
    assert len(sides) == 4
    assert {("company", "Larkfield"), ("period", "FY2023")} in sides


def test_of_too_many_sides_the_longer_list_is_compared() -> None:
    filters = [*named("company", "A", "B"), *named("period", "FY2021", "FY2022", "FY2023")]
    sides = sides_of(filters)
    assert [len(side) for side in sides] == [2, 2, 2]
    assert all(kind == "period" for side in sides for kind, _ in side)


def test_what_compares_nothing_has_one_side_with_everything() -> None:
    assert sides_of([]) == [frozenset()]
    removed = named("period", "FY2022", state="removed")
    assert sides_of([*removed, *named("period", "FY2023")]) == [frozenset()]


def test_a_side_is_asked_for_in_its_own_words() -> None:
    filters = [
        Filter("company", "Corvane Inc.", "Corvane", "used"),
        Filter("period", "FY2022", "2022", "used"),
        Filter("period", "FY2023", "fiscal 2023", "used"),
    ]
    text = "Corvane's capex in 2022 and in fiscal 2023"
    asked = [text_of_side(text, filters, side) for side in sides_of(filters)]
    assert asked == [
        "Corvane's capex in 2022 and in 2022",
        "Corvane's capex in fiscal 2023 and in fiscal 2023",
    ]
    assert text_of_side(text, filters, set()) == text


@pytest.mark.parametrize(
    ("question", "sides"),
    [
        ("margin in Q3 and Q4 2024", [["Q3 2024"], ["Q4 2024"]]),
        ("margin in the third and fourth quarter of 2024", [["Q3 2024"], ["Q4 2024"]]),
        ("margin this year and last year", [["FY2024"], ["FY2023"]]),
        ("margin over the last two years", [["FY2024"], ["FY2023"]]),
        ("margin in the June 2023 and June 2022 quarters", [["Jun 2023"], ["Jun 2022"]]),
    ],
)
def test_each_side_names_its_own_period_and_no_other(question: str, sides: list[list[str]]) -> None:
    known = KnownScopes([DocumentScope("harrow-2024.md", "Harrow Foods plc", "fiscal 2024")])
    filters = known.asked(question).filters()
    texts = [text_of_side(question, filters, side) for side in sides_of(filters)]
    assert [[said.period.label for said in known.asked(text).periods] for text in texts] == sides


def test_lists_of_different_lengths_take_turns() -> None:
    assert interleaved([[1, 2, 3], [10], [20, 21]]) == [1, 10, 20, 2, 21, 3]
