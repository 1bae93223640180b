"""Blocks of a document: what every format's structure has in common."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from ragopt_tui.knowledge.document import Block
from ragopt_tui.plaintext import one_line

Line = tuple[int, int]
"""Start and end offset of a line, without its newline."""

_RULE = re.compile(r"^(?:[\s\-=_+|:*~.`─━═]*|\s*(?:```|~~~)\s*\w*\s*)$")
_MARKS = re.compile(r"(?<!\\)[*_`]+(?=\S)|(?<=\S)[*_`]+|^[ \t]*(?:[#>]+[ \t]+)+", re.MULTILINE)
_LABELLED = re.compile(r"^(?:table|exhibit|schedule|figure|chart)\s+[\dIVXA-Z]", re.IGNORECASE)
_UNIT = re.compile(
    r"\b(?:in|expressed in|amounts in|figures in)\s+(?:\S+\s+){0,3}?"
    r"(?:thousands|millions|billions|'000|000s)|\bunaudited\b|[$€£]\s?(?:m|mn|bn|'000|000)\b",
    re.IGNORECASE,
)
_LISTED = re.compile(r"^(?:[-•*–]|\(?[a-z\d]{1,2}[.)])\s")
_LONGEST_CAPTION = 240
_LONGEST_TITLE = 160


def line_spans(text: str) -> list[Line]:
    """Give start and end of every line of `text`; an empty text has one empty line."""
    spans: list[Line] = []
    start = 0
    while (end := text.find("\n", start)) >= 0:
        spans.append((start, end))
        start = end + 1
    spans.append((start, len(text)))
    return spans


def is_rule(line: str) -> bool:
    """Say whether a line only draws: a rule row, an underline, a break, a fence, nothing."""
    return _RULE.match(line) is not None


def is_labelled(line: str) -> bool:
    """Say whether a line is numbered as a table or exhibit: "Table 4. Debt"."""
    return _LABELLED.match(line) is not None


def without_marks(text: str) -> str:
    """Give Markdown text as one line without its emphasis, heading and quote marks."""
    return " ".join(_MARKS.sub("", text).split())


def is_caption(text: str) -> bool:
    """Say whether a paragraph above a table names it rather than tells something.

    Captions are short; a sentence counts only where it announces the table with a colon,
    states a unit in brackets, or is numbered ("Table 4. …").
    """
    words = without_marks(text)
    if not words or len(words) > _LONGEST_CAPTION or _LISTED.match(words):
        return False
    if words.endswith(":") or _LABELLED.match(words):
        return True
    bracketed = words.startswith("(") and words.endswith((")", ")."))
    if bracketed or (_UNIT.search(words) and len(words) <= _LONGEST_CAPTION // 2):
        return True
    bold = re.fullmatch(r"(\*\*|__|\*|_).+\1\s*", text.strip(), re.DOTALL) is not None
    return (bold or len(words) <= 100) and not words.endswith((".", "!", "?", ";", ","))


def with_captions(text: str, blocks: Sequence[Block]) -> tuple[Block, ...]:
    """Give the blocks with each table's caption taken from the paragraphs right above it."""
    result: list[Block] = []
    for block in blocks:
        if block.kind == "table" and not block.caption:
            caption = _caption_above(text, result)
            block = dataclasses.replace(block, caption=caption)
        result.append(block)
    return tuple(result)


def _caption_above(text: str, before: Sequence[Block]) -> str:
    parts: list[str] = []
    for block in reversed(before[-3:]):
        words = text[block.start : block.end]
        if block.kind != "paragraph" or not is_caption(words):
            break
        parts.insert(0, without_marks(words))
        if _LABELLED.match(parts[0]) or parts[0].endswith(":"):
            break
    return one_line(" ".join(parts), 2 * _LONGEST_CAPTION)


def with_gaps_filled(
    text: str, lines: Sequence[Line], blocks: Iterable[Block]
) -> tuple[Block, ...]:
    """Give the blocks in order, with paragraphs for lines that no block covers.

    Lines that only draw stay outside. So everything a reader could read is in some block.
    """
    ordered = sorted(blocks, key=lambda block: block.start)
    result: list[Block] = []
    at = 0
    for block in ordered:
        result.extend(_loose(text, lines, at, block.start))
        result.append(block)
        at = block.end
    result.extend(_loose(text, lines, at, len(text)))
    return tuple(result)


def _loose(text: str, lines: Sequence[Line], start: int, end: int) -> list[Block]:
    if not text[start:end].strip():
        return []
    result: list[Block] = []
    for first, last in lines:
        if first < start or last > end:
            continue
        if is_rule(text[first:last]):
            continue
        if result and result[-1].end == first - 1:
            result[-1] = dataclasses.replace(result[-1], end=last)
        else:
            result.append(Block("paragraph", first, last))
    return result


def title_of(text: str, blocks: Sequence[Block], file: str) -> str:
    """Give the title: the first level-1 heading, else a short first line, else the file's name."""
    for block in blocks:
        if block.kind == "heading" and block.level == 1 and block.heading:
            return one_line(block.heading, _LONGEST_TITLE)
    for block in blocks:
        if block.kind == "table":
            break
        line = without_marks(text[block.start : block.end].strip().split("\n", 1)[0])
        if block.kind == "heading":
            line = block.heading
        if not line:
            continue
        if len(line) <= 100 and not line.endswith((".", ",", ";", "?", "!", ":")):
            return one_line(line, _LONGEST_TITLE)
        break
    return readable_name(file)


def readable_name(file: str) -> str:
    """Give a file name as words: `q3_fy24-segment.results.csv` becomes "q3 fy24 segment results"."""
    stem = PurePosixPath(file).stem
    return one_line(re.sub(r"[\s_.\-]+", " ", stem).strip(), _LONGEST_TITLE)
