"""How text is written for full-text search, so that a figure is one word however it is printed."""

from __future__ import annotations

import re

_GROUPED = re.compile(r"(?<![\d.,])\d{1,3}(?:[,'’\u00a0\u2009\u202f]\d{3})+(?!\d)")
_SEPARATORS = re.compile(r"[,'’\u00a0\u2009\u202f]")
_DECIMAL_POINT = re.compile(r"(?<=\d)\.(?=\d)")
_FISCAL_YEAR = re.compile(r"\b(FY|CY)(\d{4})\b", re.IGNORECASE)
_MAGNITUDE = re.compile(r"(?<=\d)(bn|mn|m|k|bps)\b", re.IGNORECASE)
_WORD = re.compile(r"\w+")
_SPACED = re.compile(r"(?<![\d.,])\d{1,3}(?: \d{3})+(?![\d.,]*\d)")
_WHOLE = re.compile(r"\d{4,12}|\d{1,3}(?:d\d{3})+")
_YEAR = re.compile(r"(?:19|20)\d\d")

_MOST_WORDS = 64
_LONGEST_QUESTION = 20_000
_QUESTION_WORDS = frozenset(
    "a an and are as at be been by did do does for from had has have how in is it its me of on or"
    " tell that the their there these this those to was we were what when where which who why with"
    " you your".split()
)


def searchable(text: str) -> str:
    """Give text as it is indexed: 1,577.3 as one word, FY2023 and 40bps as two."""
    text = _GROUPED.sub(lambda match: _SEPARATORS.sub("", match[0]), text)
    text = _FISCAL_YEAR.sub(r"\1 \2", text)
    text = _MAGNITUDE.sub(r" \1", text)
    # The tokenizer cuts at a full stop but keeps letters and digits together.
    return _DECIMAL_POINT.sub("d", text)


def query_words(question: str) -> str:
    """Give the words of a question to search for; empty where it has none.

    Words that only make it a question are dropped unless nothing else is left. Of a very long
    one the first words count. A whole figure is searched as 1577, as 1.577 and as 1 577.
    """
    asked = question[:_LONGEST_QUESTION]
    asked = _SPACED.sub(lambda match: match[0].replace(" ", ""), asked)
    words = dict.fromkeys(_WORD.findall(searchable(asked).lower()))
    telling = [word for word in words if word not in _QUESTION_WORDS]
    kept = (telling or list(words))[:_MOST_WORDS]
    return " ".join(dict.fromkeys([*kept, *(form for word in kept for form in _printed(word))]))


def _printed(word: str) -> list[str]:
    """Give how else a whole figure may stand in the index: grouped by points, or by spaces."""
    if not _WHOLE.fullmatch(word) or _YEAR.fullmatch(word):
        return []
    digits = word.replace("d", "")
    first = len(digits) % 3 or 3
    groups = [digits[:first], *(digits[at : at + 3] for at in range(first, len(digits), 3))]
    return [digits, "d".join(groups), *groups[1:]]
