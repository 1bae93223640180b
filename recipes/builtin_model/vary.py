"""Variations: the same case with other figures, years and names, and questions asked otherwise.

A model that has seen one report a hundred times must not know its figures by heart. Every change
is made alike in the question, the lines and the answer.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable

Change = Callable[[str], str]

_NUMERAL = re.compile(r"(?<![\w.,])\d+(?:,\d+)*(?:\.\d+)?(?![\w]|[.,]\d)")
_YEAR = re.compile(r"(?<![\d.,$€£])(19[5-9]\d|20[0-4]\d)(?!\d|[.,]\d)")
_SHORT_YEAR = re.compile(r"((?:FY|[QH][1-4]) ?'?)(\d\d)(?!\d)")
_CONSONANTS, _VOWELS = "bcdfghklmnprstvw", "aeiou"
_COMMON = frozenset(
    "the a an of annual report board group company quarterly results first second third fourth "
    "quarter fiscal full year half credit memo memorandum call earnings press release review note "
    "minutes fund funds bank trading update consolidated".split()
)
_STOP = frozenset(
    "a an and are as at be by did do does for from had has have how in is it its of on or that the "
    "their there they this to was were what when where which who why will with much many".split()
)


def nothing(text: str) -> str:
    """Change nothing."""
    return text


def other_figures(rng: random.Random) -> Change:
    """Replace the digits of figures, one figure always by the same; years and days stay."""
    known: dict[str, str] = {}

    def changed(match: re.Match[str]) -> str:
        text = match[0]
        if (len(text) < 3 and int(text) <= 31) or (len(text) == 4 and text.isdigit()):
            return text
        if text not in known:
            digits = [str(rng.randint(1, 9)), *(str(rng.randint(0, 9)) for _ in text)]
            if text.startswith("0"):
                digits[0] = "0"
            it = iter(digits)
            known[text] = "".join(next(it) if c.isdigit() else c for c in text)
        return known[text]

    return lambda text: _NUMERAL.sub(changed, text)


def other_years(rng: random.Random) -> Change:
    """Move every year by the same number of years."""
    by = rng.randint(-11, 8)

    def moved(text: str) -> str:
        text = _YEAR.sub(lambda m: str(int(m[1]) + by), text)
        return _SHORT_YEAR.sub(lambda m: f"{m[1]}{(int(m[2]) + by) % 100:02}", text)

    return moved


def other_names(rng: random.Random, abouts: list[str]) -> Change:
    """Replace the first proper name of every document's title by an invented one."""
    names: dict[str, str] = {}
    for about in abouts:
        first = next((w for w in re.findall(r"[A-Za-z]+", about) if w.lower() not in _COMMON), "")
        if len(first) > 3 and first[0].isupper() and first.lower() not in names:
            names[first.lower()] = invented_name(rng)
    if not names:
        return nothing
    anyone = re.compile(rf"\b({'|'.join(map(re.escape, names))})\b", re.IGNORECASE)

    def renamed(match: re.Match[str]) -> str:
        name = names[match[0].lower()]
        return name.upper() if match[0].isupper() else name.lower() if match[0].islower() else name

    return lambda text: anyone.sub(renamed, text)


def invented_name(rng: random.Random) -> str:
    """Give a pronounceable word of two or three syllables."""
    syllables = [
        rng.choice(_CONSONANTS) + rng.choice(_VOWELS) + rng.choice(["", "", "n", "r", "l", "s"])
        for _ in range(rng.randint(2, 3))
    ]
    return "".join(syllables).capitalize()


def asked_otherwise(question: str, rng: random.Random) -> str:
    """Give the question now and then without mark or capitals, shortened, or with a slip."""
    if rng.random() < 0.35:
        question = question.rstrip("?. ")
    if rng.random() < 0.25:
        question = question.lower()
    if rng.random() < 0.12:
        words = question.split()
        kept = [w for w in words if w.lower() not in _STOP or rng.random() < 0.3]
        question = " ".join(kept) if len(kept) > 1 else question
    if rng.random() < 0.06 and len(question) > 8:
        at = rng.randrange(1, len(question) - 2)
        question = question[:at] + question[at + 1] + question[at] + question[at + 2 :]
    return question


def unreadable(question: str, rng: random.Random) -> str:
    """Replace most words that carry meaning, so that only the ranking tells what answers."""
    words = question.split()
    return " ".join(
        invented_name(rng).lower()
        if w.lower().strip("?,.") not in _STOP
        and not any(c.isdigit() for c in w)
        and rng.random() < 0.8
        else w
        for w in words
    )
