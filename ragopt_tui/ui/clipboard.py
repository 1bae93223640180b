"""What is copied of answers, as plain text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ragopt_tui.chat.places import place

if TYPE_CHECKING:
    from ragopt_tui.chat.exchange import Exchange
    from ragopt_tui.ui.exchange import Evidence

_CODE = re.compile(
    r"^ {0,3}(?P<fence>`{3,}|~{3,})[^\n]*\n(?P<code>.*?)(?:^ {0,3}(?P=fence)|\Z)",
    re.MULTILINE | re.DOTALL,
)


def answer_text(exchange: Exchange) -> str:
    """Give the answer with its sources."""
    citations = exchange.answer.citations if exchange.answer else ()
    sources = [f"[{c.n}] {c.file}, {place(c.page, c.line_start, c.line_end)}" for c in citations]
    return "\n".join([exchange.written, *([""] if sources else []), *sources])


def code_blocks(markdown: str) -> list[str]:
    """Give the contents of the fenced blocks of a text, in order."""
    return [match["code"] for match in _CODE.finditer(markdown)]


def citation_text(evidence: Evidence, n: int) -> str:
    """Give what is cited of passage `n` (from 1), or all of it, and where it stands."""
    passage = evidence.hits[n - 1].passage
    cited = evidence.cited(n)
    quote = cited[0].quote if cited else passage.text
    span = cited[0] if cited else passage
    return f"“{quote}” — {passage.file}, {place(span.page, span.line_start, span.line_end)}"
