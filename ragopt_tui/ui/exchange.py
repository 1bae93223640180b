"""The passages behind an answer, as cards and chips share them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from ragopt_tui.chat.answer import Answer, Citation, SourceState
from ragopt_tui.chat.exchange import Exchange
from ragopt_tui.chat.source_changes import SourceChange
from ragopt_tui.knowledge.passage import Hit


@dataclass(frozen=True, slots=True)
class Evidence:
    """The numbered passages behind an answer and what of them is cited; `hits[0]` is number 1.

    `changes` are those of `sources`, the files' states when it was given, that hold no longer.
    """

    hits: tuple[Hit, ...] = ()
    citations: tuple[Citation, ...] = ()
    refused: bool = False
    sources: tuple[SourceState, ...] = ()
    changes: tuple[SourceChange, ...] = ()

    @classmethod
    def of(cls, answer: Answer) -> Evidence:
        """Give the evidence that a finished answer carries."""
        return cls(answer.evidence, answer.citations, answer.refused, answer.sources)

    @classmethod
    def so_far(cls, exchange: Exchange) -> Evidence:
        """Give the passages behind an answer as far as it has come."""
        return cls.of(exchange.answer) if exchange.answer else cls(exchange.hits)

    def cited(self, n: int) -> list[Citation]:
        """Give what is cited of passage `n`."""
        return [citation for citation in self.citations if citation.n == n]

    def change_of(self, file: str) -> SourceChange | None:
        """Say what became of a file since, if it is not what it was."""
        return next((change for change in self.changes if change.source.file == file), None)

    def name_now(self, file: str) -> str:
        """Give the name by which a file that is cited can be opened now."""
        change = self.change_of(file)
        return (change and change.now) or file

    def marked(self, changes: Iterable[SourceChange]) -> Evidence:
        """Give the same with those of the changes that are of its sources, and no others."""
        return replace(self, changes=tuple(c for c in changes if c.source in self.sources))

    def changes_beneath(self) -> list[SourceChange]:
        """Give the changes that put the answer in question: of what it cites, or else of all."""
        files = {citation.file for citation in self.citations}
        return [c for c in self.changes if not files or c.source.file in files]
