"""Blocks of plain text, by what typists do: capitals, underlines, numbers, columns, blank lines."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Mapping, Sequence, Set

from ragopt_tui.knowledge.document import Block
from ragopt_tui.knowledge.structure import (
    Line,
    is_caption,
    is_labelled,
    is_rule,
    line_spans,
    with_captions,
    with_gaps_filled,
)
from ragopt_tui.knowledge.table_lines import TableLines, find_tables, trailing_figures

_NUMBERED = re.compile(r"^(\d{1,2}(?:\.\d{1,2}){0,4})[.)]?\s+(?=[A-Z])(\S.*)$")
_PART = re.compile(
    r"^(?:PART|Part)\s+[IVX\d]+\b|^(?:ITEM|Item)\s+\d+[A-C]?\b|^(?:NOTE|Note)\s+\d+\b"
    r"|^(?:SECTION|Section|CHAPTER|Chapter|APPENDIX|Appendix|SCHEDULE|ANNEX|Annex)\s+[A-Z\d]+\b"
)
_ABBREVIATED = re.compile(r"(?:\b[A-Z]\.){1,3}$|\b(?:INC|CORP|LTD|CO)\.$")
_BULLET = re.compile(r"^\s*(?:[-•*–▪‣◦]|\(?[a-z\d]{1,2}[.)])\s+\S")
_ENDS_SENTENCE = (".", ",", ";", "?", "!", ":")
_TITLE_WORDS = re.compile(
    r"\b(?:report|results|transcript|conference call|earnings call|memorandum|statements?|letter|"
    r"fact ?sheet|prospectus|form 10-[KQ])\b",
    re.IGNORECASE,
)
_TITLE_LINES = 3
_BARRIER = "A sentence."
"""Stands for a heading while tables are looked for: no table goes over it."""
_LONGEST_HEADING = 100


def plain_blocks(
    text: str,
    headings: Mapping[int, int] | None = None,
    breaks: Set[int] = frozenset(),
    tables: Sequence[TableLines] | None = None,
) -> tuple[Block, ...]:
    """Give the blocks of a plain text, in order.

    `headings` gives levels of lines (0-based) already known to be headings, and `tables` those
    known to be tables; each replaces the search for them. At lines in `breaks` a paragraph begins
    although no blank line precedes it.
    """
    spans = line_spans(text)
    lines = [text[start:end] for start, end in spans]
    known = _headings(lines) if headings is None else dict(headings)
    if tables is None:
        tables = find_tables([_BARRIER if at in known else line for at, line in enumerate(lines)])
    blocks = _table_blocks(spans, tables)
    taken = {index for table in tables for index in range(table.first, table.last + 1)}
    for index, level in known.items():
        blocks.append(_heading_block(lines, spans, index, level))
        taken.update(range(index, _heading_end(lines, index) + 1))
    starts = breaks | _caption_starts(lines, tables, taken)
    blocks.extend(_paragraphs(lines, spans, taken, starts))
    before = min((table.first for table in tables), default=len(lines))
    deeper = min((index for index, level in (headings or {}).items() if level > 1), default=before)
    blocks = _with_title_joined(lines[: min(before, deeper)], spans, blocks)
    return with_captions(text, with_gaps_filled(text, spans, blocks))


def _table_blocks(spans: Sequence[Line], tables: Sequence[TableLines]) -> list[Block]:
    return [
        Block("table", spans[table.first][0], spans[table.last][1], header_end=spans[table.data][0])
        for table in tables
    ]


def _heading_block(lines: Sequence[str], spans: Sequence[Line], index: int, level: int) -> Block:
    end = spans[_heading_end(lines, index)][1]
    heading = " ".join(lines[index].split())
    return Block("heading", spans[index][0], end, level=level, heading=heading)


def _heading_end(lines: Sequence[str], index: int) -> int:
    """The last line of a heading: its underline, if it has one."""
    return index + 1 if index + 1 < len(lines) and _underline(lines[index + 1]) else index


def _with_title_joined(
    lines: Sequence[str], spans: Sequence[Line], blocks: Sequence[Block]
) -> list[Block]:
    """Make the title of the first lines: name, kind and period often stand one below another."""
    ordered = sorted(blocks, key=lambda block: block.start)
    first = next((at for at, line in enumerate(lines) if line.strip()), 0)
    last = first
    while (
        last < first + _TITLE_LINES - 1 and last + 1 < len(lines) and _continues_title(lines, last)
    ):
        last += 1
    if last == first or not ordered or ordered[0].start != spans[first][0]:
        return ordered
    end = spans[last][1]
    heading = " — ".join(" ".join(line.split()) for line in lines[first : last + 1])
    rest = [
        dataclasses.replace(block, start=max(block.start, min(end + 1, block.end)))
        for block in ordered
        if block.end > end
    ]
    return [Block("heading", spans[first][0], end, level=1, heading=heading), *rest]


def _continues_title(lines: Sequence[str], index: int) -> bool:
    line, below = lines[index].strip(), lines[index + 1].strip()
    if not below or is_rule(below) or max(len(line), len(below)) > _LONGEST_HEADING:
        return False
    is_titular = _is_capitals(below) or _TITLE_WORDS.search(below) is not None
    return is_titular and not below.endswith(_ENDS_SENTENCE) and "  " not in line + below


def _underline(line: str) -> str:
    """Give the character that a line of at least three draws with, or nothing."""
    mark = line.strip()[:1]
    return (
        mark
        if mark in ("=", "-", "~", "_", "*")
        and re.fullmatch(rf"\s*{re.escape(mark)}{{3,}}\s*", line)
        else ""
    )


def _headings(lines: Sequence[str]) -> dict[int, int]:
    """Give the levels of the lines that look like headings."""
    repeated = Counter(line.strip() for line in lines if 0 < len(line.strip()) <= _LONGEST_HEADING)
    found: dict[int, int] = {}
    seen_text = False
    for index, line in enumerate(lines):
        if not line.strip():
            continue
        level = _heading_level(lines, index)
        if level and repeated[line.strip()] <= 2:
            found[index] = 1 if not seen_text and not found else level
        seen_text = seen_text or not is_rule(line)
    return found


def _heading_level(lines: Sequence[str], index: int) -> int:
    line = lines[index].strip()
    above = lines[index - 1].strip() if index else ""
    below = lines[index + 1].strip() if index + 1 < len(lines) else ""
    if len(line) > _LONGEST_HEADING or is_rule(line) or is_labelled(line):
        return 0
    if trailing_figures(line) >= 2:
        return 0
    numbered = _NUMBERED.match(line)
    depth = 2 + numbered.group(1).count(".") if numbered else 0
    mark = _underline(below)
    if mark and (not above or is_rule(above)) and "  " not in line:
        return depth or (1 if mark == "=" else 2)
    if above and not is_rule(above) and not (index and _is_capitals(above)):
        return 0
    if _PART.match(line) and not line.endswith((".", ",", ";")):
        return 2
    if depth and not below and not line.endswith(_ENDS_SENTENCE) and len(line) <= 80:
        return depth
    return 2 if _is_capitals(line) and "  " not in line else 0


def _is_capitals(line: str) -> bool:
    letters = [letter for letter in line if letter.isalpha()]
    ends = line.endswith((".", ",", ";")) and _ABBREVIATED.search(line) is None
    if len(letters) < 4 or ends or len(line.split()) > 14:
        return False
    return all(letter.isupper() for letter in letters)


def _caption_starts(
    lines: Sequence[str], tables: Sequence[TableLines], taken: Set[int]
) -> set[int]:
    """Lines right above a table that name it: each begins a paragraph of its own."""
    starts: set[int] = set()
    for table in tables:
        at = table.first - 1
        while at >= 0 and at not in taken and lines[at].strip() and is_caption(lines[at]):
            complete = (
                at == 0 or not lines[at - 1].strip() or lines[at - 1].rstrip().endswith((".", ":"))
            )
            starts.add(at)
            if complete or table.first - at >= 3 or re.match(r"\s*(?:Table|Exhibit)\b", lines[at]):
                break
            at -= 1
    return starts


def _paragraphs(
    lines: Sequence[str], spans: Sequence[Line], taken: Set[int], starts: Set[int]
) -> list[Block]:
    blocks: list[Block] = []
    first: int | None = None
    for index in range(len(lines) + 1):
        ends = index == len(lines) or index in taken or not lines[index].strip()
        begins = not ends and (index in starts or _BULLET.match(lines[index]) is not None)
        if first is not None and (ends or begins):
            inside = [at for at in range(first, index) if not is_rule(lines[at])]
            if inside:
                blocks.append(Block("paragraph", spans[inside[0]][0], spans[inside[-1]][1]))
            first = None
        if not ends and first is None:
            first = index
    return blocks
