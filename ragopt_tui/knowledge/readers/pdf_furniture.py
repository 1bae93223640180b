"""What is printed in the margins of a PDF's pages over and over: running lines, page numbers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence, Set

from ragopt_tui.knowledge.readers.pdf_layout import TextLine

_PAGE_NUMBER = re.compile(
    r"(?:page\s+)?[-–—\s|]*(?:[A-Z]{0,2}-?\d{1,4}|[ivxl]{1,6})[-–—\s|]*(?:\s*(?:of|/)\s*\d{1,4})?",
    re.I,
)
_NUMBER_AT_EDGE = re.compile(
    r"^\d{1,4}\b(?!,)|(?<!,)\b(?<![-–—] )(?<!FY)\d{1,3}$|(?<=[Pp]age )\d{1,4}"
)
_BARE_NUMBER = re.compile(r"\d{1,4}")
_NUMBER_MARK = "#"
_EDGE_LINES = 2
_REPEATED_ON = 0.3
_RUNNING = 3
"""A line in the margin of so many pages, two of them near each other, is a running line."""


def furniture(pages: Sequence[Sequence[TextLine]]) -> set[tuple[int, int]]:
    """Give page and line, from 0, of what repeats at the edges of pages, and of page numbers.

    The first occurrence stays where it may be the document's title: without a page number.
    """
    edges = [
        (page, at)
        for page, lines in enumerate(pages)
        for at, line in enumerate(lines)
        if line.edge or (not line.table and (at < _EDGE_LINES or at >= len(lines) - _EDGE_LINES))
    ]
    shapes = {(page, at): _shape(pages[page][at].text) for page, at in edges}
    on_pages: dict[str, set[int]] = {}
    for (page, _), shape in shapes.items():
        on_pages.setdefault(shape, set()).add(page)
    offset = _number_offset(pages, edges)
    often = max(_RUNNING, round(_REPEATED_ON * len(pages)))
    dropped: set[tuple[int, int]] = set()
    met: set[str] = set()
    for page, at in edges:
        line, shape = pages[page][at], shapes[page, at]
        seen = on_pages[shape]
        is_outermost = len(pages) > 1 and at in (0, len(pages[page]) - 1)
        is_number = is_outermost and _PAGE_NUMBER.fullmatch(line.text) is not None
        is_numbered = line.edge and offset is not None and offset in _offsets(line.text, page)
        is_running = line.edge and len(seen) >= _RUNNING and _is_near(page, seen)
        repeats = len(seen) >= often or is_running
        if is_number or is_numbered or (repeats and (shape in met or _NUMBER_MARK in shape)):
            dropped.add((page, at))
        met.add(shape)
    return dropped


def _is_near(page: int, others: Set[int]) -> bool:
    """Say whether a line stands on a neighbouring page too, or on the next one on this side."""
    return any(page + step in others for step in (-2, -1, 1, 2))


def _number_offset(
    pages: Sequence[Sequence[TextLine]], edges: Sequence[tuple[int, int]]
) -> int | None:
    """Give what the page numbers in the margins are more than the place of their page."""
    counts = Counter(
        offset
        for page, at in edges
        if pages[page][at].edge
        for offset in _offsets(pages[page][at].text, page)
    )
    offset, count = counts.most_common(1)[0] if counts else (0, 0)
    return offset if count >= max(_RUNNING, _REPEATED_ON * len(pages)) else None


def _offsets(line: str, page: int) -> set[int]:
    """Give what the numbers that a line begins or ends with are more than a page's place."""
    words = line.split()
    ends = (words[0], words[-1]) if words else ()
    return {int(word) - page for word in ends if _BARE_NUMBER.fullmatch(word)}


def _shape(line: str) -> str:
    """A line without its page number: the figures at its ends and behind "page" do not count."""
    return _NUMBER_AT_EDGE.sub(_NUMBER_MARK, line)
