"""From a file to a document, by its suffix."""

from __future__ import annotations

from pathlib import Path

from ragopt_tui.knowledge.document import Block, Document
from ragopt_tui.knowledge.readers import files
from ragopt_tui.knowledge.readers.decoding import decode
from ragopt_tui.knowledge.readers.delimited import delimited_blocks
from ragopt_tui.knowledge.readers.errors import UnreadableDocument
from ragopt_tui.knowledge.readers.html import html_document
from ragopt_tui.knowledge.readers.native import native_document
from ragopt_tui.knowledge.readers.text import text_blocks
from ragopt_tui.knowledge.structure import title_of

TEXT_SUFFIXES = frozenset({".txt", ".text", ".md", ".markdown", ".csv", ".tsv"})
HTML_SUFFIXES = frozenset({".html", ".htm", ".xhtml"})
NATIVE_SUFFIXES = frozenset({".pdf", ".docx", ".xlsx", ".pptx", ".odt", ".eml"})
READABLE_SUFFIXES: frozenset[str] = TEXT_SUFFIXES | HTML_SUFFIXES | NATIVE_SUFFIXES
"""Suffixes, in lower case, of the files that can be read."""

TEXT_LIMIT = 64_000_000
"""The largest text, CSV or HTML file that is read, in bytes."""

NATIVE_LIMIT = 256_000_000
"""The largest PDF, Office or mail file that is read, in bytes."""


def read_document(path: Path, file: str) -> Document:
    """Read the file at `path`; `file` is its name in the index, relative to the documents folder.

    Raises UnreadableDocument with the reason why there is no text to be had from it.
    """
    suffix = path.suffix.lower()
    if suffix in NATIVE_SUFFIXES:
        files.check(path, NATIVE_LIMIT, f"{suffix[1:].upper()} files")
        document = native_document(path, file)
    elif suffix in HTML_SUFFIXES:
        data = files.content(path, TEXT_LIMIT, "HTML files")
        document = html_document(decode(data, is_html=True), file)
    elif suffix in TEXT_SUFFIXES:
        document = _text_document(path, file, suffix)
    else:
        raise UnreadableDocument(
            f"Files ending in {suffix} are not read." if suffix else "Its name has no ending.",
            f"Read are: {', '.join(sorted(READABLE_SUFFIXES))}.",
        )
    if not document.blocks:
        raise UnreadableDocument("The file holds no text.")
    return document


def _text_document(path: Path, file: str, suffix: str) -> Document:
    text = decode(files.content(path, TEXT_LIMIT, "text files"))
    blocks: tuple[Block, ...]
    if suffix in (".csv", ".tsv"):
        blocks = delimited_blocks(text)
    else:
        blocks = text_blocks(text, is_markdown=suffix in (".md", ".markdown"))
    count = text.count("\n") + 1
    return Document(
        file=file,
        title=title_of(text, blocks, file),
        text=text,
        blocks=blocks,
        line_numbers=tuple(range(1, count + 1)),
        pages=(0,) * count,
    )
