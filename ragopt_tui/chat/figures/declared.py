"""What captions, headings and labels of tables declare: `$ in thousands`, `EUR million`, `%`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from ragopt_tui.chat.figures.units import CURRENCY_AFTER, CURRENCY_BEFORE, currency_code, scale_of
from ragopt_tui.chat.figures.words import stems_in

_WORD = r"(?:thousands?|millions?|billions?|trillions?|lakhs?|crores?)"
_SHORT = r"(?:bn|mn|mln|mm|mio\.?|mrd\.?|tsd\.?|[mkKMbB]|'?000s?)"
_MONEY = rf"(?:{CURRENCY_BEFORE}|{CURRENCY_AFTER})"
_SCALED_MONEY = re.compile(
    rf"(?P<m1>{_MONEY})\s?(?:in\s+)?(?P<s1>(?i:{_WORD})|{_SHORT})(?!\w)"
    rf"|(?<!\d)(?<!\d\s)(?P<s2>(?i:{_WORD}))\s+(?:of\s+)?(?:the\s+)?(?P<m2>{CURRENCY_AFTER})"
    rf"|(?<![\w\d])(?P<s3>T|k|m|Mio\.?|Mrd\.?|Tsd\.?)\s?(?P<m3>€|EUR)(?!\w)"
    rf"|(?<!\d)(?<!\d\s)(?P<m4>{_MONEY})\s+(?:amounts?\s+)?(?:in|are in)\s+(?P<s4>(?i:{_WORD}))",
)
_SCALED = re.compile(
    rf"\b(?:in|of)\s+(?P<word>{_WORD})\b|\((?P<alone>{_WORD})\b|\((?P<zeros>'?000s?)\)|^(?P<whole>{_WORD})$",
    re.I,
)
_MONEY_ONLY = re.compile(rf"(?:\(|\b(?:in|of)\s+|^)(?P<money>{_MONEY})\s*(?:\)|,|;|$|\s)")
_EXCEPTION = re.compile(
    rf"\b(?:except|unless|but)\b(?:\s+for)?\s+(?P<what>[\w\s-]+?)\s+(?:in|are in)\s+(?P<scale>{_WORD})\b",
    re.IGNORECASE,
)
_PERCENT = re.compile(
    r"\(\s*%|%\s*\)|^%|%$|\bper\s?cent\b|\bpercent(?:age)?s?\b|\bpct\b|\b(?:in|as)\s+%",
    re.IGNORECASE,
)
_PERCENT_LIKE = re.compile(
    r"\b(?:margins?|rates?|yields?|weights?|coupons?|returns?|growth|changes?|shares? of|utili[sz]ation|"
    r"occupancy|turnover|ratio|tier 1|roe|roa|roic|roce|nim|cet1|penetration|churn|variance|var\.?)\b|[%Δ]",
    re.IGNORECASE,
)
_RATIO_LIKE = re.compile(
    r"\b(?:ratio|leverage|coverage|cover|multiples?|gearing|net debt\s*(?:/|to)|times|turns?|"
    r"ev/|p/e|price/|debt/|debt to)\b|\(x\)",
    re.IGNORECASE,
)
_BASIS_POINTS = re.compile(r"\b(?:basis points|bps)\b", re.IGNORECASE)
_UNSCALED = re.compile(
    r"\b(?:per|eps|dps|nav|headcount|employees?|people|ftes?|number|count|shares|units|days|tonnes?|tons|"
    r"loads|stores|volume|price|average|weighted|duration|maturity|square|km|mwh)\b|%|\s/\s",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Declared:
    """A scale and a currency that a text declares for figures that carry none; "" and 0 for none.

    `percent`, `ratio` and `basis_points` say that plain figures may be such; `unscaled` that they may
    be what a table's "except per share data" leaves out of its scale.
    """

    scale: Decimal = Decimal(0)
    currency: str = ""
    percent: bool = False
    ratio: bool = False
    basis_points: bool = False
    unscaled: bool = False


@lru_cache(maxsize=4096)
def declared_in(text: str) -> Declared:
    """Read a caption, heading or label; figures with a scale of their own declare nothing."""
    scale, currency = Decimal(0), ""
    if match := _SCALED_MONEY.search(text):
        named = {name[0]: value for name, value in match.groupdict().items() if value}
        scale, currency = scale_of(named["s"]), currency_code(named["m"])
    elif match := _SCALED.search(text):
        scale = scale_of(next(value for value in match.groups() if value))
    if not currency and (match := _MONEY_ONLY.search(text)):
        currency = currency_code(match["money"])
    return Declared(
        scale,
        currency,
        percent=bool(_PERCENT.search(text) or _PERCENT_LIKE.search(text)),
        ratio=bool(_RATIO_LIKE.search(text)),
        basis_points=bool(_BASIS_POINTS.search(text)),
        unscaled=bool(_UNSCALED.search(text)),
    )


def combined(texts: Sequence[str]) -> Declared:
    """Give what texts declare together, the nearest to the figure first.

    What a text excepts, as in "C$ millions, except subscribers in thousands", holds for the texts
    before it that name it. A nearer text's currency without scale, as in "Earnings per share (€)", keeps a farther one's
    scale from applying for certain: `unscaled` is set.
    """
    scale, currency, unscaled = Decimal(0), "", False
    all_said = [declared_in(text) for text in texts]
    for at, said in enumerate(all_said):
        excepted = _EXCEPTION.search(texts[at])
        if excepted and not scale and _names(texts[:at], excepted["what"]):
            scale, currency = scale_of(excepted["scale"]), ""
            break
        # A scale of its own, as in "Passengers (thousands)", takes a row out of the table's money.
        is_apart = scale and said.scale and not currency
        scale = scale or said.scale
        if is_apart:
            break
        currency = currency or said.currency
        if at < 2:
            unscaled = unscaled or said.unscaled or (bool(said.currency) and not scale)
    return Declared(
        scale,
        currency,
        percent=any(said.percent for said in all_said),
        ratio=any(said.ratio for said in all_said),
        basis_points=any(said.basis_points for said in all_said),
        unscaled=unscaled,
    )


def _names(texts: Sequence[str], what: str) -> bool:
    return bool(stems_in(what) & stems_in(" ".join(texts)))
