"""The conversations on disk, for the interface: one thread of their own, so that no key waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

from ragopt_tui.errors import RagoptError

if TYPE_CHECKING:
    from ragopt_tui.chat.conversations.store import ConversationStore

_T = TypeVar("_T")
_DELETED_KEPT = timedelta(days=1)


class Archive:
    """Opens the store when it is first needed, and again after it failed or was moved away.

    A damaged one is set aside, of which `say` is told; what is asked then is asked of a fresh one.
    """

    def __init__(self, clock: Callable[[], datetime], say: Callable[[str], None]) -> None:
        self._clock, self._say = clock, say
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="archive")
        self._store: ConversationStore | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.replaced = 0
        """How often another file took the place of one in use, so that its ids mean nothing now."""

    async def run(self, work: Callable[[ConversationStore], _T]) -> _T:
        """Do something with the store in its thread, in the order of the calls.

        Raises RagoptError if the store cannot be used.
        """
        self._loop = asyncio.get_running_loop()
        return await self._loop.run_in_executor(self._thread, self._do, work)

    async def close(self) -> None:
        """Wait for what is being written, and close the file."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown(wait=False)

    def _do(self, work: Callable[[ConversationStore], _T]) -> _T:
        # Imported here, in the thread: SQLite is not needed for the first frame.
        from ragopt_tui.chat.conversations.database import DamagedStore

        if self._store is not None and not self._store.database.in_place:
            self._close()
            self._replace("The conversations were moved away, and fresh ones begin.")
        try:
            return work(self._opened(check=False))
        except DamagedStore:
            self._close()
            return work(self._opened(check=True))

    def _opened(self, check: bool) -> ConversationStore:
        from ragopt_tui.chat.conversations.store import open_store

        if self._store is None:
            self._store, aside = open_store(check=check)
            if aside is not None:
                self._replace(
                    f"The conversations were damaged. They are kept as {aside}; fresh ones begin."
                )
            self._forget(self._store)
        return self._store

    def _forget(self, store: ConversationStore) -> None:
        try:
            store.forget_deleted(self._clock() - _DELETED_KEPT)
        except RagoptError:
            # What cannot be written is said when there is something to keep.
            return

    def _replace(self, sentence: str) -> None:
        self.replaced += 1
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._say, sentence)

    def _close(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None
