"""Columns of invented tables: years, parts of a year, plans, limits, shares, segments.

A column has a heading and ways in which a question asks for it.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

_MONTHS = (
    "January February March April May June July August September October November December".split()
)
_NUMBERS = {"1": "first", "2": "second", "3": "third", "4": "fourth"}
_PLANS = {
    "Budget": ["budgeted for {y}", "in the {y} budget", "according to the {y} budget", "planned for {y}"],
    "Plan": ["planned for {y}", "under the {y} plan", "target {y}", "budgeted for {y}"],
    "Forecast": ["forecast for {y}", "expected for {y}", "in the {y} outlook", "projected {y}"],
    "Target": ["targeted for {y}", "the goal for {y}", "aimed at in {y}"],
    "Restated": ["restated for {y}", "{y} after restatement", "{y} as restated"],
    "Pro forma": ["pro forma {y}", "{y} on a pro forma basis"],
}  # fmt: skip
_LIMITS = {
    "Limit": ["the limit", "the most allowed", "the ceiling", "allowed at most"],
    "Covenant": ["the covenant level", "required by the covenant", "under the covenant"],
    "Minimum": ["the minimum", "at least required", "the floor"],
    "Policy maximum": ["the most that policy allows", "the cap in the policy"],
    "Threshold": ["the threshold", "the trigger level"],
}


@dataclass(frozen=True, slots=True)
class Column:
    """`kind` is a measure's kind (m, p, n, e) where the column has one of its own, else ""."""

    heading: str
    asked: tuple[str, ...]
    kind: str = ""


def invented_columns(rng: random.Random, year: int, segments: Sequence[str]) -> list[Column]:
    """Give the columns of a table; all can be asked for but those without ways of asking."""
    kinds = [_years, _quarters, _quarters_of_years, _months, _halves, _plans, _limits, _shares]
    made = rng.choices(kinds, [8, 2, 2, 1, 1, 3, 2, 2])[0](rng, year)
    if rng.random() < 0.08:
        return _segments(rng, year, segments)
    if rng.random() < 0.25:
        change = rng.choice(["Change", "Change %", "% change", "YoY", "Var.", "Growth"])
        made.append(Column(change, (), "p"))
    return made


def _year(rng: random.Random, year: int, form: str = "{}") -> Column:
    asked = [
        f"in {year}", f"for {year}", f"FY{year}", f"FY{year % 100:02}", f"in fiscal {year}", f"{year}",
        f"in the year to December {year}", f"for full year {year}", f"'{year % 100:02}",
    ]  # fmt: skip
    if form.startswith("December"):
        asked = [f"at the end of {year}", f"end of {year}", f"December {year}", f"at YE{year}", f"at year-end {year}"]  # fmt: skip
    return Column(form.format(year), tuple(asked))


def _years(rng: random.Random, year: int) -> list[Column]:
    forms = ["{}", "{}", "{}", "FY{}", "fiscal {}", "December {}", "December 31, {}", "{} ($)"]
    form = rng.choice(forms)
    made = [_year(rng, year - n, form) for n in range(rng.choice([1, 2, 2, 2, 3, 3, 5]))]
    return made[::-1] if rng.random() < 0.15 else made


def _quarters(rng: random.Random, year: int) -> list[Column]:
    form = rng.choice(["Q{n} {y}", "Q{n}", "{n}Q{s}", "Q{n} FY{s}"])
    chosen = sorted(rng.sample("1234", rng.randint(2, 4)), reverse=rng.random() < 0.5)
    made = [_quarter(form, n, year) for n in chosen]
    return [*made, _year(rng, year)] if rng.random() < 0.3 else made


def _quarter(form: str, n: str, year: int) -> Column:
    name = form.format(n=n, y=year, s=f"{year % 100:02}")
    asked = (
        f"in Q{n} {year}", f"Q{n} {year}", f"in the {_NUMBERS[n]} quarter of {year}",
        f"{_NUMBERS[n]} quarter {year}", f"for the three months of Q{n} {year}",
    )  # fmt: skip
    if "{y}" not in form and "{s}" not in form:
        asked += (f"Q{n}", f"in the {_NUMBERS[n]} quarter")
    return Column(name, asked)


def _quarters_of_years(rng: random.Random, year: int) -> list[Column]:
    n = rng.choice("1234")
    form = rng.choice(["Q{n} {y}", "Q{n} {y}", "Q{n} FY{s}"])
    made = [_quarter(form, n, year), _quarter(form, n, year - 1)]
    if n in "23":
        months = {"2": "six", "3": "nine"}[n]
        made += [_months_to(months, y) for y in (year, year - 1)]
    return made


def _months_to(count: str, year: int) -> Column:
    asked = (
        f"in the first {count} months of {year}",
        f"{count} months {year}",
        f"{count} months to date in {year}",
    )
    return Column(f"{count.capitalize()} months {year}", asked)


def _months(rng: random.Random, year: int) -> list[Column]:
    at = rng.randrange(9)
    short = rng.random() < 0.3
    return [
        Column(f"{m[:3] if short else m} {year}", (f"in {m} {year}", f"{m} {year}", f"for the month of {m} {year}"))
        for m in _MONTHS[at : at + rng.randint(2, 4)]
    ]  # fmt: skip


def _halves(rng: random.Random, year: int) -> list[Column]:
    made = [
        Column(f"H{n} {year}", (f"in H{n} {year}", f"in the {_NUMBERS[n]} half of {year}", f"{n}H {year}"))
        for n in "12"
    ]  # fmt: skip
    return [*made, _year(rng, year, "FY{}")] if rng.random() < 0.5 else made


def _plans(rng: random.Random, year: int) -> list[Column]:
    other = rng.choice(list(_PLANS))
    planned = Column(f"{year} {other}", tuple(form.format(y=year) for form in _PLANS[other]))
    actual = Column(
        rng.choice([f"{year} Actual", f"Actual {year}"]),
        (f"actual {year}", f"actually in {year}", f"realised in {year}", f"in {year}, the actual figure"),
    )  # fmt: skip
    before = Column(f"{year - 1} Actual", _year(rng, year - 1).asked)
    made = rng.sample([planned, actual], 2)
    return [*made, before] if rng.random() < 0.5 else made


def _limits(rng: random.Random, year: int) -> list[Column]:
    name = rng.choice(list(_LIMITS))
    limit = Column(name, tuple(_LIMITS[name]))
    actual = _year(rng, year, rng.choice(["{}", "Actual {}", "{} actual", "December {}"]))
    return rng.sample([limit, actual], 2) + ([_year(rng, year - 1)] if rng.random() < 0.3 else [])


def _shares(rng: random.Random, year: int) -> list[Column]:
    form, asked = rng.choice([
        ("% of sales", "as a share of sales"), ("Margin", "as a margin"), ("% of total", "as a share of the total"),
        ("Weight", "by weight"), ("Yield", "by yield"), ("Share", "as a share"),
    ])  # fmt: skip
    made = []
    for y in [year, year - 1][: rng.choice([1, 2, 2])]:
        made.append(_year(rng, y))
        ways = tuple(f"{way}, {asked}" for way in _year(rng, y).asked[:3])
        made.append(Column(f"{form} {y}", ways, "p"))
    return made


def _segments(rng: random.Random, year: int, segments: Sequence[str]) -> list[Column]:
    made = [
        Column(s, (f"of {s} in {year}", f"in {s}, {year}", f"for {s} in {year}")) for s in segments
    ]
    total = Column(
        rng.choice(["Total", "Group"]), (f"of the whole group in {year}", f"in total, {year}")
    )
    return [*made, total] if rng.random() < 0.6 else made
