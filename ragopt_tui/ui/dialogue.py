"""Questions and answers in order: what waits, what is being answered, what the engine says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from ragopt_tui.chat.answer import Answer
from ragopt_tui.chat.exchange import Exchange
from ragopt_tui.chat.follow_up import LOOKED_BACK, first_sentence
from ragopt_tui.chat.protocol import Event
from ragopt_tui.errors import RagoptError
from ragopt_tui.knowledge.passage import Hit
from ragopt_tui.knowledge.scope import Filter
from ragopt_tui.ui.exchange import Evidence
from ragopt_tui.ui.widgets.conversation import Conversation
from ragopt_tui.ui.widgets.exchange_card import ExchangeCard

if TYPE_CHECKING:
    from ragopt_tui.ui.engine_like import EngineLike, RequestLike

_STOP_SECONDS = 2.0
_READING = "reading documents… the answer follows"
_WAITING = "waits for the answer before it"


class Dialogue:
    """Asks one question at a time; one more may wait."""

    def __init__(
        self,
        conversation: Conversation,
        engine: EngineLike,
        passages: int,
        clock: Callable[[], datetime],
        show_sources: Callable[[Evidence], None],
        keep: Callable[[Exchange], object],
    ) -> None:
        """`keep` is told of each exchange when it is asked and when it is over."""
        self._conversation = conversation
        self._engine = engine
        self._passages = passages
        self._clock = clock
        self._show_sources = show_sources
        self._keep = keep
        self._waiting: list[Exchange] = []
        self._request: RequestLike | None = None
        self._task: asyncio.Task[None] | None = None
        self.current: Exchange | None = None
        self.ready = False

    @property
    def busy(self) -> bool:
        """Whether an answer is being written."""
        return self.current is not None

    @property
    def idle(self) -> bool:
        """Whether there is nothing to stop."""
        return not self.busy and not self._waiting

    @property
    def full(self) -> bool:
        """Whether a question waits already, so that no other is taken."""
        return bool(self._waiting)

    async def add(
        self, question: str, variant: str, read_as: str = "", removed: Sequence[Filter] = ()
    ) -> Exchange:
        """Put a question at the end of the conversation; `run` answers it.

        It is read as `read_as`, or if that is empty, as one that may follow up on those before it;
        the filters in `removed` are not used for it.
        """
        status = _READING if not self.ready else _WAITING if self.busy else ""
        exchange = Exchange(question, variant, self._clock(), status=status)
        exchange.resolved_question = read_as
        exchange.scope = removed
        # It waits only once its card is there, as an answer may begin at any moment.
        await self._conversation.add(exchange)
        self._waiting.append(exchange)
        self._keep(exchange)
        return exchange

    async def run(self) -> None:
        """Answer what waits, one after the other; call it after `add` and when ready."""
        while self.ready and self._waiting and not self.busy:
            self.current = self._waiting.pop(0)
            try:
                await self._answer(self.current)
            finally:
                self.current = None

    async def stop(self) -> None:
        """Stop the answer being written, else take back the question that waits."""
        request, task = self._request, self._task
        if request is not None and task is not None:
            await request.cancel()
            await asyncio.wait({task}, timeout=_STOP_SECONDS)
            task.cancel()
        elif self._waiting:
            exchange = self._waiting.pop()
            if card := self._conversation.card_of(exchange):
                await card.stop()
            self._keep(exchange)

    async def _answer(self, exchange: Exchange) -> None:
        card = self._conversation.card_of(exchange)
        assert card is not None
        exchange.state = "working"
        card.show_status("searching the documents…")
        self._request = self._engine.request(
            "ask",
            {
                "question": exchange.question,
                "variant": exchange.variant,
                "passages": self._passages,
                "earlier": self._earlier(exchange),
                "read_as": exchange.resolved_question,
                "without": [[each.kind, each.value] for each in exchange.removed],
            },
        )
        self._task = asyncio.create_task(self._follow(self._request, card))
        try:
            await asyncio.wait({self._task})
            await self._end(self._task, card)
        finally:
            self._task.cancel()
            self._request = self._task = None
            self._keep(exchange)

    def _earlier(self, exchange: Exchange) -> list[dict[str, str]]:
        """Give the last questions before one as they were read, with how their answers begin."""
        exchanges = self._conversation.exchanges
        at = next(n for n, each in enumerate(exchanges) if each is exchange)
        return [
            {
                "question": each.resolved_question or each.question,
                "answer": first_sentence(each.written),
            }
            for each in exchanges[max(0, at - LOOKED_BACK) : at]
        ]

    async def _end(self, task: asyncio.Task[None], card: ExchangeCard) -> None:
        """Make sure that the card shows an end, whatever became of the request."""
        if task.cancelled():
            await card.stop()
            return
        error = task.exception()
        if isinstance(error, RagoptError):
            await card.fail(error.message, error.hint)
        elif error is not None:
            await card.fail("The answer could not be shown.", "/retry asks again.")
            raise error

    async def _follow(self, request: RequestLike, card: ExchangeCard) -> None:
        async for event in request:
            await self._take(event, card)
        if not card.exchange.over:
            raise RagoptError("The engine ended the answer without a word.", "/retry asks again.")

    async def _take(self, event: Event, card: ExchangeCard) -> None:
        data = event.data
        if event.type == "resolved":
            card.show_reading(data["question"])
        elif event.type == "status":
            card.show_status(_status(data["message"], data.get("fraction")))
        elif event.type == "settings":
            card.exchange.seed = data["seed"]
            card.exchange.settings = {name: data[name] for name in data if name != "seed"}
        elif event.type == "prompt":
            card.exchange.prompt = data["messages"]
        elif event.type == "filters":
            card.show_scope([Filter.from_json(values) for values in data["filters"]])
        elif event.type == "evidence":
            card.exchange.hits = tuple(Hit.from_json(values) for values in data["hits"])
            card.show_evidence()
            self._show_sources(Evidence.so_far(card.exchange))
        elif event.type == "text":
            await card.write(data["text"])
        elif event.type == "done":
            answer = Answer.from_json(data)
            await card.finish(answer)
            self._show_sources(Evidence.of(answer))
        elif event.type == "failed":
            await card.fail(data["message"], data.get("hint", ""))
        elif event.type == "cancelled":
            await card.stop()


def _status(message: str, fraction: float | None) -> str:
    return message if fraction is None else f"{message} {fraction:.0%}"
