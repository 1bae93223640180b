"""Text from bytes: the encoding by its marks, newlines as `\\n`, nothing that steers a terminal."""

from __future__ import annotations

import codecs
import re

from ragopt_tui.knowledge.readers.errors import UnreadableDocument
from ragopt_tui.plaintext import without_controls

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_MAGIC = {
    b"%PDF-": "a PDF file",
    b"PK\x03\x04": "a ZIP or Office file",
    b"\xd0\xcf\x11\xe0": "an older Office file",
    b"\x89PNG": "an image",
    b"\xff\xd8\xff": "an image",
    b"GIF8": "an image",
    b"\x7fELF": "a program",
    b"\x1f\x8b": "a compressed file",
    b"SQLite format 3\x00": "a database",
}
# What text never holds; tab, line ends, form feed and escape may occur.
_BINARY = bytes(set(range(32)) - {9, 10, 11, 12, 13, 27})
_MOST_BINARY = 0.02
_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]{2,40})", re.IGNORECASE)


def decode(data: bytes, is_html: bool = False) -> str:
    """Give the text of a file's bytes, line for line.

    Tried in turn: byte order mark, UTF-8, an HTML page's own declaration, Windows-1252,
    Latin-1. Raises UnreadableDocument for bytes that are no text.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _clean(data[len(mark) :].decode(encoding, errors="replace"))
    for magic, name in _MAGIC.items():
        if data.startswith(magic):
            raise UnreadableDocument(f"It holds no text: it is {name} under another name.")
    sample = data[:1_000_000]
    if len(sample) - len(sample.translate(None, _BINARY)) > _MOST_BINARY * len(sample):
        raise UnreadableDocument("It holds no text: it is a binary file.")
    return _clean(_decoded(data, is_html))


def _decoded(data: bytes, is_html: bool) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        text = data.decode("utf-8", errors="replace")
    wrong = text.count("\ufffd")
    right = len(text) - len(text.encode("ascii", errors="ignore")) - wrong
    if (wrong <= 1 and text.endswith("\ufffd")) or right > 10 * wrong:
        return text
    for encoding in [*(_declared(data) if is_html else ()), "cp1252"]:
        try:
            return data.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
    return data.decode("latin-1")


def _declared(data: bytes) -> list[str]:
    found = _CHARSET.search(data[:4096])
    return [found.group(1).decode("ascii", errors="ignore")] if found else []


def _clean(text: str) -> str:
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return without_controls(text.replace("\f", " ").replace("\v", " "))
