"""What words make of a figure's sign: fell by 5 %, a loss of 6.4 million, dividends paid."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

Way = Literal["up", "down", ""]
Nature = Literal["profit", "loss", "outlay", ""]

_UP = (
    r"(?<![-\w])(?:rose|ris(?:e|es|en|ing)|increas\w+|gr[eo]w(?:n|s|ing|th)?|(?<!made )(?<!make )(?<!makes )(?<!making )up(?!\s+to)|gain(?:ed|s|ing)?"
    r"|higher|improv\w+|climb\w*|expand\w*|expansion|widen\w*|add(?:ed|s)|jump\w*|surg\w+|advanc\w+|"
    r"more|greater|better|exceed\w*|recover\w*|strengthen\w*|accelerat\w*|larger|rais\w+|uplift)\b"
)
_DOWN = (
    r"(?<![-\w])(?:fell|fall(?:s|en|ing)?|declin\w+|decreas\w+|drop\w*|down|lower\w*|reduc\w+|"
    r"shr[aiu]nk\w*|narrow\w*|contract(?:ed|ion)|less(?!\s+(?:a|an|the|any)\b)|worse|"
    r"(?:took|taking|takes|taken|knocked|shaved|cost)\s+(?:off|away|us)|fewer|smaller|weaken\w*|slip\w*|sank|slid|"
    r"plung\w*|cut|worsen\w*|deteriorat\w*|eased|shortfall|retreat\w*|slump\w*|tumbl\w*)\b"
)
_WAY_BEFORE = re.compile(
    rf"(?:(?P<up>{_UP})|(?P<down>{_DOWN}))(?P<gap>(?:(?!{_UP}|{_DOWN})[^\d,;:()]){{0,48}})$",
    re.IGNORECASE,
)
_WAY_AFTER = re.compile(
    rf"(?:\s+(?!to\b|from\b|in\b|and\b|at\b|of\b|as\b|for\b|on\b|by\b)[\w-]+){{0,2}}?\s+"
    rf"(?:(?P<up>{_UP}|\babove\b)|(?P<down>{_DOWN}|\bbelow\b))(?!\s+(?:to|from|by)\b)",
    re.IGNORECASE,
)
_LEVEL = re.compile(
    r"\b(?:to|from|at|against|versus|vs\.?|with|than|towards?|between|reach(?:ed|ing)|total(?:l?ed|l?ing)?)"
    r"\s+(?:(?:about|around|roughly|nearly|almost|approximately|only|just|over|a|an|the)\s+)*$",
    re.IGNORECASE,
)
_BASE = re.compile(
    r"\b(?:from|against|versus|vs\.?|than|with|compared to|over)\s+(?:(?:about|the|a|an|some)\s+)*$",
    re.IGNORECASE,
)
_LEVEL_GAP = re.compile(r"\b(?:to|from|than|at|against)\b|\bw(?:as|ere)\b|\bis\b", re.IGNORECASE)
_CHANGE_NOUN = re.compile(
    r"\b(?:growth|increase|rise|gain|uplift|decline|decrease|drop|reduction|fall|change)"
    r"\s+(?:was|is|of|came to|amounted to)\s+$",
    re.IGNORECASE,
)
_CLAUSE = re.compile(r"[;:!?]\s|\.\s|,\s(?:and|but|while|whereas|which|with|after|as)\b|\s[—–·]\s")

_LOSS = r"loss(?:es)?|lost|deficits?|shortfall|outflows?"
_PROFIT = (
    r"income(?!\s+tax)|profits?|earnings|earned|gains?|surplus|ebitda|ebit|result|eps|returns?|"
    r"margins?|cash\s+flows?|inflows?|net\s+cash(?=\s+(?:from|provided|generated))|yields?"
)
_OUTLAY = (
    r"expens\w*|costs?|charg(?:e|es|ed)|paid|pay(?:s|ing|ments?|able)?|spen[dt]|spending|(?<!-)us(?:e|ed|es)|"
    r"purchas\w+|repa(?:id|y\w*)|repurchas\w+|dividends?|distribut\w+|tax(?:es|ation)?|interest|"
    r"depreciat\w+|amorti[sz]\w+|impair\w+|writ\w+[- ](?:downs?|offs?)|provisions?|capex|expenditures?|"
    r"invested|investments?|acqui(?:red|sitions?)|redeemed|redemptions?|withdr\w+|deduct\w*|"
    r"absorb\w*|consum\w+|eliminat\w+|discounts?|allowances?|fees?|bought|outlays?|contribut\w+|settle\w*|lapsed|"
    r"forfeit\w*|dispos\w+|treasury|overheads?|reduc\w+|lowered|decreas\w+"
)
_NATURE = re.compile(
    rf"\b(?:(?P<loss>{_LOSS})|(?P<profit>{_PROFIT})|(?P<outlay>{_OUTLAY}))\b", re.IGNORECASE
)
_DIRECT = re.compile(
    rf"(?<!for )(?<!on )(?<!of )\b(?:(?P<loss>{_LOSS})|(?P<profit>{_PROFIT})|(?P<outlay>{_OUTLAY}))"
    r"(?:\s+(?:before|after|on|per|from|in)\s+\w+){0,2}\s+(?:of|with|was|were|is|:)\s+(?:about\s+|only\s+|nearly\s+)?$",
    re.IGNORECASE,
)
_BEHIND = re.compile(
    rf"\s+(?:(?!(?:in|and|or|to|from|on|of|for|at|by|as|before|after|per|net|was|were|is)\b)[\w-]+\s+){{0,2}}?"
    rf"(?:(?P<loss>{_LOSS})|(?P<profit>{_PROFIT})|(?P<outlay>{_OUTLAY}))\b",
    re.IGNORECASE,
)
_SPENT_BEHIND = re.compile(rf"[^\d.;,]*?\b(?:{_OUTLAY})\b", re.IGNORECASE)
_BY = re.compile(r"\bby\s+(?:about\s+|some\s+|around\s+|approximately\s+)?$", re.IGNORECASE)
_EITHER_WAY = re.compile(rf"(?P<up>{_UP})|(?P<down>{_DOWN})", re.IGNORECASE)
_AND_AGAIN = re.compile(
    r"(?:\s+(?:in|for)(?:\s+fiscal)?\s+\S+|(?:\s+[a-z-]+){0,2}),?\s+and\s+(?:by\s+)?"
)
_NO_VERB = re.compile(
    r"growth|gains?|more|less|greater|fewer|better|worse|larger|smaller|higher|lower", re.IGNORECASE
)
_SAME_AGAIN = re.compile(
    r",?\s+(?:or|i\.e\.|that is)\s+(?:by\s+|about\s+)*|\s*\((?:or\s+|by\s+)?", re.IGNORECASE
)
_BALANCE = re.compile(
    r"\b(?:assets?|liabilit\w+|equity|payables?|receivables?|loans?|notes|balances?|borrowings)\s*$",
    re.IGNORECASE,
)
_PREPOSITION = re.compile(
    r"\b(?:of|on|before|from|in|for|after|per|to|by|at|during|with|was|were|is|are|amounted|total\w*|"
    r"came|stood|reached)\b|[:—–]",
    re.IGNORECASE,
)
_OPENING = re.compile(
    r"^\W*(?:in|for|during|at|by|on|over|as of)\b[^,]{0,40}?(?:\d{2,4}|quarter|half|year)\b,?",
    re.IGNORECASE,
)
_CHANGE = re.compile(
    r"\b(?:change|changes|growth|variation|variance|var|increase|decrease|yoy|y/y|delta)\b|[Δ±]",
    re.IGNORECASE,
)


_NEAR = 60
"""Characters behind a figure that may still speak of it."""
_FARTHEST = 240
"""Characters before a figure in which its clause is looked for."""


@dataclass(frozen=True, slots=True)
class Sense:
    """How the words around a figure turn it.

    `sign` is -1 or +1 where the figure itself carries one; `open` where brackets leave it open.
    `way` is the direction of a change, `nature` what a level is of; with an outlay, (4.4) and 4.4
    mean the same. `change` says that a table's heading or label names a change.
    """

    sign: int = 0
    open: bool = False
    way: Way = ""
    nature: Nature = ""
    change: bool = False

    @property
    def direction(self) -> int:
        """-1 for what is negative or falls, +1 for what is said to be positive or rise, else 0."""
        if self.sign:
            return self.sign
        if self.way:
            return 1 if self.way == "up" else -1
        return -1 if self.nature == "loss" else 0


def senses_in(text: str, spans: Sequence[tuple[int, int]]) -> list[tuple[Way, Nature]]:
    """Read what the clauses make of the figures that stand at `spans` of a sentence, in order.

    A figure that says the same again, as in "by 25.4m, or 35.8 %", goes the way of the one before,
    as does one that is only added: "up 6 % in the quarter and 19 % in the year".
    """
    senses: list[tuple[Way, Nature]] = []
    for index, (start, end) in enumerate(spans):
        previous = spans[index - 1][1] if index else 0
        way, nature = _sense_at(text, start, end, previous)
        between = text[previous:start] if index else ""
        if _SAME_AGAIN.fullmatch(between):
            way, nature = way or senses[-1][0], nature or senses[-1][1]
        elif _AND_AGAIN.fullmatch(between) and not is_level(text, start):
            way = way or senses[-1][0]
        senses.append((way, nature))
    return senses


def _sense_at(text: str, start: int, end: int, previous: int) -> tuple[Way, Nature]:
    first = max(0, start - _FARTHEST)
    clause = text[first:start]
    for boundary in _CLAUSE.finditer(text, first, start):
        clause = text[boundary.end() : start]
    after = text[end : end + _NEAR]
    direct = _DIRECT.search(clause) or _BEHIND.match(after)
    near = text[max(previous, start - len(clause)) : start]
    nature = _kind(direct) if direct else nature_of(near) or nature_of(clause)
    if not nature and _SPENT_BEHIND.match(after):
        nature = "outlay"
    return _way_of_verb(text[first:start]) or _way(clause, after), nature


def _kind(match: re.Match[str]) -> Nature:
    return "loss" if match["loss"] else "profit" if match["profit"] else "outlay"


@lru_cache(maxsize=4096)
def nature_of(phrase: str) -> Nature:
    """Tell what a label or the beginning of a clause speaks of, by its first noun phrase.

    Balances are of no such nature: tax assets, acquisition loans.
    """
    plain = _OPENING.sub("", re.sub(r"\([^)]*\)", " ", phrase))
    parts = _PREPOSITION.split(plain)
    for part in parts:
        named = list(_NATURE.finditer(part))
        if named:
            if _BALANCE.search(part):
                return ""
            return _kind(named[-1])
    return ""


def without_ways(text: str) -> str:
    """Give a text without its words for rising, falling and changing, which may be chosen freely."""
    return _CHANGE.sub(" ", _EITHER_WAY.sub(" ", text))


def is_level(text: str, at: int) -> bool:
    """Say whether what stands at `at` is where something stands, came from or went to."""
    return _LEVEL.search(text, max(0, at - _NEAR), at) is not None


def is_base(text: str, at: int) -> bool:
    """Say whether what stands at `at` is what something is compared with."""
    return _BASE.search(text, max(0, at - _NEAR), at) is not None


def names_change(heading: str) -> bool:
    """Say whether a heading or label names a change."""
    return _CHANGE.search(heading) is not None


def contradict(said: Sense, source: Sense) -> bool:
    """Say whether a statement turns a figure against the way that its source gives it."""
    if said.open or source.open or said.direction == source.direction:
        return False
    outlay = "outlay" in (said.nature, source.nature)
    if said.direction and source.direction:
        return not (said.nature == "loss" and said.way == "up")
    if source.direction:
        if source.sign < 0:
            return said.nature == "profit" or (
                said.nature != "outlay" and (source.nature == "profit" or source.change)
            )
        return source.nature == "loss" and said.nature == "profit" and not source.way
    if said.sign < 0:
        return not outlay
    if said.way == "down":
        return source.change
    return said.nature == "loss" and not said.way and source.nature == "profit"


def _way(before: str, after: str) -> Way:
    if is_level(before, len(before)):
        return ""
    behind = _WAY_AFTER.match(after)
    ahead = _WAY_BEFORE.search(before)
    if behind and not (ahead and not ahead["gap"].strip()):
        return "up" if behind["up"] else "down"
    if ahead and (_CHANGE_NOUN.search(before) or not _LEVEL_GAP.search(ahead["gap"])):
        return "up" if ahead["up"] else "down"
    return ""


def _way_of_verb(before: str) -> Way:
    """Read "by …" with the verb that it belongs to, however far before: reduced growth by."""
    ways = list(_EITHER_WAY.finditer(before)) if _BY.search(before) else []
    verbs = [way for way in ways if not _NO_VERB.fullmatch(way.group())] or ways
    return "" if not verbs else "up" if verbs[-1]["up"] else "down"
