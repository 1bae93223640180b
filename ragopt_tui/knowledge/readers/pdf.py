"""PDF pages as a document: running lines left out, headings and paragraphs found, tables joined."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ragopt_tui.knowledge.document import Document
from ragopt_tui.knowledge.plain_structure import plain_blocks
from ragopt_tui.knowledge.readers.errors import UnreadableDocument
from ragopt_tui.knowledge.readers.pdf_furniture import furniture
from ragopt_tui.knowledge.readers.pdf_hyphens import with_words_joined
from ragopt_tui.knowledge.readers.pdf_layout import TextLine
from ragopt_tui.knowledge.readers.pdf_structure import (
    continues_heading,
    headings_by_letters,
    headings_by_shape,
    paragraph_starts,
)
from ragopt_tui.knowledge.structure import title_of
from ragopt_tui.knowledge.table_lines import TableLines
from ragopt_tui.plaintext import without_controls

_SAME_EDGE = 14.0
"""How far, in points, the columns of a table may stand from where they stood a page before."""


@dataclass(slots=True)
class _Pages:
    """The lines that stay, with the page and the line of it that each is from."""

    lines: list[TextLine] = field(default_factory=list)
    pages: list[int] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    edges: list[tuple[float, ...]] = field(default_factory=list)

    def add(self, line: TextLine, page: int, number: int, edges: tuple[float, ...]) -> None:
        self.lines.append(line)
        self.pages.append(page)
        self.numbers.append(number)
        self.edges.append(edges)


def pdf_document(found: Mapping[str, Any], file: str) -> Document:
    """Give the document of a PDF's pages; lines are counted within each page.

    Running headers and footers and page numbers are left out, but counted.
    """
    read = _kept(found["pages"])
    if not any(line.text for line in read.lines):
        raise UnreadableDocument(
            "No text was found in it: its pages are probably scanned images.",
            "Run text recognition (OCR) on it first.",
        )
    read = _with_headings_joined(read)
    texts = with_words_joined(read.lines)
    headings = headings_by_letters(read.lines) or _headings_by_shape(read, texts)
    first = next(at for at, text in enumerate(texts) if text)
    if first in headings:
        headings[first] = 1
    text = "\n".join(texts)
    blocks = plain_blocks(text, headings or None, _breaks(read, texts, headings), _tables(read))
    return Document(
        file=file,
        title=title_of(text, blocks, file),
        text=text,
        blocks=blocks,
        line_numbers=tuple(read.numbers),
        pages=tuple(read.pages),
    )


def _kept(found: Sequence[Mapping[str, Any]]) -> _Pages:
    """Give the pages' lines without furniture; a blank line stands behind each page."""
    contents = [
        [_plain(TextLine(*values)) for values in page["lines"] if values[0].strip()]
        for page in found
    ]
    dropped = furniture(contents)
    kept = _Pages()
    for index, (page, lines) in enumerate(zip(found, contents, strict=True)):
        for at, line in enumerate(lines):
            if (index, at) not in dropped:
                edges = tuple(page["tables"][line.table - 1]) if line.table else ()
                kept.add(line, page["number"], at + 1, edges)
        if kept.pages and kept.pages[-1] == page["number"]:
            kept.add(TextLine("", 0, False), page["number"], len(lines) + 1, ())
    return kept


def _plain(line: TextLine) -> TextLine:
    text = without_controls(line.text.replace("\n", " ").replace("\xa0", " ")).strip()
    return dataclasses.replace(line, text=text)


def _with_headings_joined(read: _Pages) -> _Pages:
    """Put a heading's second line to its first."""
    headings = headings_by_letters(read.lines)
    joined = _Pages()
    for at, line in enumerate(read.lines):
        above = joined.lines[-1] if joined.lines else None
        if above and at in headings and at - 1 in headings and continues_heading(above, line):
            joined.lines[-1] = dataclasses.replace(above, text=f"{above.text} {line.text}")
        else:
            joined.add(line, read.pages[at], read.numbers[at], read.edges[at])
    return joined


def _headings_by_shape(read: _Pages, texts: Sequence[str]) -> dict[int, int]:
    headings: dict[int, int] = {}
    for first, end in _page_spans(read):
        apart = [
            "" if line.table else text
            for line, text in zip(read.lines[first:end], texts[first:end], strict=True)
        ]
        headings.update((first + at, level) for at, level in headings_by_shape(apart).items())
    return headings


def _breaks(read: _Pages, texts: Sequence[str], headings: Mapping[int, int]) -> set[int]:
    """Give the lines that a paragraph begins at."""
    breaks = {at for at, line in enumerate(read.lines) if line.opens}
    for first, end in _page_spans(read):
        breaks |= {first, *(first + at for at in paragraph_starts(texts[first:end]))}
    return breaks | set(headings)


def _page_spans(read: _Pages) -> list[tuple[int, int]]:
    starts = [at for at, page in enumerate(read.pages) if at == 0 or page != read.pages[at - 1]]
    return list(zip(starts, [*starts[1:], len(read.pages)], strict=True))


def _tables(read: _Pages) -> list[TableLines]:
    """Give the tables; one that goes on over the page without new headings is one table."""
    tables: list[TableLines] = []
    at = 0
    while at < len(read.lines):
        line, page = read.lines[at], read.pages[at]
        if not line.table:
            at += 1
            continue
        last = at
        while last + 1 < len(read.lines) and (
            read.lines[last + 1].table == line.table and read.pages[last + 1] == page
        ):
            last += 1
        if tables and not line.heads and _goes_on(read, tables[-1].last, at):
            tables[-1] = dataclasses.replace(tables[-1], last=last)
        else:
            tables.append(TableLines(at, at + line.heads, last))
        at = last + 1
    return tables


def _goes_on(read: _Pages, last: int, first: int) -> bool:
    """Say whether the table at `first` has the columns of the one that ends the page before."""
    if first - last != 2 or read.pages[first] != read.pages[last] + 1:
        return False
    above, below = read.edges[last], read.edges[first]
    return len(above) == len(below) and all(
        abs(one - other) < _SAME_EDGE for one, other in zip(above, below, strict=True)
    )
