"""Where headings and paragraphs begin on a PDF page, which has neither, only lines."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ragopt_tui.knowledge.structure import is_labelled
from ragopt_tui.knowledge.table_lines import is_year, trailing_figures

_NUMBERED = re.compile(r"^(\d{1,2}(?:\.\d{1,2}){0,3})\.?\s+[A-Z]")
_AMOUNT = re.compile(r"\d[.,]\d|[$€£%]")
_OFFICER = re.compile(r"\b(?:President|Officer|Director|Chair(?:man|woman)?|Partner|Secretary)\b")
_ENDS = (".", "!", "?", ":", ";")
_LONGEST_HEADING = 70
_NARROW = 0.7
_PLAIN = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-"})


def starts_by_parser(lines: Sequence[str], pieces: Sequence[Mapping[str, Any]]) -> dict[int, int]:
    """Give the lines that the parser's pieces begin at: a heading's level, or 0."""
    starts: dict[int, int] = {}
    where: dict[str, list[int]] = {}
    for index, line in enumerate(lines):
        where.setdefault(_key(line), []).append(index)
    for piece in pieces:
        parts = [part for part in str(piece["text"]).splitlines() if part.strip()]
        for part in parts if piece["level"] else parts[:1]:
            free = next((at for at in where.get(_key(part), ()) if at not in starts), None)
            if free is not None:
                starts[free] = piece["level"] if _may_be_heading(lines[free]) else 0
    return starts


def _key(line: str) -> str:
    return "".join(line.translate(_PLAIN).lstrip("•*- ").split())


def _may_be_heading(line: str) -> bool:
    if len(line) > 1.5 * _LONGEST_HEADING or line.endswith((".", ",", ";")) or is_labelled(line):
        return False
    return any(letter.isalpha() for letter in line) and trailing_figures(line) < 2


def is_shifted(pages: Sequence[Mapping[str, Any]], first_lines_repeat: Sequence[bool]) -> bool:
    """Say whether the parser paired lines in drawing order with places from top to bottom.

    Its pieces are then wrong. It happens where a footer is drawn before the page: most pages that begin with a running line end with a piece in their bottom margin.
    """
    low = [
        bool(page["pieces"]) and page["pieces"][-1]["top"] < 0.08 * page["height"]
        for page, repeats in zip(pages, first_lines_repeat, strict=True)
        if repeats
    ]
    return len(low) >= 2 and 2 * sum(low) > len(low)


def headings_by_shape(lines: Sequence[str]) -> dict[int, int]:
    """Give levels of the short lines that stand above prose without being its end or a caption."""
    width = _usual_width(lines)
    found: dict[int, int] = {}
    index = 0
    while index < len(lines):
        last = index
        while last < len(lines) and _is_title_like(lines, last, width):
            last += 1
        count = last - index
        if 1 <= count <= 3 and last < len(lines) and _is_content(lines[last], width):
            for number in range(count):
                found[index + number] = _level(lines[index + number], number)
        index = max(last, index + 1)
    return found


def paragraph_starts(lines: Sequence[str]) -> set[int]:
    """Give numbered captions, and the lines before which one ends with a stop before the margin."""
    width = _usual_width(lines)
    captions = {index for index, line in enumerate(lines) if is_labelled(line)}
    return captions | {
        index + 1
        for index, line in enumerate(lines[:-1])
        if line.endswith(_ENDS) and len(line) < 0.85 * width and not lines[index + 1][:1].islower()
    }


def _usual_width(lines: Sequence[str]) -> int:
    widths = sorted(len(line) for line in lines if line)
    return widths[len(widths) * 9 // 10] if widths else 0


def _is_title_like(lines: Sequence[str], index: int, width: int) -> bool:
    line = lines[index]
    if not line[:1].isupper() and not _NUMBERED.match(line):
        return False
    if len(line) > min(_LONGEST_HEADING, _NARROW * width) or line.endswith((*_ENDS, ",", ")")):
        return False
    if is_labelled(line) or _AMOUNT.search(line) or _OFFICER.search(line):
        return False
    if trailing_figures(line) > int(is_year(line.split()[-1])):
        return False
    above = lines[index - 1] if index else ""
    return not above or above.endswith((".", "!", "?", ")")) or len(above) < _NARROW * width


def _is_content(line: str, width: int) -> bool:
    """Say whether a line begins what a heading may stand above: prose, or a numbered table."""
    if is_labelled(line):
        return True
    starts = line[:1].isupper() or line[:1] in '•–-"“('
    return starts and len(line) >= _NARROW * width and trailing_figures(line) < 2


def _level(line: str, number: int) -> int:
    numbered = _NUMBERED.match(line)
    return 2 + (numbered.group(1).count(".") if numbered else number)
