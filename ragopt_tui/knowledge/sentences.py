"""Sentences of running text, by exact character offsets."""

from __future__ import annotations

import re

_ABBREVIATIONS = frozenset(
    """
    mr mrs ms dr prof st sr jr inc corp ltd co plc llc bros cos dept div est
    no nos vs approx ca cf e.g i.e al etc fig figs sec para pp vol ed eds rs mio mrd tsd mo
    jan feb mar apr jun jul aug sep sept oct nov dec u.s u.k e.u p.a n.v s.a a.m p.m
    """.split()
)
# A stop, closing quotes or brackets, perhaps a citation, then white space.
_STOP = re.compile(r"[.!?…]+[\"'”’»)\]]*(?:\s*\[\d+\])*(?=\s)")
_PARAGRAPH = re.compile(r"\n[ \t]*\n|\n(?=[ \t]*(?:[-*+•]|\d{1,3}[.)])[ \t])")
_NEAR = 60  # characters around a stop that decide; more would make long lines slow
_OPENING = re.compile(r"[\"'“‘«(\[*_$€£]*[A-Z0-9À-Þ$€£]")


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Give (start, end) of each sentence of `text`, without the white space between them.

    A blank line or the start of a list item ends a sentence too; a single line break does not.
    """
    spans: list[tuple[int, int]] = []
    start = 0
    for end in [*_boundaries(text), len(text)]:
        piece = text[start:end]
        left = len(piece) - len(piece.lstrip())
        if piece.strip():
            spans.append((start + left, start + len(piece.rstrip())))
        start = end
    return spans


def _boundaries(text: str) -> list[int]:
    ends = {match.start() for match in _PARAGRAPH.finditer(text)}
    for match in _STOP.finditer(text):
        if _ends_sentence(text, match):
            ends.add(match.end())
    return sorted(ends)


def _ends_sentence(text: str, stop: re.Match[str]) -> bool:
    after = text[stop.end() : stop.end() + _NEAR].lstrip(" \t\n")[:12]
    if not _OPENING.match(after):
        return False
    if not stop.group().startswith("."):
        return True
    near = max(0, stop.start() - _NEAR)
    line = text[max(near, text.rfind("\n", near, stop.start()) + 1) : stop.start()]
    word = re.split(r"[\s(\[“\"]", line)[-1]
    if not word:
        return False
    is_initial = len(word) == 1 and word.isupper()
    is_list_number = word.isdigit() and len(word) <= 3 and line.strip() == word
    return not (is_initial or is_list_number or word.lower() in _ABBREVIATIONS)
