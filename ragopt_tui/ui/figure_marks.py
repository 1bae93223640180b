"""Figures of an answer marked in its Markdown: how sure each is, and sentences without a source.

The marks travel through the Markdown parser as characters for private use, which it takes for
letters, and become styles and signs in what is drawn.
"""

from __future__ import annotations

import re

from textual.content import Content

from ragopt_tui.chat.answer import Answer, FigureStatus
from ragopt_tui.chat.citations import fenced_blocks
from ragopt_tui.chat.figures.summary import SIGNS

_START = "\ue000"
_ENDS: dict[FigureStatus, str] = {
    "found": "\ue001",
    "computed": "\ue002",
    "found elsewhere": "\ue003",
    "not found": "\ue004",
}
_UNCITED = "\ue005"
_MARKS = re.compile(f"[{_START}-{_UNCITED}]")
_STATUS_OF = {mark: status for status, mark in _ENDS.items()}
STYLES: dict[FigureStatus, str] = {
    "found": "underline",
    "computed": "underline italic",
    "found elsewhere": "bold $text-warning",
    "not found": "bold reverse $text-error",
}
NO_SOURCE = " ‹no source›"
NO_SOURCE_STYLE = "$text-warning"


def with_marks(answer: Answer, text: str) -> str:
    """Give `text`, which has the length of the answer's, with marks around its figures."""
    text = _MARKS.sub("\ufffd", text)
    fenced = list(fenced_blocks(text))
    inserted: list[tuple[int, int, str]] = []
    for figure in answer.figures:
        if not any(start <= figure.start < end for start, end in fenced):
            escaped = text[figure.start - 1 : figure.start] == "\\"
            inserted.append((figure.start - escaped, 1, _START))
            inserted.append((figure.end, 0, _ENDS[figure.status]))
    for start, end in answer.uncited:
        in_table = text[start:end].lstrip().startswith("|")
        if not in_table and not any(first <= start < last for first, last in fenced):
            inserted.append((start + len(text[start:end].rstrip(" *_~`")), 2, _UNCITED))
    for at, _, mark in sorted(inserted, reverse=True):
        text = text[:at] + mark + text[at:]
    return text


def without_marks(content: Content) -> Content:
    """Turn the marks in drawn text into styles and signs."""
    plain = content.plain
    if not _MARKS.search(plain):
        return content
    pieces: list[Content] = []
    at = 0
    for match in _MARKS.finditer(plain):
        piece = content[at : match.start()]
        mark = match.group()
        if mark == _UNCITED:
            pieces += [piece, Content.styled(NO_SOURCE, NO_SOURCE_STYLE)]
        elif mark == _START:
            pieces.append(piece)
        else:
            status = _STATUS_OF[mark]
            sign = "" if status == "found" else SIGNS[status]
            pieces.append(piece.append(sign).stylize(STYLES[status]))
        at = match.end()
    return Content("").join([*pieces, content[at:]])
