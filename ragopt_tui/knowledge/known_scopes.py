"""Which companies and periods the indexed documents are about, and which of them a question names."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import PurePosixPath

from ragopt_tui.knowledge.fiscal_period import Period
from ragopt_tui.knowledge.periods import SaidPeriod, find_periods, period_of
from ragopt_tui.knowledge.question import company_words
from ragopt_tui.knowledge.scope import Filter, FilterKind
from ragopt_tui.knowledge.words import concepts_in, content_words, stem, words_of

_SHORTEST_TICKER = 3
_TICKER = re.compile(r"[A-Z]{3,5}(?![a-z])")
_WORD = re.compile(r"\w+")
_YEAR_SAID = re.compile(r"\d\d")
_PREPOSITION = re.compile(
    r"(?:\b(?:in|of|for|during|over|at|to|with|from|than|and|or|versus|vs|against|by|the|its)|[(,])\W*$",
    re.IGNORECASE,
)
_NEAR = 20
"""Characters before a period among which its preposition is."""
_COMMON = frozenset(
    """
    advanced allied american applied atlantic bank best capital central city consolidated digital
    direct east eastern energy european federal financial first fourth gap general global great
    health home integrated international key life live match national new north northern old
    pacific progressive public regions royal second simply south southern square standard state
    target third trade trust union unit united universal visa west western world
    """.split()
)
"""First words of names that questions also use otherwise."""


@dataclass(frozen=True, slots=True)
class DocumentScope:
    """A document's file, and its company and period as its profile writes them."""

    file: str
    company: str
    period: str


@dataclass(frozen=True, slots=True)
class Company:
    """A company: `name` as it is shown, `names` as profiles write it, and how it may be called.

    `words` are those of its name without the legal form; `tickers` its initials and the
    capitals that its files begin with. `newest` is the last period that a document is about.
    """

    name: str
    names: frozenset[str]
    words: tuple[str, ...]
    tickers: frozenset[str]
    newest: Period | None


@dataclass(frozen=True, slots=True)
class AskedScope:
    """The companies and periods that a question, `text`, names, with its words for them.

    `periods` has each period once, `mentions` every place that names one.
    """

    text: str
    companies: tuple[tuple[Company, str], ...]
    periods: tuple[SaidPeriod, ...]
    mentions: tuple[SaidPeriod, ...]

    def written_out(self, periods: Collection[SaidPeriod]) -> str:
        """Give the question with some of its periods, such as "last year", as what they mean."""
        meant = {each.period.label for each in periods}
        spans: dict[tuple[int, int], list[str]] = {}
        for each in self.mentions:
            if each.period.label in meant and not _YEAR_SAID.search(each.said):
                label = re.sub(r"^(?:FY|CY)(?=\d{4})", "fiscal ", each.period.label)
                spans.setdefault((each.start, each.end), []).append(label)
        text = self.text
        for (start, end), labels in sorted(spans.items(), reverse=True):
            before = text[:start]
            preposition = "" if not before or _PREPOSITION.search(before[-_NEAR:]) else "in "
            text = before + preposition + " and ".join(labels) + text[end:]
        return text

    def without(self, removed: Collection[tuple[str, str]]) -> AskedScope:
        """Give the scope without what the user removed: kind and value, or kind and "" for all."""
        return replace(
            self,
            companies=tuple(
                (company, said)
                for company, said in self.companies
                if not _is_removed("company", company.name, removed)
            ),
            periods=tuple(
                each
                for each in self.periods
                if not _is_removed("period", each.period.label, removed)
            ),
        )

    def filters(self, without: Collection[tuple[str, str]] = ()) -> tuple[Filter, ...]:
        """Give them as filters; `without` are the removed ones: kind and value, or "" for all."""
        named: list[tuple[FilterKind, str, str]] = [
            *(("company", company.name, said) for company, said in self.companies),
            *(("period", said.period.label, said.said) for said in self.periods),
        ]
        return tuple(
            Filter(kind, value, said, "removed" if _is_removed(kind, value, without) else "used")
            for kind, value, said in named
        )


class KnownScopes:
    """What the documents of an index are about."""

    def __init__(self, documents: Iterable[DocumentScope]) -> None:
        self.documents = tuple(documents)

    @cached_property
    def periods(self) -> dict[str, Period]:
        """The periods of documents by how profiles write them; those that name none are left out."""
        written = {document.period for document in self.documents}
        return {text: period for text in written if (period := period_of(text))}

    @cached_property
    def companies(self) -> tuple[Company, ...]:
        """The companies; names that differ in case, legal form or last words only are one."""
        by_words: dict[tuple[str, ...], list[DocumentScope]] = defaultdict(list)
        for document in self.documents:
            if words := company_words(document.company):
                by_words[words].append(document)
        longer: dict[tuple[str, ...], list[tuple[str, ...]]] = defaultdict(list)
        for words in by_words:
            for length in range(1, len(words)):
                longer[words[:length]].append(words)
        for words in sorted(by_words, key=len):
            if len(longer[words]) == 1:
                by_words[longer[words][0]] += by_words.pop(words)
        return tuple(self._company(words, each) for words, each in sorted(by_words.items()))

    def newest(self, companies: Sequence[Company] = ()) -> Period | None:
        """Give the last period of some companies, or of all; None where none is known."""
        known = [c.newest for c in companies or self.companies if c.newest]
        if not known and not companies:
            known = list(self.periods.values())
        return max(known, key=_latest, default=None)

    def asked(self, text: str) -> AskedScope:
        """Read which companies and periods a question names."""
        companies = self._companies_in(text)
        newest = self.newest([company for company, _ in companies]) or self.newest()
        said = [each for each in find_periods(text, newest) if each.period.year]
        mentions = _meant(said)
        distinct = {each.period.label: each for each in reversed(mentions)}
        periods = [each for each in mentions if distinct[each.period.label] is each]
        return AskedScope(text, tuple(companies), tuple(periods), tuple(mentions))

    def _company(self, words: tuple[str, ...], documents: Sequence[DocumentScope]) -> Company:
        names = {document.company for document in documents}
        periods = [self.periods[d.period] for d in documents if d.period in self.periods]
        firsts = {PurePosixPath(d.file).name for d in documents}
        tickers = {found[0] for first in firsts if (found := _TICKER.match(first))}
        if len(words) >= _SHORTEST_TICKER:
            tickers.add("".join(word[0] for word in words).upper())
        return Company(
            name=max(names, key=lambda name: (not name.isupper(), len(name), name)),
            names=frozenset(names),
            words=words,
            tickers=frozenset(t for t in tickers if not concepts_in([stem(t.lower())])),
            newest=max(periods, key=_latest, default=None),
        )

    def _companies_in(self, text: str) -> list[tuple[Company, str]]:
        """Give the companies that a text names, in order, with its words for them."""
        words = set(words_of(text))
        may_be_tickers = set(_WORD.findall(text))
        found: list[tuple[int, int, Company, str]] = []
        for company in self.companies:
            match = _named(company, text) if company.words[0] in words else None
            if not match and (tickers := company.tickers & may_be_tickers):
                match = re.search(rf"\b{min(tickers)}\b", text)
            if match:
                found.append((match.start(), len(words_of(match[0])), company, match[0]))
        # Of two companies with the same first words the one of which more is said is meant.
        longest = {start: max(n for s, n, *_ in found if s == start) for start, *_ in found}
        kept = [each for each in found if each[1] == longest[each[0]]]
        return [(company, said) for _, _, company, said in sorted(kept, key=lambda each: each[0])]


def _named(company: Company, text: str) -> re.Match[str] | None:
    """Find a company's name or the beginning of it, the longest first."""
    matches = _pattern_of(company.words).finditer(text)
    best = max(matches, key=lambda match: len(match[0]), default=None)
    if best is None or not _is_common(company.words[0]):
        return best
    is_whole = len(company.words) == 1 and best[0][0].isupper()
    return best if is_whole or len(words_of(best[0])) > 1 else None


@lru_cache(maxsize=20_000)
def _pattern_of(name: tuple[str, ...]) -> re.Pattern[str]:
    first, *others = map(re.escape, name)
    more = "".join(rf"(?:[\s,.&'’-]+(?:(?:and|of|the)\s+)?{word}\b" for word in others)
    return re.compile(rf"\b{first}\b{more}{')?' * len(others)}", re.IGNORECASE)


@lru_cache(maxsize=20_000)
def _is_common(word: str) -> bool:
    return word in _COMMON or not content_words(word) or bool(concepts_in([stem(word)]))


def _latest(period: Period) -> tuple[tuple[int, int, int], bool]:
    """Order periods by their end, a year behind the quarter that ends with it."""
    return period.order, period.part == "year"


def _meant(said: Sequence[SaidPeriod]) -> list[SaidPeriod]:
    """Give the periods without a year that only completes a part of it: the third quarter."""
    completed = {each.period.year for each in said if not _YEAR_SAID.search(each.said)}
    parts = {each.period.year for each in said if each.period.is_interim}
    only_complete = completed & parts
    return [e for e in said if e.period.part != "year" or e.period.year not in only_complete]


def _is_removed(kind: str, value: str, without: Collection[tuple[str, str]]) -> bool:
    return (kind, value) in without or (kind, "") in without
