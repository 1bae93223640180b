"""A PDF file as pages of laid out lines; runs in the native parsers' process."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple
from typing import Any

import pypdfium2

from ragopt_tui.knowledge.readers.pdf_layout import lay_out
from ragopt_tui.knowledge.readers.pdf_words import sides_of


def pdf_pages(path: str) -> list[dict[str, Any]]:
    """Give each page's lines, as the fields of TextLine, and its tables' edges.

    Raises pypdfium2.PdfiumError for a file that is damaged or encrypted.
    """
    document = pypdfium2.PdfDocument(path)
    try:
        return list(_pages(document))
    finally:
        document.close()


def _pages(document: pypdfium2.PdfDocument) -> Iterator[dict[str, Any]]:
    for number in range(len(document)):
        page = document[number]
        lines: list[tuple[Any, ...]] = []
        tables: list[tuple[float, ...]] = []
        for side in sides_of(page):
            layout = lay_out(side.words, side.top, side.bottom, tables_before=len(tables))
            lines += [astuple(line) for line in layout.lines]
            tables += layout.tables
        page.close()
        yield {"number": number + 1, "lines": lines, "tables": tables}
