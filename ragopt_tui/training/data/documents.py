"""Documents as text to read on: what stands between two headings, cut at paragraphs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from ragopt_tui.knowledge.passage import Passage, Profile
from ragopt_tui.knowledge.readers import READABLE_SUFFIXES, UnreadableDocument, read_document
from ragopt_tui.knowledge.scan import scan
from ragopt_tui.knowledge.splitter import split
from ragopt_tui.training.data.example import Example, Problem

LONGEST_PIECE = 1_500
"""Characters that a piece of a document has at most, unless a single word or row has more."""
_NO_PROFILE = Profile()


def is_document(path: Path) -> bool:
    """Whether a file is read as a document rather than as rows of data."""
    return path.suffix.lower() in READABLE_SUFFIXES


def document_pieces(
    path: Path, told: Callable[[int, int], None] = lambda done, of: None
) -> Iterator[Example | Problem]:
    """Give the pieces of a document or of all those below a folder, each grouped by its file.

    `told` learns how many files are done, and may raise to stop. A file that cannot be read is a
    Problem. Raises RagoptError where a folder cannot be listed.
    """
    files = {path.name: path}
    if path.is_dir():
        found = scan(path)
        files = {name: each.path for name, each in found.files.items()}
        yield from (Problem(name, reason) for name, reason in found.left_out.items())
    for done, (name, file) in enumerate(sorted(files.items())):
        told(done, len(files))
        try:
            document = read_document(file, name)
        except UnreadableDocument as error:
            yield Problem(name, error.message)
            continue
        for passage in split(document, _NO_PROFILE, _lengths, LONGEST_PIECE):
            place = f"{name}, line {passage.line_start}"
            if passage.page:
                place = f"{name}, page {passage.page}, line {passage.line_start}"
            yield Example(text=_text(passage), group=name, place=place)


def _text(passage: Passage) -> str:
    return "\n".join(part for part in (*passage.headings[-1:], passage.lead, passage.text) if part)


def _lengths(texts: Sequence[str]) -> list[int]:
    return [len(text) for text in texts]
