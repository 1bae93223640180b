"""Keeping in step with the documents: read when asked and when files change, and what of it all
that means for answers given before.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from textual import on, work
from textual.worker import Worker, get_current_worker

from ragopt_tui.errors import RagoptError
from ragopt_tui.ui import messages
from ragopt_tui.ui.screens.conversing import ConversingScreen
from ragopt_tui.ui.wording import shorten

if TYPE_CHECKING:
    from ragopt_tui.ui.opening import Opening


class _Cancelled:
    """Whether a worker was cancelled, as the watch asks for it."""

    def __init__(self, worker: Worker[Any]) -> None:
        self._worker = worker

    def is_set(self) -> bool:
        """Whether it was."""
        return self._worker.is_cancelled


class ReadingScreen(ConversingScreen):
    """Has the documents read, watches them, and marks answers whose sources changed since."""

    opening: Opening
    _watching = False

    def start_reading(self) -> None:
        """Start the engine on the index there is, and bring it up to date."""
        self.run_worker(self.workspace.open(), group="engine")
        self.run_worker(self.workspace.follow_index(), group="index", exclusive=True)

    def action_reindex(self) -> None:
        """Read files that changed."""
        self._read_documents(rebuild=False)

    def action_rebuild(self) -> None:
        """Read all files again, after asking."""

        from ragopt_tui.ui.screens.confirm import Confirm

        def answered(yes: bool | None) -> None:
            if yes:
                self._read_documents(rebuild=True)

        name = shorten(self.opening.docs.name, 40)
        question = (
            f"Read every document of {name} again?\n\n"
            "The index there is goes on answering until the new one is ready."
        )
        self.app.push_screen(Confirm(question, "Rebuild"), answered)

    def _read_documents(self, rebuild: bool) -> None:
        if self.workspace.indexing.running:
            self.notify("The documents are being read already.")
        else:
            self.run_worker(self.workspace.follow_index(rebuild), group="index", exclusive=True)

    @on(messages.IndexChanged)
    def _reading_went_on(self, event: messages.IndexChanged) -> None:
        if event.indexing.running:
            return
        self.check_sources()
        if self.opening.settings.watch and not self._watching:
            # Not before, as the first reading finds all that changed until then.
            self._watching = True
            self._watch()

    @work(group="watch", thread=True)
    def _watch(self) -> None:
        stop = _Cancelled(get_current_worker())
        for news in self.opening.library.watch(stop):
            if not stop.is_set():
                self.post_message(messages.FolderNews(news))

    @on(messages.FolderNews)
    def _take_news(self, event: messages.FolderNews) -> None:
        if event.news == "gone":
            self.workspace.folder_is_gone()
        else:
            self.check_sources()
            reading = self.workspace.read_changes(self.opening.clock())
            self.run_worker(reading, group="changes")

    @on(messages.AnswerDrawn)
    def _answer_drawn(self) -> None:
        self.check_sources()

    @work(group="sources", exclusive=True)
    async def check_sources(self) -> None:
        """Say on the answers that are drawn which of their sources changed since."""
        from ragopt_tui.ui.widgets.answer_card import AnswerCard

        cards = list(self.query(AnswerCard))
        states = {state for card in cards for state in card.evidence.sources}
        if not states:
            return
        try:
            changes = await asyncio.to_thread(self.opening.library.changes, states)
        except RagoptError:
            # The next reading says what is wrong with the index.
            return
        for card in cards:
            if card.is_attached:
                card.show_changes(changes)
        self.sources.mark(changes)
