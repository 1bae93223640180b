"""Companies and periods are found in a question by what the index is about."""

from __future__ import annotations

import pytest

from ragopt_tui.knowledge.known_scopes import DocumentScope, KnownScopes
from ragopt_tui.knowledge.scope import Filter

DOCUMENTS = [
    DocumentScope("harrow-foods-2024.md", "Harrow Foods plc", "fiscal 2024"),
    DocumentScope("harrow-foods-2023.md", "HARROW FOODS PLC", "fiscal 2023"),
    DocumentScope("harrow-steel-q3.md", "Harrow Steel Inc.", "Q3 2023"),
    DocumentScope("veldmark-segments.csv", "Veldmark", ""),
    DocumentScope("veldmark-2022.md", "Veldmark Foods Group N.V.", "fiscal 2022"),
    DocumentScope("APLX_2021_10K.pdf", "Applix Systems, Inc.", "2021"),
    DocumentScope("nbc.md", "Northern Bottling Company Ltd.", "fiscal 2020"),
    DocumentScope("target.md", "Target Corporation", "fiscal 2020"),
    DocumentScope("notes.md", "", "March 31, 2019"),
]
KNOWN = KnownScopes(DOCUMENTS)


def companies(question: str) -> list[tuple[str, str]]:
    return [(company.name, said) for company, said in KNOWN.asked(question).companies]


def values(question: str) -> list[str]:
    return [each.value for each in KNOWN.asked(question).filters()]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What was veldmark's revenue?", [("Veldmark Foods Group N.V.", "veldmark")]),
        ("revenue of Harrow Steel", [("Harrow Steel Inc.", "Harrow Steel")]),
        ("APLX revenue in 2021", [("Applix Systems, Inc.", "APLX")]),
        ("What did Applix spend?", [("Applix Systems, Inc.", "Applix")]),
        ("Northern Bottling's debt", [("Northern Bottling Company Ltd.", "Northern Bottling")]),
        ("Target revenue", [("Target Corporation", "Target")]),
        ("Did it reach the target for northern regions?", []),
        ("What was revenue?", []),
    ],
)
def test_a_company_is_found_by_name_first_word_or_ticker(
    question: str, expected: list[tuple[str, str]]
) -> None:
    assert companies(question) == expected


def test_a_first_word_that_two_companies_share_means_both() -> None:
    assert {name for name, _ in companies("What was Harrow's margin?")} == {
        "Harrow Foods plc",
        "Harrow Steel Inc.",
    }


def test_two_companies_are_found_in_the_order_of_the_question() -> None:
    asked = companies("Compare Veldmark with Harrow Foods")
    assert [name for name, _ in asked] == ["Veldmark Foods Group N.V.", "Harrow Foods plc"]


def test_names_that_differ_in_case_or_length_are_one_company() -> None:
    (foods,) = [c for c, _ in KNOWN.asked("Harrow Foods").companies]
    assert foods.names == {"Harrow Foods plc", "HARROW FOODS PLC"}
    (veldmark,) = [c for c, _ in KNOWN.asked("Veldmark").companies]
    assert veldmark.names == {"Veldmark", "Veldmark Foods Group N.V."}


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Harrow Foods revenue last year", ["Harrow Foods plc", "FY2023"]),
        ("Harrow Steel revenue last quarter", ["Harrow Steel Inc.", "Q2 2023"]),
        ("Veldmark revenue last year", ["Veldmark Foods Group N.V.", "FY2021"]),
        ("revenue this year", ["FY2024"]),
        ("margin in 2023 and 2023", ["FY2023"]),
        ("In 2023, what was revenue in the third quarter?", ["Q3 2023"]),
        ("from fiscal 2022 to fiscal 2023", ["FY2022", "FY2023"]),
    ],
)
def test_last_year_is_that_before_the_newest_document_of_the_company(
    question: str, expected: list[str]
) -> None:
    assert values(question) == expected


def test_relative_words_are_written_out_for_the_search() -> None:
    asked = KNOWN.asked("What did Harrow Foods earn last year, and how did Q3 2024 go?")
    assert asked.written_out(asked.periods) == (
        "What did Harrow Foods earn in fiscal 2023, and how did Q3 2024 go?"
    )
    assert asked.written_out(()) == asked.text


def test_relative_words_are_written_out_wherever_they_are_said() -> None:
    asked = KNOWN.asked("Did Harrow Foods earn more last year than it spent last year?")
    assert values(asked.text) == ["Harrow Foods plc", "FY2023"]
    assert asked.written_out(asked.periods) == (
        "Did Harrow Foods earn more in fiscal 2023 than it spent in fiscal 2023?"
    )
    asked = KNOWN.asked("Harrow Foods debt in fiscal 2023, and its tax last year?")
    assert asked.written_out(asked.periods).endswith("its tax in fiscal 2023?")


def test_what_the_user_removed_is_said_and_left_out() -> None:
    asked = KNOWN.asked("Veldmark and Harrow Foods in 2022")
    removed = {("company", "Veldmark Foods Group N.V."), ("period", "")}
    assert [(f.value, f.state) for f in asked.filters(removed)] == [
        ("Veldmark Foods Group N.V.", "removed"),
        ("Harrow Foods plc", "used"),
        ("FY2022", "removed"),
    ]
    kept = asked.without(removed)
    assert [company.name for company, _ in kept.companies] == ["Harrow Foods plc"]
    assert kept.periods == ()


def test_a_filter_says_the_words_it_was_read_from_and_survives_json() -> None:
    (filter_,) = KNOWN.asked("How did sales compare with last year?").filters()
    assert filter_ == Filter("period", "FY2023", "last year", "used")
    assert Filter.from_json(filter_.to_json()) == filter_


@pytest.mark.parametrize("odd", ["of'", "2023 ", "Q3 ", ", ", "(", "Harrow ", "last year ", "May "])
def test_a_question_of_50_000_characters_is_read(odd: str) -> None:
    asked = KNOWN.asked(odd * (50_000 // len(odd)) + " Veldmark last year")
    assert "Veldmark Foods Group N.V." in [company.name for company, _ in asked.companies]
    assert len(asked.written_out(asked.periods)) > 49_000


def test_an_index_of_nothing_knows_nothing() -> None:
    empty = KnownScopes([])
    assert empty.newest() is None
    assert empty.asked("Veldmark revenue last year").filters() == ()
