"""Plain text and Markdown: the text is the file's own."""

from __future__ import annotations

import re

from ragopt_tui.knowledge.document import Block
from ragopt_tui.knowledge.markdown_structure import markdown_blocks
from ragopt_tui.knowledge.plain_structure import plain_blocks

_MARKDOWN_HEADING = re.compile(r"^#{1,6} +\S", re.MULTILINE)
_MARKDOWN_RULE = re.compile(r"^[ \t]*\|?[ \t]*:?-{3,}:?[ \t]*\|[ \t|:-]*$", re.MULTILINE)


def text_blocks(text: str, is_markdown: bool) -> tuple[Block, ...]:
    """Give the blocks of a text; Markdown is recognised under a plain text's name too."""
    if not text.strip():
        return ()
    if is_markdown or looks_like_markdown(text):
        return markdown_blocks(text)
    return plain_blocks(text)


def looks_like_markdown(text: str) -> bool:
    """Say whether a text has Markdown headings, or pipe tables with their rule."""
    headings = sum(1 for _ in _MARKDOWN_HEADING.finditer(text))
    return headings >= 2 or _MARKDOWN_RULE.search(text) is not None
