"""Where headings and paragraphs begin on PDF pages: by their letters, or by the length of lines."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from ragopt_tui.knowledge.readers.pdf_layout import TextLine
from ragopt_tui.knowledge.structure import is_labelled
from ragopt_tui.knowledge.table_lines import is_year, trailing_figures

_NUMBERED = re.compile(r"^(\d{1,2}(?:\.\d{1,2}){0,3})\.?\s+[A-Z]")
_AMOUNT = re.compile(r"\d[.,]\d|[$€£%]")
_OFFICER = re.compile(r"\b(?:President|Officer|Director|Chair(?:man|woman)?|Partner|Secretary)\b")
_PART = re.compile(r"^(?:part|item|note)\s+[\dIVX]", re.IGNORECASE)
_ENDS = (".", "!", "?", ":", ";")
_LONGEST_HEADING = 70
_LONGEST_SET_APART = 160
_NARROW = 0.7
_LARGER = 1.08
_DEEPEST = 6


def headings_by_letters(lines: Sequence[TextLine]) -> dict[int, int]:
    """Give levels of the lines set larger or bolder than the document's text, largest first.

    The first lines that are set alike are the document's title and have level 1.
    """
    usual = _usual_letters(lines)
    ranks = {index: _rank(line) for index, line in enumerate(lines) if _is_set_apart(line, *usual)}
    title = min(ranks, default=-1)
    while title + 1 in ranks and ranks[title + 1] == ranks[title]:
        title += 1
    others = {rank for index, rank in ranks.items() if index > title}
    levels = {rank: min(level, _DEEPEST) for level, rank in enumerate(sorted(others), 2)}
    return {index: levels[rank] if index > title else 1 for index, rank in ranks.items()}


def continues_heading(above: TextLine, line: TextLine) -> bool:
    """Say whether two lines set alike are one heading: nothing begins with the second."""
    alike = above.bold == line.bold and abs(above.size - line.size) < 0.1
    return alike and not line.opens and len(above.text) + len(line.text) < _LONGEST_SET_APART


def _usual_letters(lines: Sequence[TextLine]) -> tuple[float, bool]:
    counts: Counter[tuple[float, bool]] = Counter()
    for line in lines:
        if not line.table and not line.edge:
            counts[round(line.size, 1), line.bold] += len(line.text)
    return counts.most_common(1)[0][0] if counts else (10.0, False)


def _is_set_apart(line: TextLine, size: float, bold: bool) -> bool:
    is_larger = line.size > _LARGER * size
    is_bolder = line.bold and not bold and line.size > 0.97 * size
    if line.table or not (is_larger or is_bolder) or len(line.text) > _LONGEST_SET_APART:
        return False
    if is_labelled(line.text) or line.text.startswith("(") or "  " in line.text:
        return False
    letters = sum(letter.isalpha() for letter in line.text)
    ends = line.text.endswith((".", ",", ";", ":")) and not line.text.isupper()
    return letters >= 3 and 2 * letters > len(line.text) and not ends


def _rank(line: TextLine) -> tuple[float, bool, bool]:
    return -round(line.size * 2) / 2, not _PART.match(line.text), not line.text.isupper()


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
