"""The fiscal periods that a text names, as analysts write them.

A text is read piece by piece (`period_pieces.py`): a year, a part of one, a date, "last year".
Pieces that stand together are joined: "third quarter" and "of fiscal 2022", "nine months" and
"ended 31 March 2024".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ragopt_tui.knowledge.fiscal_period import Period
from ragopt_tui.knowledge.period_pieces import Piece, pieces_in

_JOINS = re.compile(
    r"[\s,'’()/-]*(?:(?:s|of|in|for|the|its|fiscal|financial|calendar|year|results|report|earnings|call)\b[\s,'’()-]*)*",
    re.IGNORECASE,
)
_ENDS_AT = re.compile(
    r"(?:[\s,]+(?:that|which))?[\s,]*(?:end(?:ed|ing|s)?|to|through|until|up\s+to)"
    r"(?:\s+(?:on|at|the|end|of|in))*\s+",
    re.IGNORECASE,
)
_LISTS = re.compile(
    r"\s*(?:,|and|or|to|vs\.?|versus|against|with|from|/|-|–|over)\s*(?:the\s+)?", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class SaidPeriod:
    """`text[start:end]`, which is `said`, names `period`."""

    said: str
    start: int
    end: int
    period: Period


def find_periods(text: str, newest: Period | None = None) -> list[SaidPeriod]:
    """Give the periods that a text names, in order, none inside another.

    "Last year", "this quarter" and the like are read from `newest`, the newest period that the
    documents are about; without it they are left out. A quarter or half without a year has that
    of the next one in a list ("Q3 and Q4 2024"), or of the last one named.
    """
    return _with_years_of_lists(text, _joined(text, pieces_in(text, newest)))


def period_of(text: str) -> Period | None:
    """Give the first period that a document's profile names, None where it names none."""
    return next((said.period for said in find_periods(text) if said.period.year), None)


def _joined(text: str, pieces: Sequence[Piece]) -> list[SaidPeriod]:
    """Join pieces that stand together, and leave out nouns that say nothing alone."""
    found: list[SaidPeriod] = []
    at = 0
    while at < len(pieces):
        piece, following = pieces[at], pieces[at + 1] if at + 1 < len(pieces) else None
        both = following and _both(piece, following, text[piece.end : following.start])
        if following and both:
            found.append(_said(text, piece.start, following.end, both))
            at += 2
            continue
        if piece.kind != "noun":
            found.append(_said(text, piece.start, piece.end, piece.period))
        at += 1
    return found


def _said(text: str, start: int, end: int, period: Period) -> SaidPeriod:
    return SaidPeriod(text[start:end], start, end, period)


def _both(first: Piece, second: Piece, between: str) -> Period | None:
    """Give the period that two pieces name together, None if they do not."""
    one, two = first.period, second.period
    if first.kind in ("part", "noun") and second.kind == "date":
        if _ENDS_AT.fullmatch(between):
            return replace(two, part=one.part)
        return None
    if not _JOINS.fullmatch(between):
        return None
    if (
        first.kind == "date"
        and second.kind == "noun"
        and two.part != "year"
        and not between.strip()
    ):
        return replace(one, part=two.part)
    if first.kind == "part" and second.kind == "year" and not one.year:
        return replace(one, year=two.year)
    if first.kind == "year" and second.kind == "part" and not two.year and one.part == "year":
        return replace(two, year=one.year)
    return None


def _with_years_of_lists(text: str, found: Sequence[SaidPeriod]) -> list[SaidPeriod]:
    """Give periods without a year that of the next in a list, else of the last one before."""
    listed: list[SaidPeriod] = []
    after: SaidPeriod | None = None
    for said in reversed(found):
        if after and said.start == after.start:
            said = replace(after, period=said.period)
        if after and not said.period.year and _in_one_list(text, said, after):
            said = _in_year(said, after.period.year)
        listed.append(said)
        after = said
    complete: list[SaidPeriod] = []
    year = 0
    for said in reversed(listed):
        year = said.period.year or (year if said.period.is_interim else 0)
        complete.append(_in_year(said, year))
    return complete


def _in_year(said: SaidPeriod, year: int) -> SaidPeriod:
    return replace(said, period=replace(said.period, year=year))


def _in_one_list(text: str, said: SaidPeriod, after: SaidPeriod) -> bool:
    between = text[said.end : after.start]
    return said.start == after.start or _LISTS.fullmatch(between) is not None
