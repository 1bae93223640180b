"""PDF pages as text: a line for a line, table rows with their columns apart."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ragopt_tui.knowledge.document import Document
from ragopt_tui.knowledge.plain_structure import plain_blocks
from ragopt_tui.knowledge.readers.columns import with_columns_apart
from ragopt_tui.knowledge.readers.errors import UnreadableDocument
from ragopt_tui.knowledge.readers.pdf_structure import (
    headings_by_shape,
    is_shifted,
    paragraph_starts,
    starts_by_parser,
)
from ragopt_tui.knowledge.readers.stacked_headings import joined_headings
from ragopt_tui.knowledge.structure import title_of
from ragopt_tui.plaintext import without_controls

_PAGE_NUMBER = re.compile(
    r"(?:page\s+)?[-–—\s|]*(?:[A-Z]{0,2}-?\d{1,4}|[ivxl]{1,6})[-–—\s|]*(?:\s*(?:of|/)\s*\d{1,4})?",
    re.I,
)
_HYPHEN_AT_LINE_END = "\x02"
_NUMBER_AT_EDGE = re.compile(
    r"^\d{1,4}\b(?!,)|(?<!,)\b(?<![-–—] )(?<!FY)\d{1,3}$|(?<=[Pp]age )\d{1,4}"
)
_NUMBER_MARK = "#"
_EDGE_LINES = 2
_REPEATED_ON = 0.3


def pdf_document(found: Mapping[str, Any], file: str) -> Document:
    """Give the document of a PDF's pages; lines are counted within each page.

    Running headers and footers and page numbers are left out, but counted.
    """
    pages_found = found["pages"]
    contents = [_page_lines(page["content"]) for page in pages_found]
    dropped = _furniture(contents)
    shifted = is_shifted(pages_found, [(at, 0) in dropped for at in range(len(contents))])
    lines: list[str] = []
    numbers: list[int] = []
    pages: list[int] = []
    headings: dict[int, int] = {}
    breaks: set[int] = set()
    for index, (page, content) in enumerate(zip(pages_found, contents, strict=True)):
        kept, body = _body(
            [None if (index, at) in dropped else content[at] for at in range(len(content))]
        )
        if not kept:
            continue
        first = len(lines)
        starts = {} if shifted else starts_by_parser(body, page["pieces"])
        levels = headings_by_shape(body) | {at: level for at, level in starts.items() if level}
        headings.update((first + at, level) for at, level in levels.items())
        breaks.update(first + at for at in (0, *starts, *levels, *paragraph_starts(body)))
        lines += [*with_columns_apart(body), ""]
        numbers += [*(at + 1 for at in kept), len(content) + 1]
        pages += [page["number"]] * (len(kept) + 1)
    if not lines:
        raise UnreadableDocument(
            "No text was found in it: its pages are probably scanned images.",
            "Run text recognition (OCR) on it first.",
        )
    if 0 in headings:
        headings[0] = 1
    text = "\n".join(lines)
    blocks = plain_blocks(text, headings or None, breaks)
    return Document(
        file=file,
        title=title_of(text, blocks, file),
        text=text,
        blocks=blocks,
        line_numbers=tuple(numbers),
        pages=tuple(pages),
    )


def _body(content: Sequence[str | None]) -> tuple[list[int], list[str]]:
    """Give the lines that stay and which they were, with column headings put into one row."""
    kept = [(at, line) for at, line in enumerate(content) if line is not None]
    joined = joined_headings([line for _, line in kept])
    numbers: list[int] = []
    lines: list[str] = []
    last = -1
    for index, (at, line) in enumerate(kept):
        if index in joined:
            last, line = joined[index]
        elif index <= last:
            continue
        numbers.append(at)
        lines.append(line)
    return numbers, lines


def _page_lines(content: str) -> list[str]:
    content = content.replace(_HYPHEN_AT_LINE_END, "")
    text = without_controls(content.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n"))
    return [line.strip() for line in text.split("\n") if line.strip()]


def _furniture(pages: Sequence[Sequence[str]]) -> set[tuple[int, int]]:
    """Give page and line of what repeats at the edges of pages.

    The first occurrence stays where it may be the document's title: without a page number.
    """
    edges = [
        (page, at)
        for page, lines in enumerate(pages)
        for at in range(len(lines))
        if at < _EDGE_LINES or at >= len(lines) - _EDGE_LINES
    ]
    seen = Counter(_shape(pages[page][at]) for page, at in edges)
    often = max(3, round(_REPEATED_ON * len(pages)))
    dropped: set[tuple[int, int]] = set()
    met: set[str] = set()
    for page, at in edges:
        line, shape = pages[page][at], _shape(pages[page][at])
        is_outermost = len(pages) > 1 and at in (0, len(pages[page]) - 1)
        is_number = is_outermost and _PAGE_NUMBER.fullmatch(line) is not None
        if is_number or (seen[shape] >= often and (shape in met or _NUMBER_MARK in shape)):
            dropped.add((page, at))
        met.add(shape)
    return dropped


def _shape(line: str) -> str:
    """A line without its page number: the figures at its ends and behind "page" do not count."""
    return _NUMBER_AT_EDGE.sub(_NUMBER_MARK, line)
