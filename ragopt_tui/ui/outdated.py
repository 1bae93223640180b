"""How it is said that the sources of an answer are no longer what they were."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from ragopt_tui.chat.source_changes import SourceChange
from ragopt_tui.ui.wording import MUTED

_ABOUT_ANSWER = {
    "changed": "! Changed since this answer:",
    "gone": "! No longer in the folder:",
    "renamed": "Renamed since this answer:",
}
_ABOUT_SOURCE = {
    "changed": ("! changed since", "$text-warning"),
    "gone": ("! no longer there", "$text-warning"),
    "renamed": ("renamed", MUTED),
}


def about_answer(changes: Sequence[SourceChange]) -> list[str]:
    """Give a line for each kind of change, with the files."""
    lines = []
    for kind, words in _ABOUT_ANSWER.items():
        files = [_name(change) for change in changes if change.kind == kind]
        if files:
            lines.append(f"{words} {', '.join(files)}")
    return lines


def about_source(change: SourceChange | None) -> Content:
    """Give the mark of one source: `! changed since`; empty where nothing changed."""
    return Content.styled(*_ABOUT_SOURCE[change.kind]) if change else Content()


def _name(change: SourceChange) -> str:
    return f"{change.source.file}, now {change.now}" if change.now else change.source.file
