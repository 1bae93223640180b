"""PDF pages as text: a line for a line, table rows with their columns apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ragopt_tui.knowledge.document import Document
from ragopt_tui.knowledge.plain_structure import plain_blocks
from ragopt_tui.knowledge.readers.columns import with_columns_apart
from ragopt_tui.knowledge.readers.errors import UnreadableDocument
from ragopt_tui.knowledge.structure import title_of
from ragopt_tui.plaintext import without_controls


def pdf_document(found: Mapping[str, Any], file: str) -> Document:
    """Give the document of a PDF's pages; lines are counted within each page."""
    lines: list[str] = []
    numbers: list[int] = []
    pages: list[int] = []
    headings: dict[int, int] = {}
    breaks: set[int] = set()
    for page in found["pages"]:
        content = _page_lines(page["content"])
        if not any(line.strip() for line in content):
            continue
        first = len(lines)
        pieces = [piece for piece in found["pieces"] if piece["page"] == page["number"]]
        for at, level in _starts(content, pieces).items():
            breaks.add(first + at)
            if level:
                headings[first + at] = level
        lines += [*with_columns_apart(content), ""]
        numbers += range(1, len(content) + 2)
        pages += [page["number"]] * (len(content) + 1)
        breaks.add(first)
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
    text = without_controls(content.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n"))
    return [line.rstrip() for line in text.strip("\n").split("\n")]


def _starts(lines: Sequence[str], pieces: Sequence[Mapping[str, Any]]) -> dict[int, int]:
    """Give the lines of a page that pieces begin at, with a heading's level and 0 for others."""
    where: dict[str, list[int]] = {}
    for index, line in enumerate(lines):
        where.setdefault(_key(line), []).append(index)
    starts: dict[int, int] = {}
    for piece in pieces:
        parts = [part for part in str(piece["text"]).splitlines() if part.strip()]
        for number, part in enumerate(parts if piece["level"] else parts[:1]):
            indices = where.get(_key(part), [])
            free = next((index for index in indices if index not in starts), None)
            if free is not None and _key(part):
                starts[free] = piece["level"] + (1 if piece["level"] and number else 0)
    return starts


def _key(line: str) -> str:
    return "".join(line.split())
