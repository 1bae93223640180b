"""The places of a question that a follow-up can fill anew: its period, company, name and metric."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ragopt_tui.knowledge.fiscal_period import MONTHS
from ragopt_tui.knowledge.period_pieces import ORDINAL, YEAR
from ragopt_tui.knowledge.question import company_words, years_in
from ragopt_tui.knowledge.words import concepts_in, stem, stems_of, words_of

METRIC_WORDS = frozenset(
    map(
        stem,
        """
        amortization asset auditor backlog balance book booking capacity capex capital cash ceo cfo
        commission cost coupon customer debt deposit depreciation dividend duration earning ebit
        ebitda ebitdar emission employee eps equity expense fee goodwill guidance headcount income
        interest inventory leverage liability load loan loss margin nav order payable payout people
        position price production profit provision rate ratio receivable redemption rent reserve
        return revenue sale spending spread staff tax tonne turnover unit value volume wage weight
        yield
        """.split(),
    )
)
"""Stems of the words by which a noun phrase is known to name a metric."""

_YEAR = (
    rf"(?:(?:\b|(?<=[QH][1-4]))(?:FY|CY)\s?['’]?(?:{YEAR}|\d\d)\b"
    rf"|\bfiscal(?: year)? ['’]?(?:{YEAR}|\d\d)\b|\b{YEAR}\b|(?<=\s)['’]\d\d\b)"
)
_PART = (
    rf"(?:\b[QH][1-4](?!\d)|\b[1-4][QH]\b|\b{ORDINAL}[ -](?:quarter|half)\b"
    r"|\b(?:three|six|nine)[ -]months?\b|\bfull[ -]year\b|\bhalf[ -]year\b)"
)
_MONTH = (
    r"\b(?:March|march(?= \d)|May|"
    + "|".join(f"[{m[0]}{m[0].lower()}]{m[1:]}" for m in MONTHS if m not in ("March", "May"))
    + r")\b(?: \d{1,2}(?!\d))?"
)
_PIECE = rf"(?:{_YEAR}|{_PART}|{_MONTH}|\b(?:end|quarter|half|year|years|months)\b)"
_PERIOD = re.compile(
    r"(?P<preposition>\b(?:in|for|at|as of|during|over|on|by|from|since|of) )?"
    rf"(?P<core>(?:\bthe )?{_PIECE}(?:,? ?-?(?:(?:of|to|ended|ending|and|the|its) )*{_PIECE})*)",
    re.IGNORECASE,
)
_YEARS = re.compile(rf"{_YEAR}(?:(?: and | to |, ?|-){_YEAR})*", re.IGNORECASE)
_PARTS = re.compile(_PART, re.IGNORECASE)
_MONTHS = re.compile(_MONTH)
_SHORT_PART = re.compile(r"[QH1-4]{2}", re.IGNORECASE)
_UNIT_NOUN = r"(?: (?:segment|business|division|unit|plant|factory|region|market)\b)"
_NAME = re.compile(
    rf"\b[A-Z][a-z][\w’'-]*(?: (?:(?:of|&) )?[A-Z][a-z][\w’'-]*)*(?P<noun>{_UNIT_NOUN})?"
)
_LEGAL_FORM = r"Inc|Corp|Corporation|plc|Ltd|Limited|Group|Holdings?|Co|LLC|AG|SE|N\.?V|S\.?A|Fund"
_POSSESSIVE = re.compile(r"['’]s?$")


@dataclass(frozen=True, slots=True)
class Span:
    """`text` as it stands in a question at `start` to `end`."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Period:
    """A period as a question writes it: its preposition (with a space) and the rest.

    `years` and `part` are what of `core` names the year or years, and the part of the year or day.
    """

    span: Span
    preposition: str
    core: str
    years: str
    part: str

    def refined(self, other: Period) -> str:
        """Give this period with what `other` names in its place, or added to it."""
        preposition = other.preposition or self.preposition or "in "
        full_year = re.fullmatch(r"full[ -]year", other.part, re.IGNORECASE)
        if other.years and not other.part and self.years:
            return self.preposition + self.core.replace(self.years, self._year_like(other.years))
        if other.part and not other.years and self.years:
            joint = ", " if other.core[-1].isdigit() else " of "
            short = _SHORT_PART.fullmatch(other.part) or full_year
            return preposition + other.core + (" " if short else joint) + self.years
        return preposition + other.core

    def _year_like(self, years: str) -> str:
        """Write years as this period does: fiscal 2024 and 2022 make fiscal 2022."""
        if self.part and _MONTHS.search(self.part):
            four_digits = sorted(years_in(years))
            return four_digits[0] if len(four_digits) == 1 else years
        prefix = re.match(r"fiscal(?: year)? |FY ?|CY ?", self.years, re.IGNORECASE)
        return prefix[0] + years if prefix and years.isdigit() else years


def period_of(text: str) -> Period | None:
    """Find the last period that a question names."""
    found = None
    for match in _PERIOD.finditer(text):
        core = match["core"]
        years, part = _YEARS.search(core), _PARTS.search(core) or _MONTHS.search(core)
        if years or part:
            span = Span(match[0], match.start(), match.end())
            found = Period(
                span,
                match["preposition"] or "",
                core,
                years[0] if years else "",
                part[0] if part else "",
            )
    return found


def companies_of(text: str, companies: Iterable[str]) -> list[Span]:
    """Find where a question names one of some companies, by the first word of its name at least."""
    found = []
    for words in {words for company in companies if (words := company_words(company))}:
        more = "|".join([*map(re.escape, words[1:]), _LEGAL_FORM])
        pattern = rf"\b{re.escape(words[0])}\b(?:,? (?:{more})\b\.?)*(?:['’]s?(?!\w))?"
        found += [
            Span(match[0], match.start(), match.end())
            for match in re.finditer(pattern, text, re.IGNORECASE)
        ]
    return sorted(found, key=lambda span: (span.start, -span.end))


def names_of(text: str, apart_from: Iterable[Span] = (), start: int = 1) -> list[Span]:
    """Find the capitalised names in a question from a character on: segments, places, people."""
    # What is taken is blanked, so that a name right behind a company's is one of its own.
    for taken in apart_from:
        text = text[: taken.start] + "." * (taken.end - taken.start) + text[taken.end :]
    return [
        Span(match[0], match.start(), match.end())
        for match in _NAME.finditer(text)
        if match.start() >= start
        and not _MONTHS.fullmatch(match[0].split()[0])
        and match[0].split()[0] not in ("Fiscal", "Full")
    ]


def names_metric(text: str) -> bool:
    """Whether a phrase names something that reports put a figure to."""
    stems = stems_of(text)
    return bool(METRIC_WORDS.intersection(stems) or concepts_in(stems))


def metric_head(words: str) -> str:
    """Give the beginning of a phrase up to the last word of the metric it begins with, or ""."""
    said = words.split()
    last = max((n for n, word in enumerate(said[:6], 1) if _is_metric(word)), default=0)
    return " ".join(said[:last])


def bare(name: str) -> str:
    """Give a name without its possessive."""
    return _POSSESSIVE.sub("", name)


def without(text: str, *spans: Span | None) -> str:
    """Give a text without some spans of it."""
    for span in sorted(filter(None, spans), key=lambda each: -each.start):
        text = f"{text[: span.start]} {text[span.end :]}"
    return " ".join(text.split())


def _is_metric(word: str) -> bool:
    return bool(METRIC_WORDS.intersection(map(stem, words_of(word))))
