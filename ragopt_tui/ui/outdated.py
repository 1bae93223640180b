"""How it is said that the sources of an answer are no longer what they were."""

from __future__ import annotations

from collections.abc import Sequence

from ragopt_tui.chat.source_changes import SourceChange

_ABOUT_ANSWER = {
    "changed": "! Changed since this answer:",
    "gone": "! No longer in the folder:",
    "renamed": "Renamed since this answer:",
}
_ABOUT_SOURCE = {"changed": "! changed since", "gone": "! no longer there", "renamed": "renamed"}


def about_answer(changes: Sequence[SourceChange]) -> list[str]:
    """Give a line for each kind of change, with the files."""
    lines = []
    for kind, words in _ABOUT_ANSWER.items():
        files = [_name(change) for change in changes if change.kind == kind]
        if files:
            lines.append(f"{words} {', '.join(files)}")
    return lines


def about_source(change: SourceChange | None) -> str:
    """Give the mark of one source: `! changed since`; empty where nothing changed."""
    return _ABOUT_SOURCE[change.kind] if change else ""


def _name(change: SourceChange) -> str:
    return f"{change.source.file}, now {change.now}" if change.now else change.source.file
