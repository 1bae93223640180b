"""Which year a figure of a sentence is said for, where the sentence leaves no doubt."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from ragopt_tui.chat.figures.grammar import Figure
from ragopt_tui.chat.figures.moments import Moment

_BEHIND = re.compile(
    r"\s*(?:(?!(?:and|or|but|from|up|down|than|versus|against|compared|to)\b)[^\W\d][\w-]*\s+){0,3}?"
    r"(?:in|for|during|at|as of|as at|by|on|of)\s+"
    r"(?:(?:the|fiscal|financial|calendar|full|whole|end|first|second|third|fourth|quarter|"
    r"half|nine|six|three|twelve|months?|years?|ended|ending|of|in|to|period|FY)\s*)*"
    r"(?:\s?(?:ended|ending))?\s*",
    re.IGNORECASE,
)
_IN_BRACKETS = re.compile(
    r"\s*\((?:in\s+|for\s+)?(?:fiscal\s+|financial\s+|year\s+|FY\s*)*", re.IGNORECASE
)
_COLON = re.compile(r"\s*(?:restated\s*)?(?:\([a-z]\))?\s*[:=]\s*", re.IGNORECASE)
_COMPARES = re.compile(
    r"\b(?:from|against|compared|versus|vs|than|over|since|until|relative|previous|prior|earlier|last|"
    r"and)\b|;|\|",
    re.IGNORECASE,
)
_NO_LEAD = re.compile(
    r"\b(?:compared\s+(?:with|to)|than(?:\s+in)?|from|since|until|after|before|against|versus|vs\.?|over|"
    r"to|between|by|due|maturing|expiring|its|their)\s+(?:the\s+|fiscal\s+|financial\s+|year\s+|end\s+of\s+)*$",
    re.IGNORECASE,
)
_NEAR = 60
"""Characters before a year that may make it no period: due, until."""
_FARTHEST = 120
"""Characters between a year that opens a clause and the figure said for it."""


def bound_periods(text: str, figures: Sequence[Figure]) -> dict[int, tuple[Moment, ...]]:
    """Give for the index of each quantity the year or date that it is said for, several if unsure.

    Read are "5 in 2023", "2023: 5", "5 (2023)", "in 2023 … was 5" and "…, respectively"; in "6
    (2023: 5)" the first is for the year after.
    """
    if re.search(r"\brespectively\b", text, re.IGNORECASE):
        return _in_turn(figures)
    bound: dict[int, tuple[Moment, ...]] = {}
    for index, figure in enumerate(figures):
        if isinstance(figure, Moment):
            continue
        periods = _leading(text, figures, index, bound)
        following = figures[index + 1] if index + 1 < len(figures) else None
        if isinstance(following, Moment) and following.years:
            between = text[figure.end : following.start]
            closed = text[following.end : following.end + 1] == ")"
            if _BEHIND.fullmatch(between) or (closed and _IN_BRACKETS.fullmatch(between)):
                periods = (*periods, following)
            elif (
                not periods and _IN_BRACKETS.fullmatch(between) and text[following.end :][:1] == ":"
            ):
                periods = (_year_after(following),)
        if periods:
            bound[index] = periods
    return bound


def _leading(
    text: str,
    figures: Sequence[Figure],
    index: int,
    bound: dict[int, tuple[Moment, ...]],
) -> tuple[Moment, ...]:
    """Give the years between the quantity before and this one that open its clause."""
    periods: list[Moment] = []
    for before in range(index - 1, -1, -1):
        moment = figures[before]
        if not isinstance(moment, Moment):
            break
        between = text[moment.end : figures[index].start]
        taken = moment in bound.get(before - 1, ())
        if moment.years and before == index - 1 and _COLON.fullmatch(between):
            return (moment,)
        if moment.years and not taken and _leads_to(between) and _may_lead(text, moment):
            periods.append(moment)
    return tuple(periods)


def _in_turn(figures: Sequence[Figure]) -> dict[int, tuple[Moment, ...]]:
    moments = [figure for figure in figures if isinstance(figure, Moment) and figure.years]
    quantities = [index for index, figure in enumerate(figures) if not isinstance(figure, Moment)]
    if len(moments) != len(quantities):
        return {}
    return {index: (moment,) for index, moment in zip(quantities, moments, strict=True)}


def _may_lead(text: str, moment: Moment) -> bool:
    first = max(0, moment.start - _NEAR)
    return not _NO_LEAD.search(text, first, moment.start)


def _year_after(moment: Moment) -> Moment:
    return replace(moment, years=frozenset(year + 1 for year in moment.years), part="")


def _leads_to(between: str) -> bool:
    closes = between.count(")") > between.count("(")
    return len(between) <= _FARTHEST and not closes and not _COMPARES.search(between)
