"""Documents as they are now: to be shown, and to say on which lines a quote stands."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from ragopt_tui.chat.answer import Answer, Citation
from ragopt_tui.errors import RagoptError
from ragopt_tui.knowledge.catalogue import Catalogue, FileRecord
from ragopt_tui.knowledge.document import Document
from ragopt_tui.knowledge.file_key import path_of_key
from ragopt_tui.knowledge.location import IndexLocation
from ragopt_tui.knowledge.passage import Passage
from ragopt_tui.knowledge.readers import read_document
from ragopt_tui.knowledge.scan import has_changed


@dataclass(frozen=True, slots=True)
class OpenedDocument:
    """A document as it is now; `changed` says that it is not what was indexed."""

    document: Document
    changed: bool

    def to_json(self) -> dict[str, Any]:
        """Give what the protocol's `document` is done with."""
        return {
            "file": self.document.file,
            "title": self.document.title,
            "text": self.document.text,
            "line_numbers": list(self.document.line_numbers),
            "pages": list(self.document.pages),
            "changed": self.changed,
        }


def open_document(location: IndexLocation, file: str) -> OpenedDocument:
    """Read a file of the indexed folder; raises RagoptError if it is not there or unreadable."""
    record = _record(location, file)
    path = _path_of(location.docs, file, indexed=record is not None)
    now = path.stat()
    document = _read(path, file, now.st_size, now.st_mtime_ns)
    changed = record is not None and has_changed(
        path, record.size, record.modified_ns, record.content_hash
    )
    return OpenedDocument(document, changed)


def with_exact_lines(answer: Answer, location: IndexLocation) -> Answer:
    """Correct cited lines where the lines of a passage are not consecutive lines of its file."""
    citations = tuple(
        _exact(citation, answer.evidence[citation.n - 1].passage, location)
        for citation in answer.citations
    )
    quotes = with_exact_lines(answer.quotes, location) if answer.quotes else None
    return replace(answer, citations=citations, quotes=quotes)


def _exact(citation: Citation, passage: Passage, location: IndexLocation) -> Citation:
    if passage.line_end - passage.line_start == passage.text.count("\n"):
        return citation
    try:
        document = open_document(location, citation.file).document
    except RagoptError:
        return citation
    start, end = citation.char_start, citation.char_end
    if document.text[start:end] != citation.quote:
        return citation
    span = document.span(start, end)
    return replace(citation, page=span.page, line_start=span.line_start, line_end=span.line_end)


@lru_cache(maxsize=4)
def _read(path: Path, file: str, _size: int, _modified_ns: int) -> Document:
    return read_document(path, file)


def _record(location: IndexLocation, file: str) -> FileRecord | None:
    catalogue_file = location.catalogue_file
    if catalogue_file is None:
        return None
    with Catalogue(catalogue_file, read_only=True) as catalogue:
        return catalogue.record(file)


def _path_of(docs: Path, file: str, indexed: bool) -> Path:
    """Give the path of a file below `docs`; only indexed links may lead out of it."""
    try:
        path = path_of_key(docs, file)
        there = path.is_file()
        inside = indexed or path.resolve().is_relative_to(docs)
    except ValueError:
        inside = there = False
    if not inside:
        raise RagoptError(f"{file!r} is not in the folder {docs}.")
    if not there:
        raise RagoptError(f"{file} is no longer in the folder {docs}.", "Index the folder again.")
    return path
