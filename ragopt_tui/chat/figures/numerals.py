"""Numerals as they are written: separators of thousands and decimals, and numbers in words."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Literal

Convention = Literal["us", "european"]
"""`us` writes 1,234.5; `european` writes 1.234,5 or 1 234,5."""

SPACES = " \u00a0\u2009\u202f"
NUMERAL = (
    r"(?:\d{1,3}(?:[\u00a0\u2009\u202f]\d{3}(?!\d))+(?:[.,]\d+)?"
    r"|\d{1,3}(?: \d{3}(?!\d))+,\d+"
    r"|\d+(?:[.,'’]\d+)*|\.\d+)"
)
"""A regular expression for one numeral; that it is one, `read_numeral` decides."""

_EUROPEAN_SURE = re.compile(
    r"(?<![\d.,])\d{1,3}(?:[. ]\d{3})+,\d|(?<![\d.,])\d{1,3}(?:\.\d{3}){2,}\b"
)
_EUROPEAN_LIKELY = re.compile(r"(?<![\d.,])\d+,\d{1,2}(?![\d,.]*\d)")
_US_SURE = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})+\.\d|(?<![\d.,])\d{1,3}(?:,\d{2,3})+,\d{3}\b")
_US_LIKELY = re.compile(r"(?<![\d.,])\d+\.\d{1,2}(?![\d,.]*\d)")
_DOTTED = re.compile(r"(?<![\d.,])[1-9]\d{0,2}\.\d{3}(?![\d.,]*\d)")
_SURE_WEIGHT = 3
_ENOUGH_DOTTED = 3
"""So many numerals with three digits behind a dot, and no others, are grouped by it."""

_GROUPED = re.compile(r"\d{1,3}([.,'])\d{3}(?:\1\d{3})*$|\d{1,2}(?:,\d{2})+,\d{3}$")

_SMALL = {
    word: number
    for number, word in enumerate(
        """
        zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen
        fifteen sixteen seventeen eighteen nineteen
        """.split()
    )
}
_TENS = {
    word: 10 * number
    for number, word in enumerate(
        "twenty thirty forty fifty sixty seventy eighty ninety".split(), 2
    )
}
_WORD = "|".join([*_TENS, *sorted(_SMALL, key=len, reverse=True)])
NUMBER_WORDS = rf"\b(?:{_WORD})(?:(?:-|\s+hundred(?:\s+and)?\s+)(?:{_WORD}))*(?:\s+hundred)?\b"
"""A regular expression for a number in words up to 999, for `read_words`."""


def convention_of(text: str) -> Convention | None:
    """Tell how a text separates thousands and decimals; None where its numerals leave it open."""
    european = _SURE_WEIGHT * len(_EUROPEAN_SURE.findall(text)) + len(
        _EUROPEAN_LIKELY.findall(text)
    )
    us = _SURE_WEIGHT * len(_US_SURE.findall(text)) + len(_US_LIKELY.findall(text))
    if european == us:
        return "european" if not us and len(_DOTTED.findall(text)) >= _ENOUGH_DOTTED else None
    return "european" if european > us else "us"


def read_numeral(text: str, convention: Convention) -> tuple[Decimal, int] | None:
    """Give a numeral's value and its number of decimals; None for a version or section number.

    The convention decides only where both readings are possible: 1,234 and 1.234.
    """
    plain = re.sub(rf"[{SPACES}]", "", text).replace("’", "'")
    comma, dot = plain.rfind(","), plain.rfind(".")
    if comma >= 0 and dot >= 0:
        return _parted(plain, max(comma, dot))
    if "'" in plain:
        return _parted(plain, max(comma, dot)) if max(comma, dot) >= 0 else _whole(plain)
    mark = plain[max(comma, dot)] if max(comma, dot) >= 0 else ""
    if not mark:
        return _whole(plain)
    if plain.count(mark) > 1:
        return _whole(plain)
    spaced = plain != text
    grouping = "," if convention == "us" else "."
    if _GROUPED.match(plain) and mark == grouping and plain[0] != "0" and not spaced:
        return _whole(plain)
    return _parted(plain, max(comma, dot))


def _whole(plain: str) -> tuple[Decimal, int] | None:
    if not plain.isdecimal() and not _GROUPED.match(plain):
        return None
    return Decimal(re.sub(r"[.,']", "", plain)), 0


def _parted(plain: str, at: int) -> tuple[Decimal, int] | None:
    """Read the digits behind `at` as decimals; those before may be grouped by another mark."""
    whole = _whole(plain[:at]) if at else (Decimal(0), 0)
    decimals = plain[at + 1 :]
    if whole is None or plain[at] in plain[:at] or not decimals.isdecimal():
        return None
    return whole[0] + Decimal(decimals).scaleb(-len(decimals)), len(decimals)


def read_words(text: str) -> Decimal:
    """Give the value of what NUMBER_WORDS matched: `twenty-five`, `one hundred and forty`."""
    total = 0
    for word in re.split(r"[\s-]+", text.lower()):
        if word == "hundred":
            total *= 100
        else:
            total += _SMALL.get(word, 0) or _TENS.get(word, 0)
    return Decimal(total)
