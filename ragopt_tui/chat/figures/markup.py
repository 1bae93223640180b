"""Markdown read as plain words, with the place of every character in its source."""

from __future__ import annotations

import re
from dataclasses import dataclass

_UNREAD = re.compile(
    r"(?P<list>^[ \t]*(?:>\s?)*(?:[-*+]|\\?\d{1,3}\\?[.)])[ \t]+)"
    r"|(?P<link>\]\([^)\n]*\))"
    r"|(?P<url>\bhttps?://\S+)"
    r"|(?P<file>\b[\w.-]+\.(?:md|txt|pdf|docx?|xlsx?|csv|tsv|html?|pptx?|odt|eml)\b)"
    r"|(?P<mark>[*`]|~~|(?<![^\W_])_|_(?![^\W_])|\\(?=[^\w\s]))",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Plain:
    """`text` is what Markdown shows; its character `i` stands at `offsets[i]` of the source."""

    text: str
    offsets: tuple[int, ...]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Give the source's span of `text[start:end]`, which is not empty."""
        return self.offsets[start], self.offsets[end - 1] + 1


def plain_markdown(source: str, start: int, end: int, blanks: list[tuple[int, int]]) -> Plain:
    """Read `source[start:end]`; each span of `blanks` becomes one space, as do links and files.

    Marks of emphasis, escapes, and the numbers and bullets of lists are left out.
    """
    gaps = [(first, last, " ") for first, last in blanks if start <= first and last <= end]
    line = source.rfind("\n", 0, start) + 1
    for match in _UNREAD.finditer(source, line, end):
        if match.end() > start:
            spoken = "" if match.lastgroup in ("mark", "list") else " "
            gaps.append((max(start, match.start()), match.end(), spoken))
    characters: list[str] = []
    offsets: list[int] = []
    at = start
    for first, last, spoken in sorted(gaps):
        if first < at:
            continue
        characters.append(source[at:first] + spoken)
        offsets += range(at, first + len(spoken))
        at = last
    characters.append(source[at:end])
    offsets += range(at, end)
    return Plain("".join(characters), tuple(offsets))
