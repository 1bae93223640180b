"""The terminal program: screens, themes, keys, and what happens when something goes wrong."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import sys
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.dom import DOMNode
from textual.screen import Screen
from textual.widgets import Input
from textual.worker import WorkerFailed

from ragopt_tui.errors import RagoptError
from ragopt_tui.models.variant import Variant, builtin_variants
from ragopt_tui.plaintext import one_line
from ragopt_tui.settings import Settings, folders, save_setting
from ragopt_tui.ui import messages
from ragopt_tui.ui.actions import ACTIONS, Action
from ragopt_tui.ui.archive import Archive
from ragopt_tui.ui.keys import bindings, remapped, tell_alt_numbers
from ragopt_tui.ui.library import Library
from ragopt_tui.ui.log import write_log
from ragopt_tui.ui.opening import Opening
from ragopt_tui.ui.screens.main import MainScreen

if TYPE_CHECKING:
    from textual.notifications import SeverityLevel

    from ragopt_tui.ui.engine_like import EngineLike
    from ragopt_tui.ui.library import LibraryLike
    from ragopt_tui.ui.model_library import ModelLibrary

_TERMINAL_SECONDS = 2.0
_FIRST_FRAME_SECONDS = 0.3
_TYPING_SECONDS = 1.0
# What is drawn waits so long for its turn, after each write, while a thread computes; else 5 ms.
_TURN_SECONDS = 0.0005
_PANES = ("documents", "training")


class RagoptApp(App[None], inherit_bindings=False):
    """ragopt-tui; raises RagoptError for a setting or model that cannot be used.

    `docs` None asks for a folder. `engine` and `library` are made here unless given.
    """

    TITLE = "ragopt-tui"
    CSS_PATH = "styles.tcss"
    # The palette is opened by an action of the registry, with a key that can be remapped.
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings("app"),
        Binding("ctrl+c", "help_quit", show=False, system=True),
    ]

    def __init__(
        self,
        docs: Path | None,
        settings: Settings,
        variant: str = "quotes",
        engine: EngineLike | None = None,
        library: Callable[[Path], LibraryLike] | None = None,
        clock: Callable[[], datetime] = datetime.now,
    ) -> None:
        super().__init__()
        self.use_command_palette = True
        self.docs = docs
        self.settings = settings
        self.actions = remapped(settings.keys)
        self._variants, self._variant, self._fallen_back = _variants(variant, settings.model)
        self._engine = engine
        self._make_library = library or (lambda folder: Library(folder, settings))
        self._clock = clock
        self._archive = Archive(clock, self._warn)
        self._use_keys()
        tell_alt_numbers()
        if settings.theme not in self.available_themes:
            raise RagoptError(
                f"The setting theme names an unknown theme {settings.theme!r}.",
                f"Known: {', '.join(sorted(self.available_themes))}.",
            )
        self.theme = settings.theme

    @cached_property
    def models(self) -> ModelLibrary:
        """The variants there are; made when it is first needed, after the first frame."""
        from ragopt_tui.ui.model_library import ModelLibrary

        tokens = self.settings.context_tokens
        return ModelLibrary(self, self._variants, tokens, self._say_of_job)

    def models_name(self, id: str) -> str:
        """Give the name of a variant of the library, "" as long as none is known."""
        entry = self.models.shelf.find(id) if "models" in self.__dict__ else None
        return entry.variant.name if entry else ""

    def get_default_screen(self) -> Screen[None]:
        """Open on the chat where the folder is known, so that it is the first frame."""
        return self._main_screen(self.docs) if self.docs else Screen()

    def on_load(self) -> None:
        """Leave garbage collection until the first frame stands, and shorten the turns of threads."""
        gc.disable()
        sys.setswitchinterval(_TURN_SECONDS)

    def on_mount(self) -> None:
        """Open the chat, or ask for a folder where none was given."""
        if sys.__stdin__ is not None and sys.__stdin__.isatty():
            self.set_interval(_TERMINAL_SECONDS, self._leave_with_terminal)
        self.set_timer(_FIRST_FRAME_SECONDS, self._collect_again)
        if self._fallen_back:
            self._warn(self._fallen_back)
        if self.docs is None:
            self._ask_for_folder(first=True)

    async def on_event(self, event: events.Event) -> None:
        """Handle an event; a key that is no character after those that were typed before it.

        Keys that act on what a typed filter leaves would otherwise overtake the filter.
        """
        if isinstance(event, events.Key) and not (event.is_forwarded or event.is_printable):
            await self._taken_in()
        await super().on_event(event)

    async def _taken_in(self) -> None:
        """Wait until the line that is typed into holds what was typed."""
        typed_into, taken = self.focused, asyncio.Event()
        # A line that closes takes nothing in any more.
        if isinstance(typed_into, Input) and typed_into.call_later(taken.set):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_TYPING_SECONDS):
                    await taken.wait()

    async def on_unmount(self) -> None:
        """End the engine with the program; jobs go on."""
        gc.enable()
        await self._archive.close()
        if self._engine is not None:
            await self._engine.close()

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Offer what the open screen and the open tab can do, and what works anywhere."""
        for action in self.actions:
            if action.name == "commands":
                continue
            node = self._able(screen, action)
            if node is not None:
                yield SystemCommand(
                    action.title,
                    action.help,
                    lambda call=action.name, on=node: self.call_later(self.run_action, call, on),
                )

    def _able(self, screen: Screen[object], action: Action) -> DOMNode | None:
        """Give what an action can be done on now; None where it has no place."""
        name = f"action_{action.name}"
        if action.scope == "app":
            return self if hasattr(self, name) else None
        if hasattr(screen, name):
            return screen
        focused = screen.focused
        if action.scope in _PANES and focused is not None:
            for node in focused.ancestors_with_self:
                if hasattr(node, name) and node.check_action(action.name, ()):
                    return node
        return None

    def action_show_help(self) -> None:
        """Show every key and command."""
        from ragopt_tui.ui.screens.help import Help

        if not isinstance(self.screen, Help):
            self.push_screen(Help(self.actions))

    def action_commands(self) -> None:
        """Open the command palette."""
        self.action_command_palette()

    async def action_toggle_theme(self) -> None:
        """Change between light and dark, for the next start too."""
        was_dark, chosen = self.current_theme.dark, self.settings.theme
        other = "textual-light" if was_dark else "textual-dark"
        self.theme = chosen if self.available_themes[chosen].dark != was_dark else other
        try:
            await asyncio.to_thread(save_setting, "theme", self.theme)
        except RagoptError as error:
            self._warn(str(error))

    def action_open_folder(self) -> None:
        """Ask for another folder of documents."""
        self._ask_for_folder(first=False)

    async def action_quit(self) -> None:
        """Quit; ask first where an answer would be lost."""
        screen, question = self.screen, ""
        if isinstance(screen, MainScreen) and screen.dialogue.busy:
            question = "An answer is still being written. Quit and lose it?"
        elif isinstance(screen, MainScreen) and screen.keeper.failing:
            question = "This conversation could not be kept; /export saves it. Quit and lose it?"
        if question:
            from ragopt_tui.ui.screens.confirm import Confirm

            self.push_screen(Confirm(question, "Quit", "Stay"), self._quit_if)
        else:
            self._quit_if(True)

    def action_help_quit(self) -> None:
        """Say how to quit, for those who press Ctrl+C."""
        self.notify("Ctrl+Q quits; Esc stops an answer.", timeout=3)

    def _collect_again(self) -> None:
        # What is there now stays to the end, so that no collection needs to look at it.
        if not self.is_headless:
            gc.freeze()
        # The conversation collects when its reader rests; this is for what else there may be.
        gc.set_threshold(700, 10, 60)
        gc.enable()

    def _quit_if(self, sure: bool | None) -> None:
        if not sure:
            return
        reading = any(
            isinstance(screen, MainScreen) and screen.workspace.indexing.running
            for screen in self.screen_stack
        )
        goes_on = ["The documents go on being read in the background."] if reading else []
        if "models" in self.__dict__ and self.models.jobs.running:
            titles = ", ".join(one_line(job.title, 60) for job in self.models.jobs.running)
            goes_on.append(f"Goes on in the background: {titles}.")
        self.exit(message="\n".join(goes_on) or None)

    def _ask_for_folder(self, first: bool) -> None:
        from ragopt_tui.ui.folder_choice import known_folders
        from ragopt_tui.ui.screens.folder import FolderScreen

        def chosen(folder: Path | None) -> None:
            # Later, because the screen that asked is closed only after this.
            self.call_later(self._open_folder, folder)

        if not isinstance(self.screen, FolderScreen):
            self.push_screen(FolderScreen(known_folders(), first=first), chosen)

    @on(messages.GoOn)
    async def _go_on(self, event: messages.GoOn) -> None:
        await self._open_folder(Path(event.docs), (event.conversation, event.exchange))

    async def _open_folder(
        self, folder: Path | None, go_on: tuple[int, int | None] | None = None
    ) -> None:
        from ragopt_tui.ui.folder_choice import remember

        if folder is not None and folder != self.docs:
            remember(folder)
            self.docs = folder
            screen = self._main_screen(folder, go_on)
            if isinstance(self.screen, MainScreen):
                self.screen.workers.cancel_node(self.screen)
            # The first screen of all can be covered but not replaced.
            if len(self.screen_stack) == 1:
                await self.push_screen(screen)
            else:
                await self.switch_screen(screen)

    def _leave_with_terminal(self) -> None:
        """Quit where a connection was dropped without a signal: there is nothing to read any more."""
        if sys.__stdin__ is not None and not sys.__stdin__.isatty():
            # An orderly exit would wait for a terminal that takes no more output.
            os.kill(os.getpid(), signal.SIGHUP)

    def _warn(self, sentence: str) -> None:
        self.notify(sentence, severity="warning", timeout=10, markup=False)

    def _say_of_job(self, sentence: str, problem: bool) -> None:
        severity: SeverityLevel = "warning" if problem else "information"
        self.notify(sentence, severity=severity, timeout=10, markup=False)

    def _main_screen(self, docs: Path, go_on: tuple[int, int | None] | None = None) -> MainScreen:
        if self._engine is None:
            from ragopt_tui.chat.engine_client import EngineClient

            self._engine = EngineClient()
        library = self._make_library(docs)
        return MainScreen(
            Opening(
                docs,
                self.settings,
                self._engine,
                library,
                self._variants,
                lambda: self.models,
                self._variant,
                self._clock,
                self._archive,
                go_on,
            )
        )

    def _use_keys(self) -> None:
        changed = {a.name: a.keys for a in self.actions if a.name in self.settings.keys}
        self.set_keymap(changed)
        for action in ACTIONS:
            # Textual remaps bindings that are there; an action without keys has none yet.
            if not action.keys and changed.get(action.name):
                self.bind(changed[action.name], f"screen.{action.name}", show=False)

    def _handle_exception(self, error: Exception) -> None:
        """Write what went wrong to the log and say so in a sentence, never in a traceback."""
        cause = error.error if isinstance(error, WorkerFailed) else error
        log = write_log(cause)
        if isinstance(cause, RagoptError):
            self.notify(str(cause), severity="error", timeout=10, markup=False)
        elif isinstance(error, WorkerFailed):
            what = f"Something went wrong that should not have. {log}"
            self.notify(what, severity="error", timeout=10, markup=False)
        else:
            self._return_code = 1
            if self._exception is None:
                self._exception = error
                self._exception_event.set()
            self.exit(return_code=1, message=f"ragopt-tui had to stop: an unexpected error. {log}")


def _variants(variant: str, usual: str) -> tuple[tuple[Variant, ...], str, str]:
    """Give the variants known at once, with the one named by the user, and that one's id.

    Where the `usual` one of the settings cannot answer, quotes do, for a reason that is given too;
    raises RagoptError for any other.
    """
    known = builtin_variants()
    if any(variant == each.id for each in known):
        return tuple(known), variant, ""
    # Not at the top, as it is not needed for the first frame where quotes answer.
    from ragopt_tui.models.store import VariantStore

    try:
        chosen = VariantStore(folders().models).answering(variant)
    except RagoptError as error:
        if variant != usual:
            raise
        return tuple(known), "quotes", f"Quotes answer: {error.message}"
    return (*known, chosen), chosen.id, ""
