"""Text from files and models is data: nothing in it may steer a terminal."""

from __future__ import annotations

import re

# C0 except tab and newline, DEL, C1, line/paragraph separators, zero-width and bidirectional controls.
_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)
_REPLACEMENT = "\ufffd"


def without_controls(text: str) -> str:
    """Give `text` with every control character replaced by U+FFFD, so that its length is kept.

    Carriage returns belong to line ends and are expected to be gone already.
    """
    return _CONTROL.sub(_REPLACEMENT, text)


def one_line(text: str, limit: int = 200) -> str:
    """Give `text` as a single line without controls, cut to `limit` characters with an ellipsis."""
    line = " ".join(without_controls(text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


_MARKDOWN = re.compile(r"[\\`*\[\]<]|(?<!\w)_|_(?!\w)|^(?=[#>+-]|\d+[.)]\s)", re.MULTILINE)


def markdown_escaped(text: str) -> str:
    """Give `text` so that Markdown shows it as it stands."""
    return _MARKDOWN.sub(lambda match: f"\\{match.group()}", text)
