"""Units of figures: currencies, scales, percent, ratios and what counts count, as data."""

from __future__ import annotations

import re
from decimal import Decimal

ANY_DOLLAR = "$"
"""The unit of a bare dollar sign, which may be any country's dollar."""
ANY_MONEY = "¤"
"""The unit of cents, which may be any currency's."""

_CURRENCIES: dict[str, tuple[str, ...]] = {
    "USD": ("US$", "USD", "US dollars", "US dollar", "U.S. dollars", "United States dollars"),
    "CAD": ("C$", "CA$", "CAD", "Canadian dollars"),
    "AUD": ("A$", "AU$", "AUD", "Australian dollars"),
    "NZD": ("NZ$", "NZD", "New Zealand dollars"),
    "HKD": ("HK$", "HKD", "Hong Kong dollars"),
    "SGD": ("S$", "SGD", "Singapore dollars"),
    ANY_DOLLAR: ("$", "dollars", "dollar"),
    "EUR": ("€", "EUR", "euros", "euro"),
    "GBP": ("£", "GBP", "pounds sterling", "pounds", "sterling"),
    "JPY": ("¥", "JPY", "yen"),
    "CHF": ("CHF", "Swiss francs", "francs"),
    "CNY": ("CNY", "RMB", "yuan", "renminbi"),
    "INR": ("₹", "INR", "Rs.", "Rs", "rupees"),
    "KRW": ("₩", "KRW"),
    "BRL": ("R$", "BRL", "reais"),
    "SEK": ("SEK", "kronor", "kronas", "krona"),
    "NOK": ("NOK", "kroner"),
    "DKK": ("DKK",),
    "PLN": ("PLN", "zł"),
    "CZK": ("CZK",),
    "MXN": ("MXN",),
    "ZAR": ("ZAR",),
    "TWD": ("NT$", "TWD"),
    "TRY": ("₺", "TRY"),
    "RUB": ("₽", "RUB"),
    "THB": ("฿", "THB"),
    "ILS": ("₪", "ILS"),
    "NGN": ("₦", "NGN"),
    "PHP": ("₱", "PHP"),
    "VND": ("₫", "VND"),
}
_DOLLARS = frozenset({ANY_DOLLAR, "USD", "CAD", "AUD", "NZD", "HKD", "SGD"})
_CODE_OF = {name.lower(): code for code, names in _CURRENCIES.items() for name in names}

_SCALES: dict[str, tuple[str, ...]] = {
    "1e3": ("thousand", "thousands", "k", "tsd.", "tsd", "000", "000s", "'000", "'000s", "t"),
    "1e5": ("lakh", "lakhs"),
    "1e6": ("million", "millions", "m", "mm", "mn", "mln", "mio.", "mio", "mill."),
    "1e7": ("crore", "crores"),
    "1e9": ("billion", "billions", "bn", "b", "bln", "mrd.", "mrd", "milliard", "milliards"),
    "1e12": ("trillion", "trillions", "tn", "trn"),
}
_SCALE_OF = {name: Decimal(value) for value, names in _SCALES.items() for name in names}

_MEASURES: dict[str, tuple[str, ...]] = {
    "year": ("year", "years", "yr", "yrs"),
    "month": ("month", "months", "mo", "mos"),
    "week": ("week", "weeks"),
    "day": ("day", "days"),
    "hour": ("hour", "hours"),
    "minute": ("minute", "minutes"),
    "tonne": ("tonne", "tonnes", "ton", "tons"),
    "kilometre": ("km", "kilometer", "kilometers", "kilometre", "kilometres"),
    "mile": ("mile", "miles"),
    "square metre": ("square meters", "square metres", "sqm", "m2", "m²"),
    "square foot": ("square feet", "sq ft", "sq. ft."),
    "power": ("MW", "GW", "kW", "megawatts", "gigawatts"),
    "energy": ("MWh", "GWh", "kWh", "TWh"),
    "share": ("share", "shares"),
    "person": (
        *("employee", "employees", "people", "staff", "workers", "FTE", "FTEs", "headcount"),
        *("full-time equivalents", "full-time employees", "positions", "jobs"),
    ),
}
_MEASURE_OF = {name.lower(): kind for kind, names in _MEASURES.items() for name in names}


def _any_of(names: list[str]) -> str:
    return "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))


_SIGNS = [name for names in _CURRENCIES.values() for name in names if not name.islower()]
CURRENCY_BEFORE = rf"(?<![A-Za-z])(?:{_any_of([n for n in _SIGNS if ' ' not in n])})"
"""A regular expression for a currency that stands before its amount."""

CURRENCY_AFTER = rf"(?i:{_any_of(list(_CODE_OF))})(?!\w)"
"""A regular expression for a currency that stands behind its amount."""

SCALE_WORD = (
    r"(?:thousands?|millions?|billions?|trillions?|lakhs?|crores?|milliards?"
    r"|[Mm]ill\.|[Mm]io\.?|[Mm]rd\.?|[Tt]sd\.?|[Bb]ln|[Bb][Nn]|[Mm]ln|[Mm][Nn]|[Mm][Mm]|trn|tn)(?!\w)"
)
SCALE_LETTER = r"(?:[kKmMbB](?!\w)|T(?=€|EUR))"
"""A letter that multiplies an amount where it touches it or its currency: 4.2m, €m."""

MEASURE = rf"(?:{_any_of(list(_MEASURE_OF))})(?!\w)"


def currency_code(name: str) -> str:
    """Give the ISO code of a sign or name, ANY_DOLLAR for dollars of no country."""
    return _CODE_OF[" ".join(name.lower().split())]


def scale_of(name: str) -> Decimal:
    """Give what `million`, `bn` or `k` multiplies by."""
    return _SCALE_OF[name.lower()]


def measure_of(name: str) -> str:
    """Give what `employees` or `tonnes` count, one name for each kind."""
    return _MEASURE_OF[" ".join(name.lower().split())]


def same_unit(one: str, other: str) -> bool:
    """Say whether two units may mean the same: a bare dollar sign is any dollar, cents any money."""
    if one == other or (ANY_MONEY in (one, other) and is_currency(one) and is_currency(other)):
        return True
    return ANY_DOLLAR in (one, other) and {one, other} <= _DOLLARS


def is_currency(unit: str) -> bool:
    """Say whether a unit is money."""
    return unit in _CURRENCIES or unit == ANY_MONEY


def shown_unit(unit: str) -> str:
    """Give the unit as answers carry it: a dollar of no country is USD, cents of none have none."""
    return {ANY_DOLLAR: "USD", ANY_MONEY: ""}.get(unit, unit)
