"""What can be done with whole conversations."""

from __future__ import annotations

import asyncio
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from textual import work

from ragopt_tui.errors import RagoptError
from ragopt_tui.ui import messages
from ragopt_tui.ui.screens.conversing import ConversingScreen

if TYPE_CHECKING:
    from ragopt_tui.chat.conversations.store import ConversationStore, Summary
    from ragopt_tui.chat.exchange import Exchange
    from ragopt_tui.ui.keeper import Keeper
    from ragopt_tui.ui.opening import Opening
    from ragopt_tui.ui.screens.chats import Choice

_PAGE = 12
"""So many exchanges are read from the store at a time."""


class KeepingScreen(ConversingScreen):
    """Keeps its conversation, and opens, names and exports others."""

    opening: Opening
    previous: Summary | None = None
    """The conversation to go on with by one key."""

    def show_title(self, title: str) -> None:
        """Show the title of the open conversation; empty before its first question."""
        raise NotImplementedError

    def show_previous(self) -> None:
        """Offer `previous` where there is no question yet."""
        raise NotImplementedError

    @cached_property
    def keeper(self) -> Keeper:
        """What writes the conversation to disk."""
        from ragopt_tui.ui.keeper import Keeper

        opening = self.opening
        say = partial(self.notify, severity="warning", timeout=10, markup=False)
        return Keeper(opening.archive, str(opening.docs), opening.clock, say, self.show_known)

    def keep(self, exchange: Exchange) -> None:
        """Write an exchange to disk as it is now, while the screen goes on."""
        self.run_worker(self.keeper.keep(exchange), group="keep")

    async def on_unmount(self) -> None:
        """Write what is not written yet."""
        await self.keeper.finish()

    @work(group="archive")
    async def begin_keeping(self) -> None:
        """Open the conversation that was asked for, else find the one to go on with."""
        wanted = self.opening.go_on
        if wanted is not None:
            await self._open(*wanted)
        else:
            await self._find_previous()

    def action_show_chats(self) -> None:
        """Show all conversations."""
        from ragopt_tui.ui.screens.chats import Chats

        archive, clock = self.opening.archive, self.opening.clock
        open_id = self.keeper.conversation.id

        def chosen(choice: Choice | None) -> None:
            self.run_worker(self._follow_choice(choice), group="archive")

        self.app.push_screen(Chats(archive, open_id, clock), chosen)

    async def action_new_chat(self) -> None:
        """Begin another conversation."""
        if self._may_leave():
            self.keeper.begin()
            await self.conversation.show([])
            await self.sources.show(None)
            self.pane.prompt.focus()
            await self._find_previous()

    @work(group="archive")
    async def action_resume_chat(self) -> None:
        """Go on with the conversation about this folder that was used before the open one."""
        await self._find_previous()
        if self.previous is None:
            self.notify("There is no other conversation about these documents.")
        elif self._may_leave():
            await self._open(self.previous.id, None)

    def action_rename_chat(self) -> None:
        """Ask for another title of the open conversation."""
        from ragopt_tui.ui.screens.line import Line

        open_ = self.keeper.conversation
        if open_.id is None:
            self.notify("There is no conversation to rename yet.")
        else:

            def named(title: str | None) -> None:
                self.run_worker(self._rename(title), group="archive")

            self.app.push_screen(Line("Rename", open_.title, "Enter renames"), named)

    def action_export_chat(self) -> None:
        """Ask where to write the conversation as Markdown."""
        if not self.conversation.exchanges:
            self.notify("There is nothing to export yet.")
            return
        from ragopt_tui.chat.conversations.export import file_name

        self._ask_where(str(Path.cwd() / file_name(self.keeper.conversation.title)))

    @work(group="archive")
    async def action_restore_chat(self) -> None:
        """Bring back the conversation that was deleted last."""
        summary = await self.opening.archive.run(lambda store: store.restore())
        said = f"Back: {summary.title}" if summary else "No conversation was deleted."
        self.notify(said, markup=False)

    def show_known(self, exchange: Exchange | None) -> None:
        """Show what the keeper found out: about an exchange, or about the conversation."""
        if not self.is_attached:
            return
        if exchange is None:
            title = self.keeper.conversation.title
            self.show_title(f"{title} (not kept)" if self.keeper.failing else title)
        elif card := self.conversation.card_of(exchange):
            card.show_notes()

    def _may_leave(self) -> bool:
        if not self.dialogue.idle:
            self.notify("An answer is still being written; Esc stops it.", severity="warning")
        elif self.keeper.failing:
            self.notify(
                "This conversation is not kept: /export saves it before another begins.",
                severity="warning",
            )
        else:
            return True
        return False

    async def _find_previous(self) -> None:
        docs, open_id = str(self.opening.docs), self.keeper.conversation.id
        try:
            self.previous = await self.opening.archive.run(
                lambda store: store.latest(docs, other_than=open_id)
            )
        except RagoptError as error:
            self.previous = None
            self.notify(str(error), severity="warning", timeout=10, markup=False)
        self.show_previous()

    async def _follow_choice(self, choice: Choice | None) -> None:
        if choice is None:
            await self._look_again()
        elif choice.summary is None:
            await self.action_new_chat()
        elif (
            choice.summary.docs == str(self.opening.docs) or not Path(choice.summary.docs).is_dir()
        ):
            if self._may_leave():
                await self._open(choice.summary.id, choice.exchange)
        elif self._may_leave():
            summary = choice.summary
            self.post_message(messages.GoOn(summary.docs, summary.id, choice.exchange))

    async def _look_again(self) -> None:
        """Take over a title that was changed in the list, and let go of what was deleted there."""
        open_ = self.keeper.conversation
        if open_.id is None:
            await self._find_previous()
            return
        id = open_.id
        summary = await self.opening.archive.run(lambda store: store.summary(id))
        if summary is None:
            await self.action_new_chat()
        else:
            open_.title = summary.title
            self.show_known(None)

    async def _open(self, id: int, exchange: int | None) -> None:
        """Show a conversation as it was, at an exchange or at its end."""

        def load(store: ConversationStore) -> tuple[Summary | None, list[Exchange], int]:
            last = store.exchanges(id, limit=_PAGE)
            if exchange is not None and last and exchange < (last[0].id or 0):
                last = store.exchanges(id, since=exchange)
            earlier = store.count_before(id, last[0].id or 0) if last else 0
            return store.summary(id), last, earlier

        summary, exchanges, earlier = await self.opening.archive.run(load)
        if summary is None:
            self.notify("This conversation was deleted meanwhile.", severity="warning")
            return
        at = next((each for each in exchanges if each.id == exchange), None)
        self.keeper.resume(summary, exchanges)
        await self.conversation.show(exchanges, earlier, self._load_earlier, at)
        self.pane.prompt.focus()
        if exchanges:
            self.show_sources_of(at or exchanges[-1])
        if summary.docs != str(self.opening.docs):
            self.notify(
                f"Its folder {summary.docs} is no longer there. Questions go to this one.",
                severity="warning",
                timeout=10,
                markup=False,
            )

    async def _load_earlier(self, first: Exchange) -> list[Exchange]:
        id = self.keeper.conversation.id
        if id is None or first.id is None:
            return []
        before = first.id
        return await self.opening.archive.run(
            lambda store: store.exchanges(id, before=before, limit=_PAGE)
        )

    async def _rename(self, title: str | None) -> None:
        open_ = self.keeper.conversation
        if title is None or open_.id is None:
            return
        id = open_.id
        open_.title = await self.opening.archive.run(lambda store: store.rename(id, title))
        self.show_known(None)

    def _ask_where(self, path: str) -> None:
        from ragopt_tui.ui.screens.line import Line

        def given(typed: str | None) -> None:
            self.run_worker(self._export(typed), group="archive")

        self.app.push_screen(Line("Export to", path, "Enter writes Markdown"), given)

    async def _export(self, typed: str | None) -> None:
        if typed is None:
            return
        from ragopt_tui.chat.conversations.export import save_markdown

        open_ = self.keeper.conversation
        path = Path(typed).expanduser()
        exchanges = list(self.conversation.exchanges)
        if open_.id is not None and not self.keeper.failing:
            id = open_.id
            exchanges = await self.opening.archive.run(lambda store: store.exchanges(id))
        try:
            await asyncio.to_thread(save_markdown, path, open_.title, open_.docs, exchanges)
        except RagoptError as error:
            self.notify(str(error), severity="error", timeout=10, markup=False)
            self._ask_where(typed)
        else:
            self.notify(f"Exported to {path}.", markup=False)
