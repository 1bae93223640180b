"""Keeps the open conversation on disk as it happens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from ragopt_tui.errors import RagoptError
from ragopt_tui.plaintext import one_line
from ragopt_tui.ui.archive import Archive

if TYPE_CHECKING:
    from ragopt_tui.chat.conversations.store import ConversationStore, Summary
    from ragopt_tui.chat.conversations.variant_hash import FileState
    from ragopt_tui.chat.exchange import Exchange


@dataclass(slots=True)
class OpenConversation:
    """The conversation on the screen; `id` is None until its first question is kept.

    `replaced` is the archive's, as of when the ids of it and its exchanges were given.
    """

    docs: str
    id: int | None = None
    title: str = ""
    replaced: int = 0


class Keeper:
    """Writes each question when it is asked and its answer when it is over.

    What cannot be kept is said once with `say` and tried again with the next change. `changed` is
    told of exchanges that are known better now, and of None when the title is.
    """

    def __init__(
        self,
        archive: Archive,
        docs: str,
        clock: Callable[[], datetime],
        say: Callable[[str], None],
        changed: Callable[[Exchange | None], None],
    ) -> None:
        self._archive, self._docs, self._clock = archive, docs, clock
        self._say, self._changed = say, changed
        self._waiting: dict[int, tuple[OpenConversation, Exchange]] = {}
        self._members: list[Exchange] = []
        self._compared: dict[int, Exchange] = {}
        self._writing = asyncio.Lock()
        self._closed = False
        self.failing = False
        self.conversation = OpenConversation(docs)

    def begin(self) -> None:
        """Let the next question start a conversation of its own."""
        self._use(OpenConversation(self._docs), [])

    def resume(self, summary: Summary, exchanges: Sequence[Exchange]) -> None:
        """Let the next question go on with a conversation of which these exchanges are shown."""
        conversation = OpenConversation(
            self._docs, summary.id, summary.title, self._archive.replaced
        )
        self._use(conversation, exchanges)

    def compare(self, exchange: Exchange, before: Exchange) -> None:
        """Say what differs between an exchange and one before it, once it is answered."""
        exchange.again_of = before.id
        self._compared[id(exchange)] = before

    async def keep(self, exchange: Exchange) -> None:
        """Write an exchange as it is now; once it is over, with what is then known of it."""
        conversation = self.conversation
        exchange.docs = exchange.docs or self._docs
        if not conversation.title:
            conversation.title = one_line(exchange.question, 120)
            self._changed(None)
        if not any(each is exchange for each in self._members):
            self._members.append(exchange)
        self._waiting[id(exchange)] = conversation, exchange
        await self._write()
        if exchange.over and not self._closed and await self._completed(exchange):
            self._waiting[id(exchange)] = conversation, exchange
            self._changed(exchange)
            await self._write()

    async def finish(self) -> None:
        """Write what is not written yet; nothing is computed any more."""
        self._closed = True
        await self._write()

    def _use(self, conversation: OpenConversation, members: Sequence[Exchange]) -> None:
        self.conversation, self._members = conversation, list(members)
        self._changed(None)

    async def _write(self) -> None:
        async with self._writing:
            while self._waiting:
                key, (conversation, exchange) = next(iter(self._waiting.items()))
                # Taken out before it is written, as it may change again meanwhile.
                del self._waiting[key]
                try:
                    await self._put(conversation, exchange)
                except RagoptError as error:
                    self._waiting = {key: (conversation, exchange), **self._waiting}
                    self._not_kept(error)
                    return
                except asyncio.CancelledError:
                    self._waiting = {key: (conversation, exchange), **self._waiting}
                    raise
            if self.failing:
                self.failing = False
                self._say("The conversation is kept again.")
                self._changed(None)

    async def _put(self, conversation: OpenConversation, exchange: Exchange) -> None:
        from ragopt_tui.chat.conversations.store import ConversationGone

        copy, now, archive = replace(exchange), self._clock(), self._archive

        def put(store: ConversationStore) -> None:
            # The ids are set here, so that they are known whether or not somebody still waits.
            if conversation.id is None:
                conversation.replaced = archive.replaced
                conversation.id, exchange.id = store.begin(
                    conversation.docs, conversation.title, copy, now
                )
            elif conversation.replaced != archive.replaced:
                raise ConversationGone("The conversation is in a file that was set aside.")
            else:
                copy.id = exchange.id
                exchange.id = store.put(conversation.id, copy, now)

        try:
            await archive.run(put)
        except ConversationGone:
            self._start_over(conversation, exchange)

    def _start_over(self, conversation: OpenConversation, exchange: Exchange) -> None:
        """Have everything that is on the screen written again, as it is not there any more."""
        conversation.id = None
        members = self._members if conversation is self.conversation else [exchange]
        for each in members:
            each.id = each.again_of = None
        again = {id(each): (conversation, each) for each in members}
        self._waiting = {**again, **self._waiting}

    def _not_kept(self, error: RagoptError) -> None:
        if not self.failing:
            self.failing = True
            self._say(f"This conversation is not kept: {error}")
            self._changed(None)

    async def _completed(self, exchange: Exchange) -> bool:
        """Find out which files answered and what differs from before; whether that is news."""
        before = self._compared.pop(id(exchange), None)
        known = exchange.variant_hash, exchange.difference
        if not exchange.variant_hash and exchange.answer is not None:
            exchange.variant_hash = await self._hash(exchange.variant)
        if before is not None:
            from ragopt_tui.chat.conversations.difference import difference

            exchange.difference = difference(before, exchange)
        return known != (exchange.variant_hash, exchange.difference)

    async def _hash(self, variant: str) -> str:
        from ragopt_tui.chat.conversations import variant_hash

        try:
            states = await asyncio.to_thread(_files, variant)
            hashes = [await self._file_hash(state) for state in states]
        except (RagoptError, OSError, variant_hash.HashingStopped):
            # A model that was moved away meanwhile has answered all the same.
            return ""
        return variant_hash.combined_hash(states, hashes)

    async def _file_hash(self, state: FileState) -> str:
        from ragopt_tui.chat.conversations.variant_hash import file_hash

        known = await self._archive.run(lambda store: store.known_hash(state))
        if known is None:
            known = await asyncio.to_thread(file_hash, state, lambda: self._closed)
            made = known
            await self._archive.run(lambda store: store.remember_hash(state, made))
        return known


def _files(variant: str) -> list[FileState]:
    """Give the files that answer as a variant: of an adapter, its base's too."""
    from ragopt_tui.chat.conversations.variant_hash import variant_files
    from ragopt_tui.models.model_files import model_files
    from ragopt_tui.models.store import VariantStore
    from ragopt_tui.settings import folders

    store = VariantStore(folders().models)
    found = store.find(variant)
    if found.path is None:
        return []
    files = model_files(found, store.find)
    return [*variant_files(files.base), *(variant_files(files.adapter) if files.adapter else ())]
