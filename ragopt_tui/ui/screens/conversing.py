"""What can be done with questions and answers, apart from panels and documents."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.binding import Binding, BindingType
from textual.screen import Screen

from ragopt_tui.ui import messages
from ragopt_tui.ui.clipboard import answer_text, citation_text, code_blocks
from ragopt_tui.ui.widgets.chat_pane import ChatPane
from ragopt_tui.ui.widgets.conversation import Conversation
from ragopt_tui.ui.widgets.sources import Sources

if TYPE_CHECKING:
    from ragopt_tui.chat.exchange import Exchange
    from ragopt_tui.ui.dialogue import Dialogue
    from ragopt_tui.ui.exchange import Evidence
    from ragopt_tui.ui.screens.document import Place
    from ragopt_tui.ui.workspace import OpenedDocument, Workspace

_NUMBER_KEYS = [
    binding
    for n in range(1, 10)
    for binding in (
        Binding(f"{n}", f"open_number({n})", show=False),
        Binding(f"alt+{n}", f"open_number({n})", show=False, priority=True),
    )
]


class ConversingScreen(Screen[None]):
    """Asks, stops, copies, and opens what answers cite."""

    BINDINGS: ClassVar[list[BindingType]] = [*_NUMBER_KEYS]

    workspace: Workspace
    variant_id: str
    _copied: tuple[Exchange, int] | None = None

    def make_dialogue(self) -> Dialogue:
        """Make what asks the questions of this screen."""
        raise NotImplementedError

    @cached_property
    def dialogue(self) -> Dialogue:
        """What asks the questions."""
        return self.make_dialogue()

    @property
    def pane(self) -> ChatPane:
        """The conversation with the prompt."""
        return self.query_one(ChatPane)

    @property
    def conversation(self) -> Conversation:
        """The questions and answers."""
        return self.pane.conversation

    @property
    def sources(self) -> Sources:
        """The passages of one answer."""
        return self.query_one(Sources)

    @on(messages.Asked)
    async def _ask(self, event: messages.Asked) -> None:
        if self.dialogue.full:
            self.notify("One question waits already; it is answered first.", severity="warning")
            return
        read_as = event.question if self.pane.prompt.as_written else ""
        self.pane.prompt.accept(event.question)
        await self.dialogue.add(event.question, self.variant_id, read_as)
        self.answer_waiting()

    @work(group="answer")
    async def answer_waiting(self) -> None:
        """Answer the questions that wait, if nothing is being answered already."""
        await self.dialogue.run()

    @on(messages.ShowSources)
    async def _show_sources(self, event: messages.ShowSources) -> None:
        await self.sources.show(event.evidence, event.n)

    @on(messages.OpenSource)
    def _open_source(self, event: messages.OpenSource) -> None:
        self.open_evidence(event.evidence, event.n)

    @on(messages.OpenDocument)
    def _open_document(self, event: messages.OpenDocument) -> None:
        from ragopt_tui.ui.screens.document import Place

        self._show_places([Place(event.file)], 0)

    @on(messages.ExchangePicked)
    def _pick(self, event: messages.ExchangePicked) -> None:
        self.conversation.select(event.exchange)

    @on(messages.CopyCitation)
    def _copy_cited(self, event: messages.CopyCitation) -> None:
        self.app.copy_to_clipboard(citation_text(event.evidence, event.n))
        self.notify(f"Citation [{event.n}] copied.", timeout=3, markup=False)

    async def action_stop(self) -> None:
        """Stop the answer being written; else go back to the prompt, and to the newest answer."""
        if self.dialogue.idle:
            self.conversation.select(None)
            self.pane.prompt.focus()
        else:
            # In a worker, so that the screen goes on while the engine takes its time.
            self.run_worker(self.dialogue.stop(), group="stop")

    async def action_earlier_answer(self) -> None:
        """Let the next action be about the answer before."""
        await self._step(-1)

    async def action_later_answer(self) -> None:
        """Let the next action be about the answer after."""
        await self._step(1)

    async def action_newest_answer(self) -> None:
        """Go to the end of the conversation."""
        await self.conversation.to_newest()

    def action_edit_question(self) -> None:
        """Put a question back into the prompt, to be changed and sent as another one."""
        exchange = self.picked()
        if exchange is None:
            self.notify("There is no question to edit yet.")
            return
        self.pane.prompt.put(exchange.question)
        self.pane.prompt.focus()

    def action_edit_reading(self) -> None:
        """Put how a question was read into the prompt; what is then sent is asked as it is."""
        exchange = self.picked()
        if exchange is None:
            self.notify("There is no question to edit yet.")
            return
        self.pane.prompt.put(exchange.resolved_question or exchange.question, as_written=True)
        self.pane.prompt.focus()

    def action_copy_answer(self) -> None:
        """Copy the answer with its sources."""
        exchange = self.picked()
        if exchange is None or not exchange.written:
            self.notify("There is no answer to copy yet.")
            return
        self.app.copy_to_clipboard(answer_text(exchange))
        self.notify("Answer copied, with its sources.", timeout=3)

    def action_copy_code(self) -> None:
        """Copy a code block of the answer; the next one each time."""
        exchange = self.picked()
        blocks = code_blocks(exchange.written) if exchange else []
        if exchange is None or not blocks:
            self.notify("There is no code in this answer.")
            return
        again = self._copied is not None and self._copied[0] is exchange
        at = (self._copied[1] + 1) % len(blocks) if again and self._copied else 0
        self._copied = exchange, at
        self.app.copy_to_clipboard(blocks[at])
        self.notify(f"Code block {at + 1} of {len(blocks)} copied.", timeout=3)

    def action_copy_citation(self) -> None:
        """Copy the first citation of the answer whose sources are shown."""
        evidence = self.sources.evidence
        if evidence and evidence.hits:
            n = evidence.citations[0].n if evidence.citations else 1
            self.post_message(messages.CopyCitation(evidence, n))
        else:
            self.notify("There is no citation to copy yet.")

    def action_open_source(self) -> None:
        """Open the first source of the answer whose sources are shown."""
        evidence = self.sources.evidence
        self.action_open_number(evidence.citations[0].n if evidence and evidence.citations else 1)

    def action_open_number(self, n: int) -> None:
        """Open the source with this number."""
        evidence = self.sources.evidence
        if evidence and n <= len(evidence.hits):
            self.open_evidence(evidence, n)
        else:
            self.notify(f"There is no source [{n}] here.", markup=False)

    def open_evidence(self, evidence: Evidence, n: int) -> None:
        """Open the document at passage `n`, with the answer's other citations to step to."""
        from ragopt_tui.ui.screens.document import Place

        places = [
            Place(evidence.name_now(c.file), c.char_start, c.char_end, c.n, text=c.quote)
            for c in evidence.citations
        ]
        at = next((i for i, each in enumerate(places) if each.n == n), None)
        if at is None:
            passage = evidence.hits[n - 1].passage
            at = sum(1 for each in places if each.n < n)
            span = passage.char_start, passage.char_end
            file = evidence.name_now(passage.file)
            places.insert(at, Place(file, *span, n, False, passage.text))
        self._show_places(places, at)

    def _show_places(self, places: list[Place], at: int) -> None:
        from ragopt_tui.ui.screens.document import DocumentScreen

        async def load(file: str) -> OpenedDocument:
            return await self.workspace.document(file)

        self.app.push_screen(DocumentScreen(places, at, load))

    def picked(self) -> Exchange | None:
        """Give the exchange that actions are about: the one marked, else the newest."""
        exchanges = self.conversation.exchanges
        return self.conversation.selected or (exchanges[-1] if exchanges else None)

    def show_sources_of(self, exchange: Exchange) -> None:
        """Show the passages behind an exchange."""
        # Here, because what answers are made of is not needed for the first frame.
        from ragopt_tui.ui.exchange import Evidence

        self.post_message(messages.ShowSources(Evidence.so_far(exchange)))

    async def _step(self, by: int) -> None:
        exchange = await self.conversation.step(by)
        if exchange is not None:
            self.show_sources_of(exchange)
