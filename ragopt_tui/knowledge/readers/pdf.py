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
from ragopt_tui.knowledge.structure import title_of
from ragopt_tui.plaintext import without_controls

_PAGE_NUMBER = re.compile(
    r"(?:page\s+)?[-–—\s|]*(?:[A-Z]{0,2}-?\d{1,4}|[ivxl]{1,6})[-–—\s|]*(?:\s*(?:of|/)\s*\d{1,4})?",
    re.I,
)
_HYPHEN_AT_LINE_END = "\x02"
_EDGE_LINES = 2
_REPEATED_ON = 0.3


def pdf_document(found: Mapping[str, Any], file: str) -> Document:
    """Give the document of a PDF's pages; lines are counted within each page.

    Running headers and footers and page numbers are left out, but counted.
    """
    contents = [_page_lines(page["content"]) for page in found["pages"]]
    dropped = _furniture(contents)
    lines: list[str] = []
    numbers: list[int] = []
    pages: list[int] = []
    headings: dict[int, int] = {}
    breaks: set[int] = set()
    for index, (page, content) in enumerate(zip(found["pages"], contents, strict=True)):
        kept = [at for at, line in enumerate(content) if line and (index, at) not in dropped]
        if not kept:
            continue
        first = len(lines)
        body = [content[at] for at in kept]
        pieces = [piece for piece in found["pieces"] if piece["page"] == page["number"]]
        starts = _starts(body, pieces)
        breaks.update(first + at for at in (0, *starts))
        headings.update((first + at, level) for at, level in starts.items() if level)
        lines += [*with_columns_apart(body), ""]
        numbers += [*(at + 1 for at in kept), len(content) + 1]
        pages += [page["number"]] * (len(kept) + 1)
    if not lines:
        raise UnreadableDocument(
            "No text was found in it: its pages are probably scanned images.",
            "Run text recognition (OCR) on it first.",
        )
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


def _page_lines(content: str) -> list[str]:
    content = content.replace(_HYPHEN_AT_LINE_END, "")
    text = without_controls(content.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n"))
    return [line.strip() for line in text.strip("\n").split("\n")]


def _furniture(pages: Sequence[Sequence[str]]) -> set[tuple[int, int]]:
    """Give page and line of what repeats at the edges of pages; its first occurrence stays."""
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
        if is_number or (line and seen[shape] >= often and shape in met):
            dropped.add((page, at))
        met.add(shape)
    return dropped


def _shape(line: str) -> str:
    """A line without its page number: the figures at its ends do not count."""
    return re.sub(r"^\s*\d{1,4}\b|\b\d{1,4}\s*$", "#", " ".join(line.split()))


def _starts(lines: Sequence[str], pieces: Sequence[Mapping[str, Any]]) -> dict[int, int]:
    """Give the lines of a page that pieces begin at, with a heading's level and 0 for others."""
    where: dict[str, list[int]] = {}
    for index, line in enumerate(lines):
        where.setdefault(_key(line), []).append(index)
    starts: dict[int, int] = {}
    for piece in pieces:
        words = str(piece["text"]).replace(_HYPHEN_AT_LINE_END, "")
        parts = [part for part in words.splitlines() if part.strip()]
        for number, part in enumerate(parts if piece["level"] else parts[:1]):
            free = next((at for at in where.get(_key(part), ()) if at not in starts), None)
            if free is not None:
                starts[free] = piece["level"] + (1 if piece["level"] and number else 0)
    return starts


def _key(line: str) -> str:
    return "".join(line.split())
