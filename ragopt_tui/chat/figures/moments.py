"""Years, periods and dates as they are written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ragopt_tui.knowledge.fiscal_period import full_year, month_number
from ragopt_tui.knowledge.period_pieces import MONTH, ORDINALS, YEAR

_MONTH = rf"(?P<{{}}>{MONTH}|{MONTH.upper()})\b\.?"
_DAY = r"(?P<{}>0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th)?"
_YEAR = rf"(?P<{{}}>{YEAR})"
_NOT_INSIDE = r"(?<![\w.,/$€£])"
_ENDS = r"(?![\w]|[.,]\d)"


def _filled(pattern: str, *names: str) -> str:
    return pattern.format(*names)


_DATE = re.compile(
    rf"{_NOT_INSIDE}(?:"
    rf"{_filled(_MONTH, 'm1')}\s+{_filled(_DAY, 'd1')}{_ENDS}(?:,?\s+{_filled(_YEAR, 'y1')}{_ENDS})?"
    rf"|{_filled(_DAY, 'd2')}\s+(?:of\s+)?{_filled(_MONTH, 'm2')}(?:,?\s+{_filled(_YEAR, 'y2')}{_ENDS})?"
    rf"|{_filled(_MONTH, 'm3')}[\s,'’-]+(?:{_filled(_YEAR, 'y3')}|(?<=['’-])(?P<s3>\d\d)){_ENDS}"
    rf"|{_filled(_YEAR, 'y4')}-(?P<n4>0[1-9]|1[0-2])(?:-(?P<d4>0[1-9]|[12]\d|3[01]))?(?![\w-])"
    rf"|(?P<a5>0?[1-9]|[12]\d|3[01])(?P<mark>[./])(?P<b5>0?[1-9]|[12]\d|3[01])(?P=mark)(?:{_filled(_YEAR, 'y5')}|(?P<s5>\d\d)){_ENDS}"
    r")"
)
_PART = r"(?P<{}>[QH][1-4]|[1-4][QH]|[369]M)"
_NAMED_PART = (
    r"\b(?i:(?P<ordinal>first|second|third|fourth)[\s-](?P<kind>quarter|half))"
    r"(?i:\s+(?:of|in|for|the|fiscal|financial|calendar|year|FY))*\s*"
)
_PERIOD = re.compile(
    rf"(?<![\w.,$€£])(?:"
    rf"{_filled(_PART, 'p1')}(?:[\s,'’-]*(?i:of\s+|fiscal\s+|year\s+)*(?:FY|CY)?\s?['’]?{_filled(_YEAR, 'y1')}"
    rf"|(?:\s?(?:FY|CY|['’-])['’]?|(?<=[QH]))(?P<s1>\d\d))(?![\w%]|[.,]\d)"
    rf"|{_filled(_YEAR, 'y2')}[\s-]*{_filled(_PART, 'p2')}(?!\w)"
    rf"|(?P<fy>FY|CY|F|FYE)[\s-]?['’]?(?:{_filled(_YEAR, 'y3')}|(?P<s3>\d\d))(?:\s?[/–-]\s?(?P<t3>(?:20)?\d\d))?(?![\w%]|[.,]\d)"
    rf"|{_filled(_YEAR, 'y4')}[/–-](?P<t4>\d\d)(?![\w%/–-]|[.,]\d)"
    rf"|(?<=\s)['’](?P<s5>\d\d)(?![\w%]|[.,]\d)"
    r")"
)
_NAMED_PART_YEAR = re.compile(rf"{_NAMED_PART}(?P<year>{_YEAR.format('y')}){_ENDS}")
_BARE_YEAR = re.compile(
    r"(?<![\w.,$€£¥₹])(?P<year>(?:19|20)\d\d)[EFAP]?(?![\w%]|[.,]\d|\s?%|[\s-]?percent|\s?[x×]\b)"
)


@dataclass(frozen=True, slots=True)
class Moment:
    """`text[start:end]` names a year, a part of one, a month or a day, as far as it says.

    `years` holds two for 2022/23; `part` is Q1 to Q4, H1, H2, or M9 for nine months; `month` and `day` are 0 where
    not said. A numeric date that may be read two ways has the other month in `or_month`.
    """

    start: int
    end: int
    text: str
    years: frozenset[int] = frozenset()
    month: int = 0
    day: int = 0
    part: str = ""
    or_month: int = 0

    @property
    def unit(self) -> str:
        """`date` where a month is said, `year` otherwise."""
        return "date" if self.month else "year"

    @property
    def value(self) -> int | str:
        """The year, or the date as ISO 8601 writes it, as far as it is said."""
        year = max(self.years, default=0)
        if not self.month:
            return f"{year}-{self.part}" if self.part else year
        date = f"{year or '-'}-{self.month:02}"
        return f"{date}-{self.day:02}" if self.day else date


def find_moments(text: str) -> list[Moment]:
    """Give the years, periods and dates of a text in order, none inside another."""
    found: list[Moment] = []
    taken: set[int] = set()
    for moment in [*_dates(text), *_periods(text), *_named_parts(text), *_bare_years(text)]:
        if taken.isdisjoint(range(moment.start, moment.end)):
            taken.update(range(moment.start, moment.end))
            found.append(moment)
    return sorted(found, key=lambda moment: moment.start)


def _dates(text: str) -> Iterator[Moment]:
    for match in _DATE.finditer(text):
        named = {name[:1]: value for name, value in match.groupdict().items() if value}
        year = full_year(named.get("y") or named.get("s") or "0000")
        years = frozenset({year} if year else ())
        month, day, other = 0, int(named.get("d", 0)), 0
        if "a" in named:
            a, b = int(named["a"]), int(named["b"])
            if min(a, b) > 12:
                continue
            month, day = (b, a) if b <= 12 else (a, b)
            other = a if a <= 12 and b <= 12 and a != b else 0
        elif "n" in named:
            month = int(named["n"])
        else:
            month = month_number(named["m"])
        yield Moment(match.start(), match.end(), match.group(), years, month, day, "", other)


def _periods(text: str) -> Iterator[Moment]:
    for match in _PERIOD.finditer(text):
        named = {name[:1]: value for name, value in match.groupdict().items() if value}
        first = full_year(named.get("y") or named.get("s") or "0000")
        last = full_year(named["t"]) if "t" in named else 0
        if last and last != first + 1:
            continue
        part = "".join(sorted(named.get("p", ""), reverse=True))
        years = frozenset(year for year in (first, last) if year)
        yield Moment(match.start(), match.end(), match.group(), years, part=part)


def _named_parts(text: str) -> Iterator[Moment]:
    for match in _NAMED_PART_YEAR.finditer(text):
        kind = "Q" if match["kind"].lower() == "quarter" else "H"
        part = kind + ORDINALS[match["ordinal"].lower()]
        year = frozenset({int(match["year"])})
        yield Moment(match.start("year"), match.end(), match["year"], year, part=part)


def _bare_years(text: str) -> Iterator[Moment]:
    for match in _BARE_YEAR.finditer(text):
        yield Moment(match.start(), match.end(), match.group(), frozenset({int(match["year"])}))
