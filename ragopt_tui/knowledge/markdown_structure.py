"""Blocks of Markdown, by the CommonMark parser's own line maps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.token import Token

from ragopt_tui.knowledge.document import Block
from ragopt_tui.knowledge.plain_structure import plain_blocks
from ragopt_tui.knowledge.structure import (
    Line,
    is_rule,
    line_spans,
    with_captions,
    with_gaps_filled,
)
from ragopt_tui.knowledge.table_lines import cells_of, is_figure_cell, is_year

_FRONT_MATTER_LINES = 60


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark").enable("table")


def markdown_blocks(text: str) -> tuple[Block, ...]:
    """Give the blocks of a Markdown text, in order; list items and quotes are paragraphs."""
    lines = line_spans(text)
    skipped = _front_matter_lines(text, lines)
    blocks: list[Block] = []
    if skipped:
        blocks.append(Block("paragraph", lines[1][0], lines[skipped - 2][1]))
    body = "\n" * skipped + text[lines[skipped][0] :] if skipped < len(lines) else ""
    blocks.extend(_blocks_of(text, lines, _parser().parse(body)))
    return with_captions(text, with_gaps_filled(text, lines, blocks))


def _front_matter_lines(text: str, lines: Sequence[Line]) -> int:
    """How many lines the YAML front matter takes, its marks included; it holds a line at least."""
    if not text.startswith("---\n"):
        return 0
    for index, (start, end) in enumerate(lines[1:_FRONT_MATTER_LINES], 1):
        line = text[start:end].rstrip()
        if line in ("---", "..."):
            return index + 1 if index > 1 else 0
        if not line or (":" not in line and not line.startswith((" ", "-", "#"))):
            return 0
    return 0


def _blocks_of(text: str, lines: Sequence[Line], tokens: Sequence[Token]) -> Iterator[Block]:
    for index, token in enumerate(tokens):
        if token.map is None or token.map[0] >= len(lines):
            continue
        first, last = token.map[0], min(token.map[1], len(lines)) - 1
        while last > first and not text[slice(*lines[last])].strip():
            last -= 1
        start, end = lines[first][0], lines[last][1]
        if token.type == "heading_open" and token.level == 0:
            heading = _inline_text(tokens[index + 1])
            yield Block("heading", start, end, level=int(token.tag[1]), heading=heading)
        elif token.type in ("paragraph_open", "heading_open", "html_block"):
            yield Block("paragraph", start, end)
        elif token.type == "table_open":
            yield Block("table", start, end, header_end=_header_end(text, lines, first, last))
        elif token.type in ("fence", "code_block"):
            yield from _code(text, lines, first, last)


def _inline_text(token: Token) -> str:
    parts = [
        " " if child.type in ("softbreak", "hardbreak") else child.content
        for child in token.children or ()
        if child.type in ("text", "code_inline", "softbreak", "hardbreak", "text_special")
    ]
    return " ".join("".join(parts).split())


def _header_end(text: str, lines: Sequence[Line], first: int, last: int) -> int:
    """The start of the first body row.

    Where the header row holds one cell at most, a title, the row below it names the columns.
    """
    body = first + 2
    if body < last and len(cells_of(text[slice(*lines[first])])) <= 1:
        below = cells_of(text[slice(*lines[body])])
        body += all(not is_figure_cell(cell) or is_year(cell) for cell in below[1:])
    return lines[body][0] if body <= last else lines[last][1]


def _code(text: str, lines: Sequence[Line], first: int, last: int) -> Iterator[Block]:
    """Code as it stands, unless it is a figure table set in a fixed-width font."""
    inside = range(first, last + 1)
    if text[slice(*lines[first])].lstrip().startswith(("```", "~~~")):
        inside = range(first + 1, last + 1)
        if text[slice(*lines[last])].strip().strip("`~") == "":
            inside = range(first + 1, last)
    if not inside:
        return
    start, end = lines[inside[0]][0], lines[inside[-1]][1]
    found = [
        Block(
            block.kind,
            block.start + start,
            block.end + start,
            header_end=block.header_end + start,
            caption=block.caption,
        )
        for block in plain_blocks(text[start:end])
        if block.kind == "table"
    ]
    if found:
        yield from found
    elif not all(is_rule(text[slice(*lines[index])]) for index in inside):
        yield Block("code", start, end)
