"""The pieces of which names of fiscal periods are made, and their patterns: the one grammar.

A piece is a date, a part of a year, a year, a word such as "last year", or a bare noun ("year",
"quarter") that says something beside a date only. The patterns of months, ordinals and years are
here for those who need other spans.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from ragopt_tui.knowledge.fiscal_period import MONTHS, Period, full_year, month_number

YEAR = r"(?:19|20)\d\d"
"""Four digits that may be a year."""
MONTH = "(?:Sept|" + "|".join(f"{m[:3]}(?:{m[3:]})?" if m[3:] else m for m in MONTHS) + ")"
"""A month's name or abbreviation, capitalised, without a full stop."""
ORDINALS = {"first": "1", "second": "2", "third": "3", "fourth": "4", "final": "4"}
ORDINAL = f"(?:{'|'.join(ORDINALS)})"
"""The word for a quarter or half of the year."""

_ORDINALS = ORDINALS | {"1st": "1", "2nd": "2", "3rd": "3", "4th": "4"}
_ORDINAL = f"(?:{'|'.join(_ORDINALS)})"
_PARTS = {"three": "Q", "six": "H", "nine": "9M", "3": "Q", "6": "H", "9": "9M"}
_DAY = r"(?P<day>[0-2]?[1-9]|[123]0|31)(?:st|nd|rd|th)?"
_ENDS = r"(?![\w%]|[.,]\d)"
_MARK = r"[\s'’-]*"
_FISCAL = r"(?:[\s-]+(?:fiscal|financial|calendar))?"

Kind = Literal["date", "part", "year", "noun"]
Reader = Callable[[dict[str, str], Period | None, Period | None], Iterable[Period]]
"""Gives the periods of a match's named groups, after the newest period and the last one said."""


@dataclass(frozen=True, slots=True)
class Piece:
    """`text[start:end]` says `period`, as far as it does."""

    kind: Kind
    start: int
    end: int
    period: Period


def pieces_in(text: str, newest: Period | None) -> list[Piece]:
    """Give the pieces of a text in order; relative words are read from the newest period."""
    matches = [
        (match.start(), order, match)
        for order, (_, pattern, _) in enumerate(_GRAMMAR)
        for match in pattern.finditer(text)
    ]
    found: list[Piece] = []
    said: Period | None = None
    end = 0
    for start, order, match in sorted(matches, key=lambda each: each[:2]):
        if start < end:
            continue
        end = match.end()
        kind, _, read = _GRAMMAR[order]
        named = {name: value for name, value in match.groupdict().items() if value}
        for period in read(named, newest, said):
            found.append(Piece(kind, start, end, period))
            said = period if period.year else said
    return found


def _date(named: dict[str, str], *_: Period | None) -> Iterator[Period]:
    written = named["month"]
    # A lower-case "may" or "march" without a day is no month: "it may 2023".
    if written in ("may", "march") and "day" not in named:
        return
    month = int(written) if written.isdecimal() else month_number(written)
    day = int(named.get("day", 0))
    yield Period(int(named.get("year", 0)), "day" if day else "month", month, day)


def _numeric_date(named: dict[str, str], *_: Period | None) -> Iterator[Period]:
    """Read 31.12.2023 with the day first and 12/31/2023 with the month, unless that cannot be."""
    one, two = int(named["one"]), int(named["two"])
    day, month = (two, one) if (named["mark"] == "/" and one <= 12) or two > 12 else (one, two)
    if 1 <= month <= 12 and 1 <= day <= 31:
        yield Period(int(named["year"]), "day", month, day)


def _short_part(named: dict[str, str], *_: Period | None) -> Iterator[Period]:
    part = named["part"].upper()
    part = part if part == "9M" else "".join(sorted(part, reverse=True))
    if part not in ("H3", "H4"):
        yield Period(full_year(named["year"]) if "year" in named else 0, part)


def _named_part(named: dict[str, str], *_: Period | None) -> Iterator[Period]:
    letter = named["span"][0].upper()
    for name in ("one", "two"):
        number = _ORDINALS[named[name].lower()] if name in named else ""
        if number and (letter == "Q" or number in "12"):
            yield Period(0, letter + number)


def _months(named: dict[str, str], *_: Period | None) -> Iterator[Period]:
    yield Period(0, _PARTS[named["count"].lower()])


def _month_of_quarter(named: dict[str, str], *_: Period | None) -> Iterator[Period]:
    yield Period(0, "Q", month_number(named["month"]))


def _half(*_: object) -> Iterator[Period]:
    yield Period(0, "H")


def _year(named: dict[str, str], *_: Period | None) -> Iterator[Period]:
    """Read a year, or two: those that follow each other are one over both (2022/23)."""
    first = full_year(named["year"])
    last = full_year(named.get("to_year") or named.get("to") or str(first))
    for year in [last] if last == first + 1 else dict.fromkeys([first, last]):
        yield Period(year, calendar="calendar" in named)


def _relative(
    named: dict[str, str], newest: Period | None, said: Period | None
) -> Iterator[Period]:
    """Read "last year" from the newest period, "the prior year" from the last one said."""
    if newest is None:
        return
    steps = -1 if "before" in named else 1 if "after" in named else 0
    if named["of"].lower() == "quarter":
        yield _quarters_on(newest, steps)
    else:
        is_prior = steps < 0 and "last" not in named
        base = said if is_prior and said else newest
        yield Period(base.year + steps)


def _years_back(
    named: dict[str, str], newest: Period | None, said: Period | None
) -> Iterator[Period]:
    base = said or newest
    if base is not None:
        yield Period(base.year - (2 if "two" in named else 1))


def _last_years(named: dict[str, str], newest: Period | None, _: Period | None) -> Iterator[Period]:
    for back in range(3 if named["many"].lower() in ("three", "3") else 2):
        if newest is not None:
            yield Period(newest.year - back)


def _noun(named: dict[str, str], *_: Period | None) -> Iterator[Period]:
    yield Period(0, next(part for part in ("H", "year", "Q", "day") if part in named))


def _quarters_on(newest: Period, steps: int) -> Period:
    """Give the quarter some steps from the newest; the last of a whole year is its fourth."""
    if newest.part in ("Q1", "Q2", "Q3", "Q4"):
        at = newest.year * 4 + int(newest.part[1]) - 1 + steps
    else:
        at = newest.year * 4 + {"H1": 1, "9M": 2}.get(newest.part, 3) + max(steps, 0)
    return Period(at // 4, f"Q{at % 4 + 1}")


def _compiled(
    *rules: tuple[Kind, str, Reader],
) -> Sequence[tuple[Kind, re.Pattern[str], Reader]]:
    return [(kind, re.compile(rule, re.IGNORECASE), read) for kind, rule, read in rules]


_GRAMMAR = _compiled(
    (
        "date",
        rf"\b(?P<month>{MONTH})\.?\s+{_DAY}(?!\w|[.,]\d)(?:,?\s+(?P<year>{YEAR}){_ENDS})?",
        _date,
    ),
    (
        "date",
        rf"(?<![\w.,]){_DAY}\s+(?:of\s+)?(?P<month>{MONTH})\b\.?(?:,?\s+(?P<year>{YEAR}){_ENDS})?",
        _date,
    ),
    ("date", rf"\b(?P<month>{MONTH})\b\.?[\s,]+(?:of\s+)?(?P<year>{YEAR}){_ENDS}", _date),
    (
        "date",
        rf"(?<![\w.,-])(?P<year>{YEAR})-(?P<month>0[1-9]|1[0-2])"
        r"(?:-(?P<day>0[1-9]|[12]\d|3[01]))?(?![\w-])",
        _date,
    ),
    (
        "date",
        rf"(?<![\w.,/])(?P<one>\d\d?)(?P<mark>[./])(?P<two>\d\d?)(?P=mark)(?P<year>{YEAR})(?!\w)",
        _numeric_date,
    ),
    (
        "part",
        rf"(?<![\w.,$€£])(?P<part>[QH][1-4]|[1-4][QH]|9M(?={_MARK}(?:FY|CY)?{_MARK}\d\d))"
        rf"(?:(?:{_MARK}(?:FY|CY){_MARK}|['’\s]*['’-]|(?<=[QH])\s?|\s)(?P<year>\d\d){_ENDS})?",
        _short_part,
    ),
    (
        "part",
        rf"\b(?P<one>{_ORDINAL})(?:(?:\s+and\s+|\s+or\s+|,\s*)(?P<two>{_ORDINAL}))?"
        r"[\s-]+(?P<span>quarter|half)s?\b",
        _named_part,
    ),
    ("part", rf"\b(?P<month>{MONTH})\.?\s+quarter\b", _month_of_quarter),
    (
        "part",
        r"\b(?:first[\s-]+)?(?P<count>three|six|nine|[369])[\s-]+months?\b",
        _months,
    ),
    (
        "part",
        r"\b(?:half[\s-]year|(?:interim|semi-?annual)"
        r"(?=\s+(?:results|reports?|periods?|statements?)\b))",
        _half,
    ),
    (
        "year",
        rf"\b(?:(?P<calendar>CY)|FYE?)[\s-]?['’]?(?P<year>{YEAR}|\d\d)"
        rf"(?:\s?[/–-]\s?(?P<to>\d\d)(?!\d)|/(?P<to_year>{YEAR}))?{_ENDS}",
        _year,
    ),
    (
        "year",
        rf"\b(?:(?P<calendar>calendar)|fiscal|financial)(?:[\s-]+year)?\s+['’]?(?P<year>{YEAR}|\d\d)"
        rf"(?:\s?[/–-]\s?(?P<to>\d\d)(?!\d)|/(?P<to_year>{YEAR}))?{_ENDS}",
        _year,
    ),
    (
        "year",
        rf"(?<![\w.,$€£¥₹])(?P<year>{YEAR})(?:/(?P<to>(?:20)?\d\d))?"
        r"(?![\w%]|[.,]\d|\s?%|[\s-]?percent|\s?[x×]\b)",
        _year,
    ),
    ("year", rf"(?<![\w'’])['’](?P<year>\d\d){_ENDS}", _year),
    (
        "year",
        r"\b(?:(?P<before>(?P<last>last)|previous|prior|preceding)|(?P<after>next|coming)"
        rf"|this|current|latest|newest|most\s+recent){_FISCAL}[\s-]+(?P<of>year|quarter)"
        r"(?:['’]s)?\b(?!\s+end)",
        _relative,
    ),
    (
        "year",
        r"\b(?:(?:the|an?|one)\s+year|(?P<two>two)\s+years)\s+(?:ago|earlier|before)\b"
        r"(?!\s+(?:FY|fiscal|\d))",
        _years_back,
    ),
    (
        "year",
        rf"\b(?:last|past|latest)\s+(?P<many>two|three|2|3){_FISCAL}\s+years\b",
        _last_years,
    ),
    (
        "noun",
        r"\b(?:(?P<year>years?|(?:twelve|12)\s+months)|(?P<Q>quarter)(?:ly\s+period)?"
        r"|(?P<H>half)|(?P<day>period))\b",
        _noun,
    ),
)
"""The pieces by pattern; where two begin at one place, the first here holds."""
