"""The passages behind an answer, as cards and chips share them."""

from __future__ import annotations

from dataclasses import dataclass

from ragopt_tui.chat.answer import Answer, Citation
from ragopt_tui.chat.exchange import Exchange
from ragopt_tui.knowledge.passage import Hit


@dataclass(frozen=True, slots=True)
class Evidence:
    """The numbered passages behind an answer and what of them is cited; `hits[0]` is number 1."""

    hits: tuple[Hit, ...] = ()
    citations: tuple[Citation, ...] = ()
    refused: bool = False

    @classmethod
    def of(cls, answer: Answer) -> Evidence:
        """Give the evidence that a finished answer carries."""
        return cls(answer.evidence, answer.citations, answer.refused)

    @classmethod
    def so_far(cls, exchange: Exchange) -> Evidence:
        """Give the passages behind an answer as far as it has come."""
        return cls.of(exchange.answer) if exchange.answer else cls(exchange.hits)

    def cited(self, n: int) -> list[Citation]:
        """Give what is cited of passage `n`."""
        return [citation for citation in self.citations if citation.n == n]
