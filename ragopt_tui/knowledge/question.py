"""What a question asks for: its words, years, figures, and the companies it names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from ragopt_tui.knowledge.finance_terms import SAME_MEANING
from ragopt_tui.knowledge.period_pieces import ORDINAL, ORDINALS, YEAR
from ragopt_tui.knowledge.words import (
    concepts_in,
    content_stems,
    content_words,
    stem,
    stems_of,
    words_of,
)

_YEAR = re.compile(rf"{YEAR}\b")
_BEFORE_YEAR = re.compile(r"\b(?:FY|CY|fiscal(?: year)?|[QH]\d)\Z", re.IGNORECASE)
_LONGEST_BEFORE = len("fiscal year")
_SHORT_YEAR_SIGNS = ("'", "’", "FY", "CY")
"""One of them is in every text that _SHORT_YEAR finds something in."""
_SHORT_YEAR = re.compile(r"(?:\b(?:FY|CY)\s?['’]?|\b[QH][1-4]\s?FY\s?|['’])(\d\d)\b", re.IGNORECASE)
_INTERIM = re.compile(
    r"\b(?:([QH][1-4])|([1-4])([QH]))(?=\b|[ ]?(?:FY|['’\d]))|"
    rf"\b({ORDINAL})[ -](quarter|half)\b|"
    r"\b(three|six|nine)[ -]months?\b|\b(?:half[ -]year|interim|semi-?annual)",
    re.IGNORECASE,
)
_INTERIM_NAMES = ("quarter", "half", "month", "interim", "semi")
_INTERIM_MARK = re.compile(r"[QHqh][1-4]|[1-4][QHqh]")
"""This or one of the names is in every text that _INTERIM finds something in."""
_MONTHS = {"three": "Q", "six": "H1", "nine": "9M"}
_LEGAL = frozenset(
    "inc corp corporation plc ltd limited group holdings co llc ag se nv sa fund the".split()
)


@dataclass(frozen=True, slots=True)
class Question:
    """A question with what can be read off it.

    `words` are the content words, without figures and those of a named company; `stems` their
    stems and figures, without years;
    `all_stems` all words in order and `pairs` the adjacent pairs of content words. `years`
    are four-digit; `interim` are parts of a year, as `interim_parts` writes them; `companies` are names as profiles write them; `concepts` number the lines of
    SAME_MEANING that it names.
    """

    text: str
    words: tuple[str, ...]
    stems: tuple[str, ...]
    all_stems: tuple[str, ...]
    pairs: frozenset[tuple[str, str]]
    years: frozenset[str]
    interim: frozenset[str]
    companies: frozenset[str]
    concepts: frozenset[int]

    @property
    def search_text(self) -> str:
        """The question with the other names of what it asks for, for full-text search."""
        other = (name for number in sorted(self.concepts) for name in SAME_MEANING[number])
        return " ".join([self.text, *other])


def years_in(text: str) -> frozenset[str]:
    """Give the years a text names, four-digit: 2023, FY23, fiscal 2023, Q3 FY24, '23."""
    years = {match[0] for match in _YEAR.finditer(text) if _begins_year(text, match.start())}
    upper = text.upper()
    if any(sign in upper for sign in _SHORT_YEAR_SIGNS):
        years |= {f"20{match[1]}" for match in _SHORT_YEAR.finditer(text)}
    return frozenset(years)


def _begins_year(text: str, at: int) -> bool:
    """Say whether the digits from `at` on begin a word, or follow FY, Q3 and the like."""
    before = text[at - 1 : at]
    is_inside = before.isalnum() or before == "_"
    return not is_inside or bool(_BEFORE_YEAR.search(text, max(0, at - _LONGEST_BEFORE), at))


def interim_parts(text: str) -> frozenset[str]:
    """Give the parts of a year a text names: Q1 to Q4 (and Q for any), H1, H2 (and H), 9M."""
    lower = text.lower()
    if not any(name in lower for name in _INTERIM_NAMES) and not _INTERIM_MARK.search(text):
        return frozenset()
    found: set[str] = set()
    for short, number, letter, ordinal, span, months in _INTERIM.findall(text):
        if short or number:
            part = short.upper() or f"{letter.upper()}{number}"
        elif ordinal:
            part = f"{'Q' if span.lower() == 'quarter' else 'H'}{ORDINALS[ordinal.lower()]}"
        else:
            part = _MONTHS[months.lower()] if months else "H"
        found |= {part, part[0]} if part != "9M" else {part}
    return frozenset(found)


def company_words(company: str) -> tuple[str, ...]:
    """Give the words that tell a company from others: its name without the legal form."""
    return tuple(word for word in words_of(company) if word not in _LEGAL)


def understand(text: str, companies: Iterable[str] = ()) -> Question:
    """Read a question; `companies` are the names that the index knows."""
    asked = set(words_of(text))
    named = frozenset(c for c in companies if (w := company_words(c)) and w[0] in asked)
    of_names = {stem(word) for company in named for word in words_of(company)}
    years = years_in(text)
    stems = [
        word
        for word in content_stems(text)
        if word not in of_names and word not in years and not years_in(word)
    ]
    in_order = stems_of(text)
    return Question(
        text=text,
        words=tuple(
            word
            for word in dict.fromkeys(content_words(text))
            if stem(word) not in of_names and not word[0].isdigit() and not years_in(word)
        ),
        stems=tuple(stems),
        all_stems=tuple(in_order),
        pairs=frozenset((a, b) for a, b in pairwise(in_order) if a in stems and b in stems),
        years=years,
        interim=interim_parts(text),
        companies=named,
        concepts=frozenset(concepts_in(in_order)),
    )
