"""A question and what became of it: what the interface draws and the store keeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from ragopt_tui.chat.answer import Answer
from ragopt_tui.knowledge.passage import Hit
from ragopt_tui.knowledge.scope import Filter

State = Literal["waiting", "working", "done", "stopped", "failed"]


@dataclass(slots=True)
class Exchange:
    """A question, who was asked, the answer as far as it has come, and how it was made.

    `answer` is set exactly when `state` is done; `problem` and `hint` when it failed. `text` and
    `hits` are what had come before that. `resolved_question` is what was searched for; empty until
    known. `prompt` is what the model was given, as chat messages; quotes have none. `seed` is None
    where nothing is drawn at random. `variant_hash` is empty for quotes and until computed.
    `again_of` is the `id` of the exchange whose question was asked again, and `difference` says
    what differs from it. `thumb` is 1, -1 or 0 for none; `correction` is the user's better answer.
    `id` is the store's, None while the exchange is not kept; `docs` the folder of documents.
    """

    question: str
    variant: str
    asked: datetime
    docs: str = ""
    state: State = "waiting"
    status: str = ""
    text: str = ""
    hits: tuple[Hit, ...] = ()
    answer: Answer | None = None
    problem: str = ""
    hint: str = ""
    resolved_question: str = ""
    filters: dict[str, Any] = field(default_factory=dict)
    variant_hash: str = ""
    prompt: list[dict[str, str]] = field(default_factory=list)
    settings: dict[str, float] = field(default_factory=dict)
    seed: int | None = None
    again_of: int | None = None
    difference: str = ""
    thumb: int = 0
    correction: str = ""
    id: int | None = None

    @property
    def over(self) -> bool:
        """Whether nothing more will come."""
        return self.state in ("done", "stopped", "failed")

    @property
    def scope(self) -> tuple[Filter, ...]:
        """The companies and periods it asks about, as far as `filters` knows them."""
        return tuple(Filter.from_json(values) for values in self.filters.get("filters", ()))

    @scope.setter
    def scope(self, scope: Sequence[Filter]) -> None:
        self.filters = {"filters": [each.to_json() for each in scope]} if scope else {}

    @property
    def removed(self) -> tuple[Filter, ...]:
        """Those of them that the user took away."""
        return tuple(each for each in self.scope if each.state == "removed")

    @property
    def evidence(self) -> tuple[Hit, ...]:
        """The passages behind the answer, as far as they are known."""
        return self.answer.evidence if self.answer else self.hits

    @property
    def written(self) -> str:
        """The answer's text, or as much of it as had come."""
        return self.answer.text if self.answer else self.text
