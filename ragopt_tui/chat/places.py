"""How the place of a passage or a quote is written."""

from __future__ import annotations


def lines(first: int, last: int) -> str:
    """Give a range of lines: `line 7` or `lines 41–48`."""
    return f"line {first}" if first == last else f"lines {first}–{last}"


def place(page: int | None, first: int, last: int) -> str:
    """Give where a passage stands: `page 3, lines 41–48`, or its lines where there are no pages."""
    where = lines(first, last)
    return f"page {page}, {where}" if page is not None else where
