"""One question and what became of it, kept apart from how it is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from ragopt_tui.chat.answer import Answer, Citation
from ragopt_tui.knowledge.passage import Hit
from ragopt_tui.ui.wording import place


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

    def cited(self, n: int) -> list[Citation]:
        """Give what is cited of passage `n`."""
        return [citation for citation in self.citations if citation.n == n]


State = Literal["waiting", "working", "done", "stopped", "failed"]


@dataclass(slots=True)
class Exchange:
    """A question, who was asked, and the answer as far as it has come.

    `answer` is set exactly when `state` is done; `problem` and `hint` when it failed.
    """

    question: str
    variant: str
    asked: datetime
    state: State = "waiting"
    status: str = ""
    text: str = ""
    hits: tuple[Hit, ...] = ()
    answer: Answer | None = None
    problem: str = ""
    hint: str = ""

    @property
    def over(self) -> bool:
        """Whether nothing more will come."""
        return self.state in ("done", "stopped", "failed")

    @property
    def evidence(self) -> Evidence:
        """The passages behind the answer, as far as they are known."""
        return Evidence.of(self.answer) if self.answer else Evidence(self.hits)

    def as_text(self) -> str:
        """Give the answer with its sources as plain text for the clipboard."""
        if self.answer is None:
            return self.text
        sources = [
            f"[{c.n}] {c.file}, {place(c.page, c.line_start, c.line_end)}"
            for c in self.answer.citations
        ]
        return "\n".join([self.answer.text, *([""] if sources else []), *sources])
