"""A question and its answer in the conversation."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import VerticalGroup
from textual.content import Content
from textual.widgets import Static

from ragopt_tui.chat.answer import Answer
from ragopt_tui.chat.exchange import Exchange
from ragopt_tui.plaintext import without_controls
from ragopt_tui.ui.exchange import Evidence
from ragopt_tui.ui.widgets.answer_card import AnswerCard
from ragopt_tui.ui.widgets.split_line import SplitLine
from ragopt_tui.ui.wording import MUTED


class ExchangeCard(VerticalGroup):
    """Draws an exchange and keeps it in step with what comes."""

    def __init__(self, exchange: Exchange) -> None:
        super().__init__()
        self.exchange = exchange
        self._answer = AnswerCard(exchange.variant)

    def compose(self) -> ComposeResult:
        """Draw the question and the answer below it."""
        asked = self.exchange.asked.strftime("%H:%M")
        with VerticalGroup(classes="question"):
            yield SplitLine(Content.styled("You", "bold"), Content.styled(asked, MUTED))
            yield Static(without_controls(self.exchange.question), markup=False)
        yield self._answer

    async def on_mount(self) -> None:
        """Draw what has come already: a conversation may be brought back."""
        exchange = self.exchange
        if exchange.answer is not None:
            await self._draw(exchange.answer)
            return
        if exchange.text:
            await self._answer.write(exchange.text)
        if exchange.state == "stopped":
            await self._answer.stop()
        elif exchange.state == "failed":
            await self._answer.fail(exchange.problem, exchange.hint)
        else:
            self._answer.show_status(exchange.status)

    def show_status(self, status: str) -> None:
        """Say what is going on until the first word comes."""
        self.exchange.status = status
        if not self.exchange.text:
            self._answer.show_status(status)

    def show_evidence(self) -> None:
        """Take over the passages found, so that citations in the text become links."""
        self._answer.evidence = Evidence.so_far(self.exchange)

    async def write(self, piece: str) -> None:
        """Append a piece of the answer."""
        self.exchange.text += piece
        await self._answer.write(piece)

    async def finish(self, answer: Answer) -> None:
        """Show the whole answer, with the quotes below one that is not supported."""
        self.exchange.answer, self.exchange.state = answer, "done"
        await self._draw(answer)

    async def stop(self) -> None:
        """Say that the user ended it."""
        self.exchange.state = "stopped"
        await self._answer.stop()

    async def fail(self, problem: str, hint: str) -> None:
        """Say what went wrong in a sentence, with what to do."""
        self.exchange.state, self.exchange.problem, self.exchange.hint = "failed", problem, hint
        await self._answer.fail(problem, hint)

    async def _draw(self, answer: Answer) -> None:
        await self._answer.finish(answer)
        if answer.quotes is not None:
            quotes = AnswerCard(answer.quotes.variant)
            await self.mount(quotes)
            await quotes.finish(answer.quotes)
