"""An answer's text as Markdown that streams, with its citations as links."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from textual.content import Content
from textual.widgets import Markdown
from textual.widgets.markdown import MarkdownBlock, MarkdownStream

from ragopt_tui.chat.citations import parse_citations
from ragopt_tui.plaintext import without_controls
from ragopt_tui.ui.figure_marks import with_marks, without_marks

if TYPE_CHECKING:
    from ragopt_tui.chat.answer import Answer

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

    async def end(self, answer: Answer | None = None) -> None:
        """End the stream; show exactly the answer's text, its figures marked, or all there is."""
        if self._stream is not None:
            await self._stream.stop()
            self._stream = None
        if answer is not None:
            text = with_marks(answer, without_controls(answer.text))
            if self.source != text:
                await self.update(text)

    def get_block_class(self, block_name: str) -> type[MarkdownBlock]:
        """Give the class of a block, which draws marked figures."""
        return _marking(super().get_block_class(block_name))

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


@cache
def _marking(block: type[MarkdownBlock]) -> type[MarkdownBlock]:
    """Derive from a kind of block one that draws figures as they are marked."""

    def set_content(self: MarkdownBlock, content: Content) -> None:
        block.set_content(self, without_marks(content))

    return type(block.__name__, (block,), {"set_content": set_content})


def _push_links(state: StateInline, numbers: Sequence[int], evidence_count: int) -> None:
    for number in numbers:
        if not 1 <= number <= evidence_count:
            state.push("text", "", 0).content = f"[{number}?]"
            continue
        attributes: dict[str, Any] = {"href": f"{_SCHEME}{number}"}
        state.push("link_open", "a", 1).attrs = attributes
        state.push("text", "", 0).content = f"[{number}]"
        state.push("link_close", "a", -1)
