r"""Names for files that every store, log and screen can hold.

A file's key is its path relative to the documents folder, with forward slashes. A file name may
hold any byte but `/` and NUL; what is not printable text in it (bytes that are no UTF-8, controls,
line breaks, directional marks) is written `\xNN` for each byte, and a backslash `\\`, so that
a key is valid UTF-8 on one line and can be turned back into the path.
"""

from __future__ import annotations

import os
import re
import unicodedata
from pathlib import Path, PurePath

_ESCAPED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_ESCAPE = re.compile(rb"\\(?:x([0-9a-f]{2})|\\)")


def file_key(relative: PurePath) -> str:
    """Give the key of a path relative to the documents folder."""
    return "".join(_escaped(character) for character in relative.as_posix())


def path_of_key(docs: Path, key: str) -> Path:
    """Give the path of a key; raises ValueError if it does not lie below `docs`."""
    raw = _ESCAPE.sub(
        lambda m: bytes([int(m[1], 16)]) if m[1] else b"\\", key.encode("utf-8", "surrogateescape")
    )
    relative = PurePath(os.fsdecode(raw))
    if relative.is_absolute() or ".." in relative.parts:
        raise ValueError(f"{key!r} is not the key of a file")
    return docs / relative


def _escaped(character: str) -> str:
    if character == "\\":
        return "\\\\"
    if unicodedata.category(character) not in _ESCAPED_CATEGORIES:
        return character
    return "".join(f"\\x{byte:02x}" for byte in os.fsencode(character))
