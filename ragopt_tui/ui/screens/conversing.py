"""What can be done with questions and answers, apart from panels and documents."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.binding import Binding, BindingType
from textual.screen import Screen

from ragopt_tui.chat.places import place
from ragopt_tui.ui import messages
from ragopt_tui.ui.widgets.chat_pane import ChatPane
from ragopt_tui.ui.widgets.conversation import Conversation
from ragopt_tui.ui.widgets.sources import Sources
from ragopt_tui.ui.wording import count

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
        self.pane.prompt.accept(event.question)
        await self.dialogue.add(event.question, self.variant_id)
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

    @on(messages.CopyCitation)
    def _copy_cited(self, event: messages.CopyCitation) -> None:
        passage = event.evidence.hits[event.n - 1].passage
        cited = event.evidence.cited(event.n)
        quote = cited[0].quote if cited else passage.text
        span = cited[0] if cited else passage
        where = place(span.page, span.line_start, span.line_end)
        self.app.copy_to_clipboard(f"“{quote}” — {passage.file}, {where}")
        self.notify(f"Citation [{event.n}] copied.", timeout=3, markup=False)

    async def action_stop(self) -> None:
        """Stop the answer being written; else go back to the prompt."""
        if self.dialogue.idle:
            self.pane.prompt.focus()
        else:
            # In a worker, so that the screen goes on while the engine takes its time.
            self.run_worker(self.dialogue.stop(), group="stop")

    async def action_retry(self) -> None:
        """Ask the last question again."""
        last = self._last()
        if last is None:
            self.notify("There is no question to ask again.")
        elif not last.over or self.dialogue.full:
            self.notify("The last question is still being answered.")
        else:
            await self.dialogue.add(last.question, self.variant_id)
            self.answer_waiting()

    async def action_clear(self) -> None:
        """Empty the conversation."""
        cleared = await self.conversation.clear()
        if cleared:
            await self.sources.show(None)
            self.notify(f"{count(cleared, 'question')} cleared. /undo brings them back.")

    async def action_undo_clear(self) -> None:
        """Bring back what was cleared last."""
        if not await self.conversation.undo_clear():
            self.notify("Nothing was cleared.")

    def action_copy_answer(self) -> None:
        """Copy the last answer with its sources."""
        answered = [e for e in self.conversation.exchanges if e.answer is not None or e.text]
        if not answered:
            self.notify("There is no answer to copy yet.")
            return
        self.app.copy_to_clipboard(_as_text(answered[-1]))
        self.notify("Answer copied, with its sources.", timeout=3)

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

    def _last(self) -> Exchange | None:
        exchanges = self.conversation.exchanges
        return exchanges[-1] if exchanges else None


def _as_text(exchange: Exchange) -> str:
    """Give the answer with its sources as plain text for the clipboard."""
    citations = exchange.answer.citations if exchange.answer else ()
    sources = [f"[{c.n}] {c.file}, {place(c.page, c.line_start, c.line_end)}" for c in citations]
    return "\n".join([exchange.written, *([""] if sources else []), *sources])
