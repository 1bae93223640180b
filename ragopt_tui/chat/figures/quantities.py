"""Amounts, percentages, ratios and counts as they are written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import pairwise

from ragopt_tui.chat.figures.numerals import (
    NUMBER_WORDS,
    NUMERAL,
    Convention,
    read_numeral,
    read_words,
)
from ragopt_tui.chat.figures.units import (
    ANY_DOLLAR,
    ANY_MONEY,
    CURRENCY_AFTER,
    CURRENCY_BEFORE,
    MEASURE,
    SCALE_LETTER,
    SCALE_WORD,
    currency_code,
    is_currency,
    measure_of,
    scale_of,
)

_DASH = "-−–‐‑"
_AMOUNT = re.compile(
    rf"(?P<sign>[{_DASH}+])?(?P<open>\(\s?)?(?P<inner>[{_DASH}+])?"
    rf"(?:(?P<currency>{CURRENCY_BEFORE})\s?(?:(?P<before>{SCALE_WORD}|{SCALE_LETTER})\s?)?)?"
    rf"(?P<late>[{_DASH}])?(?P<hug>\(\s?)?"
    rf"(?P<numeral>{NUMERAL}|(?i:{NUMBER_WORDS}))"
    r"(?P<close>\s?\))?"
    r"(?P<unit>"
    r"(?P<points>[\s-]?(?i:percentage[\s-]points?|%[\s-]?points?|points?(?!\w)|(?:pps?|ppts?|p\.p\.)(?!\w)))"
    r"|(?P<percent>\s?[%％]|[\s-]?(?i:percent|per\s?cent|pct)(?!\w))"
    r"|(?P<bps>[\s-]?(?i:bps?|basis[\s-]points?)(?!\w))"
    r"|(?P<ratio>\s?[x×](?!\w)|\s(?i:times)(?!\w)|(?::|\sto\s)1[.,]0+(?!\d)|:1(?![\d.,:]*\d)|-to-1(?!\d))"
    r"|(?P<cents>\s(?i:euro\s)?(?i:cents?|pence)(?!\w)|p(?!\w))"
    rf"|[\s-]?(?P<scale>{SCALE_WORD})(?:\s(?i:of\s)?(?P<money>{CURRENCY_AFTER})|\s?(?P<sign3>[€£]))?"
    rf"|\s?(?P<letter>{SCALE_LETTER})\s?(?P<money2>{CURRENCY_AFTER})"
    rf"|(?(currency)\s?)(?P<letter2>{SCALE_LETTER})"
    rf"|\s?(?P<money3>{CURRENCY_AFTER})"
    r")?"
    r"(?P<last>\s?\))?"
)
_REFERENCE = re.compile(
    r"(?:\b(?:notes?|tables?|items?|sections?|pages?|p|pp|figures?|fig|exhibits?|appendix|chapters?|"
    r"parts?|schedules?|forms?|rules?|ifrs|ias|asc|asu|ifric|sfas|iso|tier|level|stage|step|phase|"
    r"russell|stoxx|ftse|dax|nikkei|topix|line|lines|no|nos|article|art|footnotes?|question|reg)\.?"
    r"|S&P|&|#|§)\s*\(?$",
    re.IGNORECASE,
)
_NEGATIVE = re.compile(
    r"(?<!plus or )(?<!or )\b(?:minus|negative)(?:\s+(?:at|of|by))?\s+$", re.IGNORECASE
)
_ROUNDED = re.compile(
    r"(?:\b(?:about|approximately|approx\.?|around|roughly|nearly|almost|some|circa|ca\.?|c\.|over|"
    r"more than|above|under|below|less than|up to|at least|close to|well over)\s+|[~≈])$",
    re.IGNORECASE,
)
_FORM = re.compile(r"-[A-Z](?![A-Za-z])|\([a-z]\)|\w|/\d|:\d|-\d{1,2}-\d|@")
_MEASURED = re.compile(
    rf"[\s-]?(?:full-time |more |fewer |further |additional )?(?P<noun>{MEASURE})", re.IGNORECASE
)
_JOINED = re.compile(r"\s?(?:(?P<range>to|through|[-–—])|and|or|,)\s?$")
_YEAR = re.compile(r"(?:19|20)\d\d")
_FARTHEST_APART = 100
_APART_IN_LIST = 5
_BEFORE = 24
"""Characters before a figure that may speak of it: about, minus, note."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """`text[start:end]` says `value`, in base units: 4.2bn is 4,200,000,000, 120 bps is 1.2 %.

    `unit` is a currency code, "%", "x" or "" for a count, whose kind is in `measure` where it is a
    known one. `value` has the sign that the figure carries itself; `bracketed` is one in brackets,
    negative in a table and open in a sentence. `step` is what the last digit shown is worth,
    `shown` the numeral alone and `scale` what multiplies it, 1 where nothing does.
    """

    start: int
    end: int
    text: str
    unit: str
    value: Decimal
    step: Decimal
    shown: Decimal
    scale: Decimal = Decimal(1)
    measure: str = ""
    bracketed: bool = False
    signed: bool = False
    rounded: bool = False
    points: bool = False
    worded: bool = False

    @property
    def sign(self) -> int:
        """-1 or +1 where the figure itself carries a sign, else 0."""
        return (-1 if self.value < 0 else 1) if self.signed else 0

    @property
    def is_plain(self) -> bool:
        """Whether it is a numeral alone, whose unit and scale stand elsewhere if anywhere."""
        return not self.unit and self.scale == 1 and not self.worded


def find_quantities(text: str, convention: Convention) -> list[Quantity]:
    """Give the quantities of a text in order.

    Left out: references (note 12, Form 10-K), parts of names (COVID-19), ordinals and times.
    Years and dates are found too, as the counts that their digits are; the caller knows better.
    """
    found = [
        quantity
        for match in _AMOUNT.finditer(text)
        if (quantity := _quantity(text, match, convention)) is not None
    ]
    return list(_with_shared_units(text, found))


def _quantity(text: str, match: re.Match[str], convention: Convention) -> Quantity | None:
    numeral = match["numeral"]
    worded = numeral[0].isalpha()
    read = (read_words(numeral), 0) if worded else read_numeral(numeral, convention)
    end, opened, has_unit = _extent(match)
    if read is None or _is_no_quantity(text, match, end):
        return None
    shown, decimals = read
    unit, scale = _unit_and_scale(match) if has_unit else _unit_and_scale_before(match)
    if unit == "%" and has_unit and match["bps"]:
        scale = Decimal("0.01")
    start = _start(text, match, opened)
    before = text[max(0, start - _BEFORE) : start]
    step = scale * Decimal(1).scaleb(-decimals)
    rounded = bool(_ROUNDED.search(before))
    if rounded and decimals == 0 and shown:
        step *= Decimal(10) ** (len(str(int(shown))) - len(str(int(shown)).rstrip("0")))
    minus = _is_minus(text, match, opened) or bool(_NEGATIVE.search(before))
    measured = _MEASURED.match(text, end) if not unit else None
    bracketed = opened and not minus
    if bracketed and (unit or scale != 1):
        start, end = _inside_brackets(text, start, end)
    return Quantity(
        start=start,
        end=end,
        text=text[start:end],
        unit=unit,
        value=-shown * scale if minus else shown * scale,
        step=step,
        shown=shown,
        scale=scale,
        measure=measure_of(measured["noun"]) if measured else "",
        bracketed=bracketed,
        signed=minus or _sign_of(text, match) == "+",
        rounded=rounded,
        points=bool(has_unit and (match["points"] or match["bps"])),
        worded=worded,
    )


def _inside_brackets(text: str, start: int, end: int) -> tuple[int, int]:
    inside = text[start:end].removeprefix("(").removesuffix(")")
    start += len(text[start:end].removeprefix("(")) < end - start
    start += len(inside) - len(inside.lstrip())
    return start, start + len(inside.strip())


def _extent(match: re.Match[str]) -> tuple[int, bool, bool]:
    """Give where a figure ends, whether brackets enclose it, and whether its unit belongs to it."""
    opened = match["open"] is not None or match["hug"] is not None
    if match["close"] is not None and not opened:
        return match.end("numeral"), False, False
    unit_end = match.end("unit") if match["unit"] else match.end("close")
    if match["close"] is not None:
        return max(unit_end, match.end("close")), True, True
    if opened and match["last"] is not None:
        return match.end("last"), True, True
    return (match.end("unit") if match["unit"] else match.end("numeral")), False, True


def _start(text: str, match: re.Match[str], opened: bool) -> int:
    if _sign_of(text, match) and match["sign"]:
        return match.start("sign")
    if match["open"] is not None and opened:
        return match.start("open")
    parts = ("inner", "currency", "late", "numeral")
    return next(match.start(part) for part in parts if match[part] is not None)


def _sign_of(text: str, match: re.Match[str]) -> str:
    """Give + or - where a sign stands before the figure and is no hyphen and no range."""
    for part in ("sign", "inner", "late"):
        if match[part] is not None:
            before = text[match.start(part) - 1 : match.start(part)]
            if part == "sign" and (before.isalnum() or before in (")", "%", "'", "’", "/", ".")):
                return ""
            return "+" if match[part] == "+" else "-"
    return ""


def _is_minus(text: str, match: re.Match[str], opened: bool) -> bool:
    """Say whether the figure itself is negative: a minus, or brackets inside its unit or currency."""
    if _sign_of(text, match) == "-":
        return True
    if not opened:
        return False
    return match["hug"] is not None or (match["close"] is not None and match["unit"] is not None)


def _is_no_quantity(text: str, match: re.Match[str], end: int) -> bool:
    at = match.start("numeral")
    first = match.start()
    before = text[max(0, at - _BEFORE) : at]
    previous = before[-1:]
    if not match["currency"] and (previous.isalnum() or previous in ("_", "^")):
        return True
    if previous in (".", ",", "'", "’", "/", ":") and before[-2:-1].isdigit():
        return True
    hyphen = text[first - 1 : first].isalpha() and match["sign"] is not None
    if hyphen and not match["currency"]:
        return True
    if not match["unit"] and _REFERENCE.search(text[max(0, first - _BEFORE) : at]):
        return True
    return not match["unit"] and bool(_FORM.match(text, end)) and not _MEASURED.match(text, end)


def _unit_and_scale(match: re.Match[str]) -> tuple[str, Decimal]:
    if match["points"] or match["percent"] or match["bps"]:
        return "%", Decimal(1)
    if match["ratio"]:
        return "x", Decimal(1)
    if match["cents"]:
        named = match["cents"].lower()
        unit = "GBP" if named.strip() in ("p", "pence") else "EUR" if "euro" in named else ANY_MONEY
        return unit, Decimal("0.01")
    unit, scale = _unit_and_scale_before(match)
    name = match["scale"] or match["letter"] or match["letter2"]
    money = match["money"] or match["sign3"] or match["money2"] or match["money3"]
    if name:
        scale *= scale_of(name)
    return (currency_code(money) if money and unit in ("", ANY_DOLLAR) else unit), scale


def _unit_and_scale_before(match: re.Match[str]) -> tuple[str, Decimal]:
    unit = currency_code(match["currency"]) if match["currency"] else ""
    return unit, scale_of(match["before"]) if match["before"] else Decimal(1)


def _with_shared_units(text: str, found: Sequence[Quantity]) -> Iterator[Quantity]:
    """Give the ends of a range and the members of a list the unit that stands with one of them."""
    shared = list(found)
    for index in range(len(shared) - 2, -1, -1):
        first, second = shared[index : index + 2]
        joined = _JOINED.match(text[first.end : second.start])
        if joined and _lacks(first, second, _FARTHEST_APART if joined["range"] else _APART_IN_LIST):
            shared[index] = _like(first, second)
    for index, (first, second) in enumerate(pairwise(list(shared))):
        joined = _JOINED.match(text[first.end : second.start])
        if joined and joined["range"] and is_currency(first.unit) and not second.unit:
            shared[index + 1] = replace(second, unit=first.unit)
    yield from shared


def _lacks(first: Quantity, second: Quantity, most_apart: int) -> bool:
    """Say whether the unit or scale behind the second figure also speaks of the first.

    They must be of one order: 7 to 8m, but 950 to 1.2m; 5 or 6 %, but 65 or 5.5 %.
    """
    if first.worded or first.scale != 1 or (second.scale == 1 and not second.unit):
        return False
    if _YEAR.fullmatch(first.text):
        return False
    if (
        first.unit
        and first.unit != second.unit
        and not (is_currency(first.unit) and not second.unit)
    ):
        return False
    if first.unit and second.scale == 1:
        return False
    if second.unit in ("%", "x") and first.unit:
        return False
    larger, smaller = sorted((first.shown, second.shown), reverse=True)
    return larger <= smaller * most_apart


def _like(first: Quantity, second: Quantity) -> Quantity:
    return replace(
        first,
        unit=first.unit or second.unit,
        value=first.value * second.scale,
        step=first.step * second.scale,
        scale=second.scale,
        measure=second.measure,
        points=second.points,
    )
