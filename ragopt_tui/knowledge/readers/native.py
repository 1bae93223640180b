"""PDF, Office and mail files, through native parsers in a process of their own."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ragopt_tui.knowledge.document import Block, Document
from ragopt_tui.knowledge.markdown_structure import markdown_blocks
from ragopt_tui.knowledge.readers.errors import UnreadableDocument
from ragopt_tui.knowledge.readers.native_process import NativeProcess, shared_process
from ragopt_tui.knowledge.readers.pdf import pdf_document
from ragopt_tui.knowledge.structure import readable_name, title_of
from ragopt_tui.plaintext import one_line, without_controls

_SECONDS = 240.0
_SECONDS_PER_MEGABYTE = 3.0
_OLD_OFFICE = b"\xd0\xcf\x11\xe0"
_SUBJECT = re.compile(r"^\*\*Subject\*\*:\s*(\S.*)$", re.MULTILINE)
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")


def native_document(path: Path, file: str, process: NativeProcess | None = None) -> Document:
    """Give the document of a PDF, Office or mail file; raises UnreadableDocument."""
    suffix = path.suffix.lower()
    _refuse_encrypted(path, suffix)
    seconds = _SECONDS + _SECONDS_PER_MEGABYTE * path.stat().st_size / 1e6
    found = (process or shared_process()).extract(path, seconds)
    if "error" in found:
        raise _refusal(str(found["error"]), suffix)
    if suffix == ".pdf":
        return pdf_document(found, file)
    return _markdown_document(found, file, suffix)


def _refuse_encrypted(path: Path, suffix: str) -> None:
    with path.open("rb") as opened:
        start = opened.read(8)
    if suffix != ".pdf" and start.startswith(_OLD_OFFICE):
        raise UnreadableDocument(
            "It is encrypted with a password, or an older Office format under a new name.",
            "Save it anew without a password.",
        )
    if suffix != ".odt":
        return
    try:
        with zipfile.ZipFile(path) as archive:
            manifest = archive.read("META-INF/manifest.xml")
    except (zipfile.BadZipFile, KeyError, OSError, NotImplementedError):
        return
    if b"encryption-data" in manifest:
        raise _encrypted()


def _encrypted() -> UnreadableDocument:
    return UnreadableDocument(
        "It is encrypted with a password.", "Save it anew without a password."
    )


def _refusal(error: str, suffix: str) -> UnreadableDocument:
    words = error.lower()
    if "password" in words or "encrypted" in words:
        return _encrypted()
    name = suffix[1:].upper()
    return UnreadableDocument(
        f"It is damaged, incomplete or no {name} file.",
        "Open it in the program that made it and save it anew.",
    )


def _markdown_document(found: dict[str, Any], file: str, suffix: str) -> Document:
    text = without_controls(found["content"].replace("\r\n", "\n").replace("\r", "\n"))
    text = "\n".join(_unescaped(line) for line in text.split("\n")).strip("\n")
    blocks = markdown_blocks(text) if text.strip() else ()
    count = text.count("\n") + 1
    return Document(
        file=file,
        title=_title(text, blocks, file, suffix),
        text=text,
        blocks=blocks,
        line_numbers=tuple(range(1, count + 1)),
        pages=(0,) * count,
    )


def _title(text: str, blocks: Sequence[Block], file: str, suffix: str) -> str:
    """A mail's subject; a workbook's file name, because its first heading is a sheet's name."""
    if suffix == ".eml" and (subject := _SUBJECT.search(text[:2_000])):
        return one_line(subject[1], 160)
    return readable_name(file) if suffix == ".xlsx" else title_of(text, blocks, file)


def _unescaped(line: str) -> str:
    """Give a line without the backslashes that only Markdown needs; pipes in tables keep theirs.

    Bold in a table is only how its header looks, and would stand between words and search.
    """
    if line.lstrip().startswith("|"):
        line = line.replace("**", "")
        return _ESCAPED.sub(lambda found: found.group() if found[1] == "|" else found[1], line)
    return _ESCAPED.sub(r"\1", line)
