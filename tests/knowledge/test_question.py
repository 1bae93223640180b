from __future__ import annotations

import pytest

from ragopt_tui.knowledge.question import interim_parts, understand, years_in

COMPANIES = ["Tarnbrook Instruments plc", "Veldmark Foods Group N.V.", "Larkfield Income Fund"]


@pytest.mark.parametrize(
    ("text", "years"),
    [
        ("revenue in 2023", {"2023"}),
        ("capex FY24", {"2024"}),
        ("fiscal 2023 against FY 2022", {"2023", "2022"}),
        ("Q3 FY24 margin", {"2024"}),
        ("growth in '23", {"2023"}),
        ("2023-Q1", {"2023"}),
        ("the Q32022 and FISCAL YEAR2021 and FY2020", {"2022", "2021", "2020"}),
        ("Q1FY19 and CY’18, not x2017 or 2016a", {"2019", "2018"}),
        ("1,577 employees and 20231 units", set()),
    ],
)
def test_years_are_read_as_analysts_write_them(text: str, years: set[str]) -> None:
    assert years_in(text) == years


def test_a_company_is_recognised_by_its_name_without_the_legal_form() -> None:
    asked = understand("What was veldmark's capex?", COMPANIES)
    assert asked.companies == {"Veldmark Foods Group N.V."}
    assert "veldmark" not in asked.stems


def test_an_abbreviation_brings_its_long_form_into_the_search() -> None:
    assert "capital expenditures" in understand("capex FY24").search_text


def test_a_question_of_only_punctuation_asks_for_nothing() -> None:
    asked = understand("?!… --")
    assert asked.stems == ()
    assert asked.years == asked.companies == frozenset()


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("revenue in Q3 2024", {"Q3", "Q"}),
        ("2Q23 margin", {"Q2", "Q"}),
        ("Q4FY24 bookings", {"Q4", "Q"}),
        ("the third quarter", {"Q3", "Q"}),
        ("second-half orders", {"H2", "H"}),
        ("three months ended March 31", {"Q"}),
        ("nine months to September", {"9M"}),
        ("the half-year report", {"H"}),
        ("fiscal 2024", set()),
        ("a quarter of all staff", set()),
    ],
)
def test_parts_of_a_year_are_read(text: str, parts: set[str]) -> None:
    assert interim_parts(text) == parts
