"""An answer's text as Markdown that streams, with its citations as links."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from textual.widgets import Markdown
from textual.widgets.markdown import MarkdownStream

from ragopt_tui.chat.citations import parse_citations
from ragopt_tui.plaintext import without_controls

_LONGEST_CITATION = 60
_SCHEME = "source:"


class AnswerText(Markdown):
    """Markdown without HTML or web links, in which `[n]` opens evidence `n`."""

    def __init__(self, evidence_count: int) -> None:
        super().__init__("", parser_factory=self._parser, open_links=False)
        self.evidence_count = evidence_count
        self._stream: MarkdownStream | None = None

    async def write(self, piece: str) -> None:
        """Append a piece of the answer; pieces that come fast are drawn together."""
        if self._stream is None:
            self._stream = Markdown.get_stream(self)
        await self._stream.write(without_controls(piece))

    async def end(self, text: str | None = None) -> None:
        """End the stream and make sure that exactly `text` is shown, or all that was written."""
        if self._stream is not None:
            await self._stream.stop()
            self._stream = None
        if text is not None and self.source != without_controls(text):
            await self.update(without_controls(text))

    @staticmethod
    def cited(href: str) -> int | None:
        """Give the number of the evidence that a link of this widget points at."""
        number = href.removeprefix(_SCHEME)
        return int(number) if href.startswith(_SCHEME) and number.isdigit() else None

    def _parser(self) -> MarkdownIt:
        parser = MarkdownIt("gfm-like", {"html": False, "linkify": False})
        parser.inline.ruler.before("link", "citation", self._citation)
        return parser

    def _citation(self, state: StateInline, silent: bool) -> bool:
        """Turn a citation bracket at the parser's position into links."""
        if state.src[state.pos] != "[":
            return False
        end = state.src.find("]", state.pos, state.pos + _LONGEST_CITATION)
        if end < 0 or state.src.startswith("(", end + 1):
            return False
        bracket = state.src[state.pos : end + 1]
        spans = parse_citations(bracket, self.evidence_count).spans
        if not spans or spans[0].end != len(bracket):
            return False
        if not silent:
            _push_links(state, spans[0].numbers, self.evidence_count)
        state.pos = end + 1
        return True


def _push_links(state: StateInline, numbers: Sequence[int], evidence_count: int) -> None:
    for number in numbers:
        if not 1 <= number <= evidence_count:
            state.push("text", "", 0).content = f"[{number}?]"
            continue
        attributes: dict[str, Any] = {"href": f"{_SCHEME}{number}"}
        state.push("link_open", "a", 1).attrs = attributes
        state.push("text", "", 0).content = f"[{number}]"
        state.push("link_close", "a", -1)
