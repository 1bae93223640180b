"""The main screen: models and jobs, the chat or the documents, and the sources."""

from __future__ import annotations

import asyncio
import importlib
from typing import TYPE_CHECKING, ClassVar

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.widgets import ContentSwitcher

from ragopt_tui.errors import RagoptError
from ragopt_tui.ui import messages
from ragopt_tui.ui.actions import BY_NAME
from ragopt_tui.ui.keys import bindings
from ragopt_tui.ui.panels import Panel
from ragopt_tui.ui.screens.choosing import ChoosingScreen
from ragopt_tui.ui.screens.judging import JudgingScreen
from ragopt_tui.ui.screens.reading import ReadingScreen
from ragopt_tui.ui.welcome import to_go_on, welcome
from ragopt_tui.ui.widgets.chat_pane import ChatPane
from ragopt_tui.ui.widgets.job_list import JobList
from ragopt_tui.ui.widgets.key_bar import KeyBar
from ragopt_tui.ui.widgets.model_tree import ModelTree
from ragopt_tui.ui.widgets.sidebar import Sidebar
from ragopt_tui.ui.widgets.sources import Sources
from ragopt_tui.ui.widgets.top_bar import TopBar
from ragopt_tui.ui.wording import count, shorten
from ragopt_tui.ui.workspace import Workspace

if TYPE_CHECKING:
    from ragopt_tui.ui.dialogue import Dialogue
    from ragopt_tui.ui.exchange import Evidence
    from ragopt_tui.ui.model_jobs import ModelJob
    from ragopt_tui.ui.opening import Opening
    from ragopt_tui.ui.widgets.documents_pane import DocumentsPane
    from ragopt_tui.ui.widgets.train_pane import TrainPane

# Starting the engine takes the loop some 50 ms, so that the first keys would wait for it.
_FIRST_FRAME_SECONDS = 0.05
_SIDEBAR_ROOM = 110
_SOURCES_ROOM = 140


class MainScreen(JudgingScreen, ReadingScreen, ChoosingScreen):
    """One folder of documents, who answers, and the conversation about it."""

    AUTO_FOCUS = "#prompt"
    BINDINGS: ClassVar[list[BindingType]] = bindings("main")

    def __init__(self, opening: Opening) -> None:
        super().__init__()
        self.opening = opening
        self.variant_id = opening.variant
        self.workspace = Workspace(
            opening.docs, opening.settings, opening.engine, opening.library, self.post_message
        )
        self.panels = {"#sidebar": Panel(_SIDEBAR_ROOM), "#sources": Panel(_SOURCES_ROOM)}
        self._top = TopBar(shorten(opening.docs.name or "/", 40), "chat")
        self.jobs = JobList()
        self.models = ModelTree(opening.variants, opening.variant)
        self._opened = False
        self._tab = "chat"
        self._documents: DocumentsPane | None = None
        self._training: TrainPane | None = None

    def compose(self) -> ComposeResult:
        """Draw the first line, the panels around the chat, and the footer."""
        sidebar, sources = Sidebar(self.models, self.jobs, id="sidebar"), Sources(id="sources")
        for panel, widget in zip(self.panels.values(), (sidebar, sources), strict=True):
            # Known before the first layout, which would otherwise be done twice.
            panel.resize(self.app.size.width)
            widget.display = panel.state != "hidden"
        yield self._top
        with Horizontal(id="body"):
            yield sidebar
            with ContentSwitcher(initial="chat", id="centre"):
                yield ChatPane(id="chat")
            yield sources
        yield KeyBar()

    def on_mount(self) -> None:
        """Show the folder, then start reading it and the engine behind the first frame."""
        self.conversation.clock = self.opening.clock
        self.show_state()
        self.set_timer(_FIRST_FRAME_SECONDS, self._start)

    def on_resize(self, event: events.Resize) -> None:
        """Fold or unfold the side panels."""
        for panel in self.panels.values():
            panel.resize(event.size.width)
        self._arrange()

    @on(messages.Command)
    async def _run_command(self, event: messages.Command) -> None:
        prefix = "app" if BY_NAME[event.name].scope == "app" else "screen"
        await self.run_action(f"{prefix}.{event.name}")

    @on(messages.TabChosen)
    async def _choose_tab(self, event: messages.TabChosen) -> None:
        await self._open_tab(event.tab)

    @on(messages.IndexChanged)
    def _index_changed(self, event: messages.IndexChanged) -> None:
        self.jobs.job = event.indexing
        if event.indexing.summary.get("message"):
            self.notify(str(event.indexing.summary["message"]), timeout=10, markup=False)
        self.show_state()
        if self._documents is not None:
            self._documents.show_progress(event.indexing)
            if not event.indexing.running:
                self._load_records()

    @on(messages.IndexOpened)
    def _index_opened(self, event: messages.IndexOpened) -> None:
        self.engine_note = ""
        self._opened = True
        self.dialogue.ready = event.passages > 0 or not self.workspace.indexing.running
        self.show_state()
        self.answer_waiting()

    @on(messages.EngineChanged)
    def _engine_changed(self, event: messages.EngineChanged) -> None:
        self.engine_note = f"! {event.reason}" if event.state == "dead" else ""
        if event.state == "dead":
            self.run_worker(self.workspace.restart_engine(), group="engine", exclusive=True)
        self.show_state()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Take away what has no effect now."""
        if action == "stop" and self._tab == "training":
            # There are more keys for runs than the last line has room for.
            return self.dialogue.busy or any(
                panel.state == "over" for panel in self.panels.values()
            )
        return not (action == "toggle_sources" and self._tab != "chat")

    async def action_stop(self) -> None:
        """Close a panel that lies over the chat; else stop the answer."""
        over = [panel for panel in self.panels.values() if panel.state == "over"]
        if over and not self.dialogue.busy:
            for panel in over:
                panel.toggle()
            self._arrange()
            self._focus_centre()
        else:
            await super().action_stop()

    async def action_show_documents(self) -> None:
        """Go to the documents, or back to the chat."""
        await self._open_tab("chat" if self._tab == "documents" else "documents")

    async def action_show_training(self) -> None:
        """Go to the training runs, or back to the chat."""
        await self._open_tab("chat" if self._tab == "training" else "training")

    def action_toggle_sidebar(self) -> None:
        """Show or hide models and jobs."""
        self._toggle("#sidebar")

    def action_toggle_sources(self) -> None:
        """Show or hide the sources."""
        self._toggle("#sources")

    async def action_open_folder(self) -> None:
        """Ask for another folder of documents."""
        await self.app.run_action("app.open_folder")

    def make_dialogue(self) -> Dialogue:
        """Make what asks the questions; not before the first one, as it takes time to import."""
        from ragopt_tui.ui.dialogue import Dialogue

        opening = self.opening
        return Dialogue(
            self.conversation,
            opening.engine,
            opening.settings.passages,
            opening.clock,
            self._show_evidence,
            self.keep,
        )

    def show_title(self, title: str) -> None:
        """Show the title of the open conversation in the first line."""
        self._top.show_title(title)

    def show_previous(self) -> None:
        """Offer the conversation to go on with where there is no question yet."""
        self.show_state()

    def _start(self) -> None:
        self.run_worker(_import_what_answers_need, group="imports", thread=True)
        self.begin_choosing()
        self.start_reading()
        self.begin_keeping()

    def show_state(self) -> None:
        """Bring the line below the prompt and the empty conversation up to date."""
        self._show_line()
        indexing = self.workspace.indexing
        files = indexing.summary.get("files")
        about = f"about {count(files, 'document')}" if files else "about these documents"
        self.pane.prompt.placeholder = f"Ask {about}, or type / for commands"
        now = self.opening.clock()
        self.conversation.welcome(
            welcome(indexing.hint if indexing.problem else "", files == 0).append(
                to_go_on(self.previous, self.opening.settings.keys, now)
            )
        )

    def _jobs_changed(self, jobs: tuple[ModelJob, ...]) -> None:
        super()._jobs_changed(jobs)
        self._show_line()

    def _show_line(self) -> None:
        indexing = self.workspace.indexing
        line = self.engine_note or self._job_line() or indexing.line
        if not indexing.running and not indexing.problem and not self._opened:
            line = self.engine_note or "● getting ready…"
        self.pane.status.show(line, self.answering())

    def _job_line(self) -> str:
        """Say how far the first job about models is, where the sidebar is not there to say it."""
        waits = self.workspace.indexing.running or self.workspace.indexing.problem
        shown = self.panels["#sidebar"].state != "hidden"
        under_way = self.jobs.model_jobs
        return "" if waits or shown or not under_way else under_way[0].line

    def _show_evidence(self, evidence: Evidence) -> None:
        first = evidence.citations[0].n if evidence.citations else 0
        self.post_message(messages.ShowSources(evidence, first))

    def _toggle(self, selector: str) -> None:
        panel = self.panels[selector]
        panel.toggle()
        self._arrange()
        if panel.state == "over":
            # What lies over the chat is what the next keys are meant for.
            first = self.query(f"{selector} SourceCard, {selector} ModelTree")
            if first:
                first.first().focus()

    def _arrange(self) -> None:
        for selector, panel in self.panels.items():
            widget = self.query_one(selector)
            widget.display = panel.state != "hidden" and (
                # The sources of an answer have no part in the list of documents.
                self._tab == "chat" or selector != "#sources"
            )
            widget.set_class(panel.state == "over", "-over")
        self._show_line()
        focused = self.focused
        if focused is not None and not all(node.display for node in focused.ancestors_with_self):
            self._focus_centre()

    def _focus_centre(self) -> None:
        if self._tab == "documents" and self._documents is not None:
            self._documents.focus_table()
        elif self._tab == "training" and self._training is not None:
            self._training.focus_runs()
        else:
            self.pane.prompt.focus()

    async def _open_tab(self, tab: str) -> None:
        if tab == "documents" and self._documents is None:
            # Mounted when first wanted, so that the first frame does not wait for it.
            from ragopt_tui.ui.widgets.documents_pane import DocumentsPane

            self._documents = DocumentsPane(id="documents")
            await self.query_one("#centre", ContentSwitcher).add_content(self._documents)
            self._documents.show_progress(self.workspace.indexing)
            self._load_records()
        if tab == "training" and self._training is None:
            # In a thread, as all that it reads YAML and events with takes long to import.
            await asyncio.to_thread(importlib.import_module, "ragopt_tui.ui.widgets.train_pane")
            from ragopt_tui.ui.widgets.train_pane import TrainPane

            self._training = TrainPane(self.opening.clock, id="training")
            await self.query_one("#centre", ContentSwitcher).add_content(self._training)
        self.query_one("#centre", ContentSwitcher).current = tab
        self._tab = tab
        self._top.choose(tab)
        self._arrange()
        self._focus_centre()
        self.refresh_bindings()

    @work(group="records", exclusive=True)
    async def _load_records(self) -> None:
        try:
            records = await asyncio.to_thread(self.opening.library.records)
        except RagoptError as error:
            self.notify(str(error), severity="error", markup=False)
        else:
            if self._documents is not None:
                self._documents.show(records)


def _import_what_answers_need() -> None:
    """Import in a thread what the first answer would otherwise stop the screen for."""
    for module in ("dialogue", "widgets.answer_text", "widgets.source_card", "screens.document"):
        importlib.import_module(f"ragopt_tui.ui.{module}")
