"""Fiscal periods are read as analysts write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragopt_tui.knowledge.fiscal_period import MONTHS, Period, month_number
from ragopt_tui.knowledge.periods import find_periods, period_of

NEWEST = Period(2024)


def labels(text: str, newest: Period | None = None) -> list[str]:
    return [said.period.label for said in find_periods(text, newest)]


@pytest.mark.parametrize(
    "text",
    [
        "FY23", "FY2023", "FY 2023", "FY'23", "fiscal 2023", "fiscal year 2023", "fiscal '23", "2023",
        "the financial year 2023", "in '23", "year ended June 30, 2023", "year ended 30 June 2023",
        "twelve months to 30 June 2023", "the fiscal year that ended on June 30, 2023", "2022/23",
        "FY2022/23", "FY22-23", "at year-end 2023",
    ],
)  # fmt: skip
def test_a_year_is_read_however_it_is_written(text: str) -> None:
    assert labels(text) == ["FY2023"]


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("CY23", "CY2023"),
        ("calendar 2023", "CY2023"),
        ("Q3 2022", "Q3 2022"),
        ("Q3 FY22", "Q3 2022"),
        ("Q3FY22", "Q3 2022"),
        ("Q3'22", "Q3 2022"),
        ("3Q22", "Q3 2022"),
        ("3Q 2022", "Q3 2022"),
        ("third quarter of 2022", "Q3 2022"),
        ("third-quarter 2022 results", "Q3 2022"),
        ("the 3rd quarter of fiscal 2022", "Q3 2022"),
        ("final quarter of 2022", "Q4 2022"),
        ("2022-Q3", "Q3 2022"),
        ("FY22 Q3", "Q3 2022"),
        ("fiscal 2022's third quarter", "Q3 2022"),
        ("H1 2023", "H1 2023"),
        ("2H23", "H2 2023"),
        ("first half of 2023", "H1 2023"),
        ("first nine months of 2024", "9M 2024"),
        ("nine months ended March 31, 2024", "9M 2024"),
        ("quarter ended June 30, 2023", "three months to 30 Jun 2023"),
        ("three months to March 2024", "three months to Mar 2024"),
        ("the June 2023 quarter", "three months to Jun 2023"),
        ("March quarter of 2024", "three months to Mar 2024"),
        ("six months ended 30 June 2023", "half-year to 30 Jun 2023"),
        ("half-year 2023", "half-year 2023"),
        ("as of 31 December 2023", "31 Dec 2023"),
        ("at December 31st, 2023", "31 Dec 2023"),
        ("at 31.12.2023", "31 Dec 2023"),
        ("at 12/31/2023", "31 Dec 2023"),
        ("at 2023-12-31", "31 Dec 2023"),
        ("in May 2024", "May 2024"),
    ],
)
def test_parts_of_a_year_and_days_are_read(text: str, label: str) -> None:
    assert labels(text) == [label]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("last year", ["FY2023"]),
        ("the previous fiscal year", ["FY2023"]),
        ("prior-year", ["FY2023"]),
        ("this year", ["FY2024"]),
        ("the most recent year", ["FY2024"]),
        ("next year", ["FY2025"]),
        ("two years ago", ["FY2022"]),
        ("the last two years", ["FY2024", "FY2023"]),
        ("last quarter", ["Q4 2024"]),
        ("third quarter of last year", ["Q3 2023"]),
        ("in 2022 and the year before", ["FY2022", "FY2021"]),
        ("in 2022 compared with the prior year", ["FY2022", "FY2021"]),
        ("in 2022 compared with last year", ["FY2022", "FY2023"]),
        ("the year before 2023", ["FY2023"]),
        ("last-minute costs for the year", []),
    ],
)
def test_relative_words_are_read_from_the_newest_document(text: str, expected: list[str]) -> None:
    assert labels(text, NEWEST) == expected


def test_without_a_newest_document_last_year_is_no_period() -> None:
    assert labels("last year and this quarter") == []


@pytest.mark.parametrize(
    ("newest", "said", "label"),
    [
        ("Q3 2024", "last quarter", "Q2 2024"),
        ("Q3 2024", "this quarter", "Q3 2024"),
        ("Q1 2024", "last quarter", "Q4 2023"),
        ("Q4 2023", "next quarter", "Q1 2024"),
        ("H1 2024", "the latest quarter", "Q2 2024"),
    ],
)
def test_quarters_are_counted_from_the_newest(newest: str, said: str, label: str) -> None:
    assert labels(said, period_of(newest)) == [label]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("from 2022 to 2023", ["FY2022", "FY2023"]),
        ("FY2019-2021", ["FY2019", "FY2021"]),
        ("Q3 and Q4 2024", ["Q3 2024", "Q4 2024"]),
        ("third and fourth quarter of 2024", ["Q3 2024", "Q4 2024"]),
        ("Q3 2024 against Q3 2023", ["Q3 2024", "Q3 2023"]),
        ("In 2023, what was revenue in the third quarter?", ["FY2023", "Q3 2023"]),
    ],
)
def test_several_periods_are_read_in_order(text: str, expected: list[str]) -> None:
    assert labels(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "It may 2023", "sold 2,024 tonnes and 2024.5 more", "$2023", "2023 %", "20231 units",
        "a quarter of all staff", "the third half of it", "an interim dividend", "50 H5 valves", "Q7",
    ],
)  # fmt: skip
def test_other_figures_and_words_are_no_period(text: str) -> None:
    assert [said for said in find_periods(text) if said.period.year] == []


@pytest.mark.parametrize(
    ("written", "label"),
    [
        ("fiscal 2024", "FY2024"),
        ("Q3 fiscal 2024", "Q3 2024"),
        ("three months ended March 31, 2024", "three months to 31 Mar 2024"),
        ("half year ended June 30, 2024", "half-year to 30 Jun 2024"),
        ("period ended June 30, 2024", "30 Jun 2024"),
        ("November 22, 2024", "22 Nov 2024"),
        ("2024", "FY2024"),
    ],
)
def test_the_period_of_a_profile_is_read(written: str, label: str) -> None:
    found = period_of(written)
    assert found is not None
    assert found.label == label


def test_a_profile_without_a_period_has_none() -> None:
    assert period_of("") is None
    assert period_of("three months ended March 31") is None


years = st.integers(1900, 2099)
days = st.tuples(st.integers(1, 12), st.integers(1, 28))
periods = st.one_of(
    st.builds(Period, years, st.sampled_from(["year", "Q1", "Q2", "Q3", "Q4", "H1", "H2", "9M"])),
    st.builds(lambda y, d: Period(y, "day", *d), years, days),
    st.builds(lambda y, p, m: Period(y, p, m), years, st.sampled_from("QH"), st.integers(1, 12)),
    st.builds(lambda y, m: Period(y, "month", m), years, st.integers(1, 12)),
    st.builds(lambda y: Period(y, calendar=True), years),
)


@given(periods)
def test_a_period_is_read_again_from_how_it_is_shown(period: Period) -> None:
    assert [said.period for said in find_periods(f"for {period.label}?")] == [period]


@given(years, days)
def test_a_day_is_the_same_however_it_is_written(year: int, day: tuple[int, int]) -> None:
    month, number = day
    name = MONTHS[month - 1]
    forms = [
        f"{name} {number}, {year}", f"{number} {name} {year}", f"{name[:3]} {number} {year}",
        f"{number} {name[:3]}. {year}", f"{year}-{month:02}-{number:02}", f"{name.upper()} {number}, {year}",
    ]  # fmt: skip
    assert {period_of(form) for form in forms} == {Period(year, "day", month, number)}
    assert month_number(name) == month_number(name[:3].lower()) == month


@given(st.lists(st.sampled_from(
    "Q3 2022 2023 FY24 '23 third quarter of half year ended June 30 , and to last 31 9M nine months may 2023-Q1 /".split()
), max_size=12), st.sampled_from([None, NEWEST, Period(2024, "Q3")]))  # fmt: skip
def test_what_is_said_is_a_span_of_the_text(words: list[str], newest: Period | None) -> None:
    text = " ".join(words)
    end = 0
    for said in find_periods(text, newest):
        assert text[said.start : said.end] == said.said
        assert said.start >= end or said.end == end
        end = said.end
