"""A question and its answer in the conversation."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from textual import on
from textual.app import ComposeResult
from textual.containers import VerticalGroup
from textual.content import Content
from textual.widgets import Static

from ragopt_tui.chat.answer import Answer
from ragopt_tui.chat.exchange import Exchange
from ragopt_tui.knowledge.scope import Filter
from ragopt_tui.plaintext import one_line, without_controls
from ragopt_tui.ui.exchange import Evidence
from ragopt_tui.ui.messages import ExchangePicked, FilterPicked
from ragopt_tui.ui.widgets.answer_card import AnswerCard
from ragopt_tui.ui.widgets.scope_chips import ScopeChips
from ragopt_tui.ui.widgets.split_line import SplitLine
from ragopt_tui.ui.wording import MUTED, when

_LONGEST_SHOWN = 2000


class ExchangeCard(VerticalGroup):
    """Draws an exchange and keeps it in step with what comes."""

    def __init__(self, exchange: Exchange, now: datetime) -> None:
        super().__init__()
        self._now = now
        self.exchange = exchange
        self._answer = AnswerCard(exchange.variant)
        self._reading = Static(_reading(exchange), classes="reading", markup=False)
        self._reading.display = bool(_reading(exchange).plain)
        self._scope = ScopeChips(exchange.scope)
        self._notes = Static(_notes(exchange), classes="notes", markup=False)
        self._notes.display = bool(_notes(exchange).plain)

    def compose(self) -> ComposeResult:
        """Draw the question and the answer below it."""
        asked = when(self.exchange.asked, self._now)
        with VerticalGroup(classes="question"):
            yield SplitLine(Content.styled("You", "bold"), Content.styled(asked, MUTED))
            yield Static(_shown(self.exchange.question), markup=False)
            yield self._reading
            yield self._scope
        yield self._answer
        yield self._notes

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

    def on_descendant_focus(self) -> None:
        """Let what is done next be about the answer whose citation has the focus."""
        self.post_message(ExchangePicked(self.exchange))

    def on_click(self) -> None:
        """Let what is done next be about this answer."""
        self.post_message(ExchangePicked(self.exchange))

    def show_reading(self, resolved_question: str) -> None:
        """Say how the question is read where that is not how it was asked."""
        self.exchange.resolved_question = resolved_question
        reading = _reading(self.exchange)
        self._reading.update(reading)
        self._reading.display = bool(reading.plain)

    def show_scope(self, filters: Sequence[Filter]) -> None:
        """Say which companies and periods the question is read to ask about."""
        self.exchange.scope = filters
        self._scope.show(filters)

    @on(ScopeChips.Picked)
    def _pick_filter(self, event: ScopeChips.Picked) -> None:
        event.stop()
        self.post_message(FilterPicked(self.exchange, event.filter))

    def show_notes(self) -> None:
        """Say what is known beside the answer: what differs from before, what the user thinks."""
        notes = _notes(self.exchange)
        self._notes.update(notes)
        self._notes.display = bool(notes.plain)

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
        self.show_reading(answer.resolved_question)
        if answer.filters:
            self.show_scope(answer.filters)
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
            await self.mount(quotes, before=self._notes)
            await quotes.finish(answer.quotes)


def _shown(question: str) -> Content:
    """Give a question, of a very long one its beginning: all of it would take the screen seconds."""
    if len(question) <= _LONGEST_SHOWN:
        return Content(without_controls(question))
    shown = without_controls(question[:_LONGEST_SHOWN])
    return Content.assemble(shown, (f"… ({len(question):,} characters)", MUTED))


def _reading(exchange: Exchange) -> Content:
    if exchange.resolved_question in ("", exchange.question):
        return Content()
    return Content.assemble("read as: ", _shown(exchange.resolved_question)).stylize(MUTED)


def _notes(exchange: Exchange) -> Content:
    notes = [Content.styled(exchange.difference, MUTED)] if exchange.difference else []
    if exchange.thumb:
        notes.append(
            Content.styled("+ marked as a good answer", "$text-success")
            if exchange.thumb > 0
            else Content.styled("- marked as a bad answer", "$text-warning")
        )
    if exchange.correction:
        corrected = one_line(exchange.correction, 400)
        notes.append(Content.assemble(("Corrected: ", "bold"), corrected))
    return Content("\n").join(notes)
