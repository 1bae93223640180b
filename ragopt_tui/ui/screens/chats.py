"""All conversations: found while typing, opened, renamed, deleted and brought back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePath
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from ragopt_tui.errors import RagoptError
from ragopt_tui.plaintext import one_line
from ragopt_tui.ui.keys import bindings
from ragopt_tui.ui.widgets.key_bar import KeyBar
from ragopt_tui.ui.wording import MUTED, count, day, shorten

if TYPE_CHECKING:
    from ragopt_tui.chat.conversations.search import Found
    from ragopt_tui.chat.conversations.store import ConversationStore, Summary
    from ragopt_tui.ui.archive import Archive

_MOST = 200
_ROOM_FOR_FOLDER = 60
_NONE = "There are no conversations yet. The first question begins one."
_NOT_FOUND = "No conversation holds all these words."


@dataclass(frozen=True, slots=True)
class Choice:
    """The conversation to open, at an exchange or at its end; None for another, empty one."""

    summary: Summary | None = None
    exchange: int | None = None


class Chats(ModalScreen[Choice | None]):
    """Gives the conversation that was chosen, or None where the user went back."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings("chats"),
        Binding("up", "move(-1)", show=False, priority=True),
        Binding("down", "move(1)", show=False, priority=True),
        Binding("pageup", "move(-5)", show=False, priority=True),
        Binding("pagedown", "move(5)", show=False, priority=True),
    ]

    def __init__(
        self, archive: Archive, open_id: int | None, clock: Callable[[], datetime]
    ) -> None:
        super().__init__()
        self._archive, self._open_id, self._clock = archive, open_id, clock
        self._found: list[Found] = []
        self._sought: str | None = None

    def compose(self) -> ComposeResult:
        """Draw the search, the conversations, and what can be done with them."""
        with Vertical(classes="dialog -wide", id="chats"):
            yield Static("Conversations", classes="dialog-title", markup=False)
            yield Input(placeholder="Search in all of them", compact=True, id="chat-search")
            yield OptionList(id="chat-list")
            yield Static("", id="chat-empty", classes="empty", markup=False)
        yield KeyBar()

    def on_mount(self) -> None:
        """List the conversations that were used last."""
        self.query_one("#chat-list").can_focus = False
        self._search()

    def on_resize(self, event: events.Resize) -> None:
        """Give the titles the room there is."""
        self.call_after_refresh(self._fill)

    @on(Input.Changed)
    def _typed(self) -> None:
        self._search()

    @on(OptionList.OptionSelected)
    async def _clicked(self) -> None:
        await self.action_open_listed()

    def action_move(self, by: int) -> None:
        """Mark another conversation while the search keeps the keys."""
        shown = self.query_one(OptionList)
        if self._found:
            at = (shown.highlighted or 0) + by
            shown.highlighted = max(0, min(len(self._found) - 1, at))

    async def action_open_listed(self) -> None:
        """Open the marked conversation where the words were found."""
        found = await self._marked()
        if found is not None:
            self.dismiss(Choice(found.summary, found.exchange))

    def action_new_listed(self) -> None:
        """Begin another conversation."""
        self.dismiss(Choice())

    def action_close_chats(self) -> None:
        """Go back."""
        self.dismiss(None)

    async def action_rename_listed(self) -> None:
        """Ask for another title."""
        from ragopt_tui.ui.screens.line import Line

        found = await self._marked()
        if found is None:
            return

        def renamed(title: str | None) -> None:
            if title is not None:
                self._change(lambda store: store.rename(found.summary.id, title))

        self.app.push_screen(Line("Rename", found.summary.title, "Enter renames"), renamed)

    async def action_delete_listed(self) -> None:
        """Take the marked conversation away."""
        found, now = await self._marked(), self._clock()
        if found is not None:
            said = f"Deleted: {shorten(found.summary.title, 60)}. Ctrl+Z brings it back."
            self._change(lambda store: store.delete(found.summary.id, now), said)

    def action_restore_listed(self) -> None:
        """Bring back what was deleted last."""
        self._restore()

    @work(group="chats")
    async def _restore(self) -> None:
        try:
            summary = await self._archive.run(lambda store: store.restore())
        except RagoptError as error:
            self.notify(str(error), severity="error", markup=False)
            return
        self.notify(f"Back: {summary.title}" if summary else "Nothing was deleted.", markup=False)
        self._search()

    @work(group="chats")
    async def _change(self, change: Callable[[ConversationStore], object], said: str = "") -> None:
        try:
            await self._archive.run(change)
        except RagoptError as error:
            self.notify(str(error), severity="error", markup=False)
            return
        if said:
            self.notify(said, markup=False)
        self._search()

    @work(group="search", exclusive=True)
    async def _search(self) -> None:
        """Show what holds the typed words; only the last of what is typed fast."""
        await self._look_for(self.query_one(Input).value)

    async def _look_for(self, typed: str) -> None:
        try:
            self._found = await self._archive.run(lambda store: _find(store, typed))
        except RagoptError as error:
            self._found = []
            self._say_empty(f"! {error}")
        else:
            self._say_empty(_NOT_FOUND if typed.strip() else _NONE)
        self._sought = typed
        self._fill()

    def _say_empty(self, sentence: str) -> None:
        empty = self.query_one("#chat-empty", Static)
        empty.update(Content(sentence))
        empty.display = not self._found

    def _fill(self) -> None:
        shown = self.query_one(OptionList)
        marked = shown.highlighted
        width = max(20, self.query_one("#chat-search").size.width - 3)
        shown.clear_options()
        shown.add_options([Option(self._row(found, width)) for found in self._found])
        shown.display = bool(self._found)
        if self._found:
            shown.highlighted = min(marked or 0, len(self._found) - 1)

    async def _marked(self) -> Found | None:
        """Give the conversation that is marked, among those with the words typed until now."""
        typed = self.query_one(Input).value
        if typed != self._sought:
            await self._look_for(typed)
        at = self.query_one(OptionList).highlighted
        return self._found[at] if at is not None and at < len(self._found) else None

    def _row(self, found: Found, width: int) -> Content:
        summary = found.summary
        mark = "● " if summary.id == self._open_id else "  "
        right = day(summary.updated, self._clock())
        below = Content.styled(count(summary.questions, "question"), MUTED)
        if found.excerpt:
            below = _excerpt(found, width - 2)
        folder = shorten(PurePath(summary.docs).name, 24)
        if width > _ROOM_FOR_FOLDER:
            right = f"{folder} · {right}"
        title = Content(shorten(summary.title, width - cell_len(right) - 4))
        gap = " " * (width - 2 - title.cell_length - cell_len(right))
        first = Content.assemble((mark, "$text-accent"), (title.plain, "bold"), gap, (right, MUTED))
        return Content("\n").join([first, Content.assemble("  ", below)])


def _find(store: ConversationStore, typed: str) -> list[Found]:
    from ragopt_tui.chat.conversations.search import Found, search

    if typed.strip():
        return search(store, typed, _MOST)
    return [Found(summary, None, "", 0) for summary in store.summaries(_MOST)]


def _excerpt(found: Found, width: int) -> Content:
    """Draw what was found in its surroundings, with the words marked."""
    from ragopt_tui.chat.conversations.search import MARK_END, MARK_START

    parts: list[Content] = []
    for piece in one_line(found.excerpt, 400).split(MARK_START):
        inside, _, outside = piece.rpartition(MARK_END)
        parts += [Content.styled(inside, "bold $text-accent"), Content.styled(outside, MUTED)]
    return Content("").join(parts).truncate(width, ellipsis=True)
