from __future__ import annotations

import datetime
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from ragopt_tui.chat.figures.grammar import Figure, find_figures
from ragopt_tui.chat.figures.moments import Moment, find_moments
from ragopt_tui.chat.figures.numerals import (
    Convention,
    convention_of,
    read_numeral,
    read_words,
)
from ragopt_tui.chat.figures.quantities import Quantity, find_quantities

DIGITS = st.integers(0, 10**13 - 1)
DECIMALS = st.integers(0, 4)
CURRENCIES = st.sampled_from(["$", "€", "£", "US$", "EUR ", "USD ", "CHF ", "¥"])
SCALES = st.sampled_from(
    [
        ("k", 3),
        ("m", 6),
        ("M", 6),
        ("mn", 6),
        ("bn", 9),
        ("b", 9),
        (" thousand", 3),
        (" million", 6),
        (" billion", 9),
        (" Mio.", 6),
        (" Mrd.", 9),
        (" trillion", 12),
    ]
)


def written(digits: int, decimals: int, group: str, point: str) -> tuple[str, Decimal]:
    """Write digits of which the last are decimals, thousands grouped, and give their value."""
    value = Decimal(digits).scaleb(-decimals)
    whole, _, rest = f"{value:f}".partition(".")
    grouped = f"{int(whole):,}".replace(",", group)
    return (f"{grouped}{point}{rest}" if decimals else grouped), value


def only(text: str, convention: Convention = "us") -> Figure:
    (figure,) = find_figures(text, convention)
    return figure


def quantity(text: str, convention: Convention = "us") -> Quantity:
    figure = only(text, convention)
    assert isinstance(figure, Quantity)
    return figure


@given(DIGITS, DECIMALS)
def test_us_numerals_are_read_as_written(digits: int, decimals: int) -> None:
    text, value = written(digits, decimals, ",", ".")
    assert read_numeral(text, "us") == (value, decimals)


@given(DIGITS, DECIMALS, st.sampled_from([".", " ", "\u00a0", "\u202f", "’"]))
def test_european_numerals_are_read_as_written(digits: int, decimals: int, group: str) -> None:
    text, value = written(digits, decimals, group, ",")
    assert read_numeral(text, "european") == (value, decimals)


@given(DIGITS, st.integers(1, 2), st.sampled_from([(",", "."), (".", ",")]))
def test_only_three_digits_leave_the_convention_open(
    digits: int, decimals: int, marks: tuple[str, str]
) -> None:
    text, _ = written(digits, decimals, *marks)
    assert read_numeral(text, "us") == read_numeral(text, "european")
    assume(digits >= 10**decimals)
    assert convention_of(f"It was {text} in all.") == ("us" if marks[1] == "." else "european")


@pytest.mark.parametrize("text", ["3.1.2", "1,2,3", "1.23.456", "12,3456.1,2"])
def test_versions_and_lists_are_no_numerals(text: str) -> None:
    assert read_numeral(text, "us") is None


@pytest.mark.parametrize(
    ("words", "value"),
    [("five", 5), ("twenty-five", 25), ("one hundred and forty", 140), ("nine hundred", 900)],
)
def test_numbers_in_words_are_read(words: str, value: int) -> None:
    assert read_words(words) == value
    assert quantity(f"{words} employees").value == value


@given(st.integers(1, 10**9), st.integers(0, 3), CURRENCIES, SCALES)
def test_amounts_are_normalised(
    digits: int, decimals: int, currency: str, scale: tuple[str, int]
) -> None:
    text, value = written(digits, decimals, ",", ".")
    found = quantity(f"It was {currency}{text}{scale[0]} then.")
    assert found.text == f"{currency}{text}{scale[0]}"
    assert found.value == value.scaleb(scale[1])
    assert found.step == Decimal(1).scaleb(scale[1] - decimals)


@given(st.integers(1, 99999), st.sampled_from(["%", " %", " percent", " per cent", "pp"]))
def test_percentages_and_basis_points_are_one_unit(digits: int, sign: str) -> None:
    percent = quantity(f"{Decimal(digits) / 100:f}{sign}")
    points = quantity(f"{digits:,} bps")
    assert percent.unit == points.unit == "%"
    assert percent.value == points.value
    assert quantity(f"{digits:,} basis points").value == points.value


@given(st.integers(1, 10**7), st.integers(0, 3))
def test_brackets_and_minus_signs_are_negative(digits: int, decimals: int) -> None:
    text, value = written(digits, decimals, ",", ".")
    for negative in (f"-${text}", f"$-{text}", f"$({text})", f"−${text}"):
        assert quantity(f"was {negative} million").value == -value.scaleb(6)
    assert quantity(f"was ({text})%").value == -value
    assert quantity(f"was minus {text}%").value == -value
    alone = quantity(f"was ({text})")
    assert (alone.value, alone.bracketed) == (value, True)


@given(st.integers(1, 999), st.integers(1, 999), st.sampled_from([" to ", "–", "-", " - "]))
def test_the_ends_of_a_range_share_their_unit(low: int, high: int, between: str) -> None:
    assume(max(low, high) <= 100 * min(low, high))
    first, second = find_quantities(f"€{low}{between}{high} million", "us")
    assert (first.unit, first.value) == ("EUR", Decimal(low) * 10**6)
    assert (second.unit, second.value) == ("EUR", Decimal(high) * 10**6)
    first, second = find_quantities(f"{low}{between}{high}%", "us")
    assert (first.unit, first.value, second.value) == ("%", low, high)


@given(st.dates(datetime.date(1900, 1, 1), datetime.date(2099, 12, 31)), st.booleans())
def test_dates_are_the_same_however_they_are_written(date: datetime.date, short: bool) -> None:
    month = f"{date:%b}" if short else f"{date:%B}"
    year, day = date.year, date.day
    for text in (
        f"{month} {day}, {year}",
        f"{day} {month} {year}",
        f"{day}th of {month} {year}",
        f"{date:%Y-%m-%d}",
        f"{date:%d.%m.%Y}",
    ):
        moment = only(f"It ended on {text}.")
        assert isinstance(moment, Moment)
        read = {moment.month, moment.or_month}
        assert date.month in read
        assert moment.years == {year}
        if not moment.or_month:
            assert moment.value == f"{date:%Y-%m-%d}"


@given(st.integers(2014, 2099))
def test_years_are_the_same_however_they_are_written(year: int) -> None:
    short = f"{year % 100:02}"
    for text in (
        f"FY{short}",
        f"FY{year}",
        f"fiscal {year}",
        f"fiscal year {year}",
        f"FY '{short}",
    ):
        assert only(f"In {text} it rose.").value == year
    for text in (f"Q3 {year}", f"Q3 FY{short}", f"3Q{short}", f"{year}-Q3", f"Q3'{short}"):
        assert only(f"In {text} it rose.").value == f"{year}-Q3"
    for text in (f"{year - 1}/{short}", f"{year - 1}-{short}", f"FY{year - 1}/{short}"):
        moment = only(f"In {text} it rose.")
        assert isinstance(moment, Moment)
        assert moment.years == {year - 1, year}


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("$4.2bn", "$", "4200000000"),
        ("4,200 million dollars", "$", "4200000000"),
        ("EUR million 612", "EUR", "612000000"),
        ("€m 612", "EUR", "612000000"),
        ("12 T€", "EUR", "12000"),
        ("3,5 Mio. €", "EUR", "3500000"),
        ("Rs. 701.9 crore", "INR", "7019000000"),
        ("₹5 lakh", "INR", "500000"),
        ("2.3x", "x", "2.3"),
        ("2.3 times", "x", "2.3"),
        ("3.50 to 1.00", "x", "3.5"),
        ("46.8 cents", "¤", "0.468"),
        ("54 euro cents", "EUR", "0.54"),
        ("31 pence", "GBP", "0.31"),
        ("270 basis points", "%", "2.7"),
        ("1.1 percentage points", "%", "1.1"),
        ("7,232 full-time equivalents", "", "7232"),
        ("70,120 tonnes", "", "70120"),
        ("four billion dollars", "$", "4000000000"),
    ],
)
def test_units_and_scales_of_the_trade_are_known(text: str, unit: str, value: str) -> None:
    found = quantity(text)
    assert (found.unit, found.value) == (unit, Decimal(value))


@pytest.mark.parametrize(
    "text",
    [
        "see note 12",
        "Form 10-K",
        "IFRS 16",
        "the S&P 500",
        "COVID-19",
        "401(k)",
        "Table 3.",
        "at 10:30",
        "24/7",
        "the 3rd plant",
        "version 3.1.2",
        "the 1990s",
    ],
)
def test_references_names_and_times_are_no_figures(text: str) -> None:
    assert find_figures(text, "us") == []


@given(st.text(alphabet="0123456789.,-–()$€% ×xkmbnMQFY'/ :thousandmillionrd\n", max_size=80))
@example("$" + "1," * 200)
def test_any_text_gives_figures_in_order_at_their_places(text: str) -> None:
    for convention in ("us", "european"):
        last = 0
        for figure in find_figures(text, convention):
            assert last <= figure.start < figure.end <= len(text)
            assert figure.text == text[figure.start : figure.end]
            last = figure.end


@given(st.text(max_size=120))
def test_moments_never_overlap(text: str) -> None:
    moments = find_moments(text)
    assert all(a.end <= b.start for a, b in pairwise(moments))
