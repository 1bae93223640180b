"""A folder of documents with the engine that answers from it."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.message import Message

from ragopt_tui.errors import RagoptError
from ragopt_tui.ui.indexing import Indexing, noticed_line
from ragopt_tui.ui.messages import EngineChanged, IndexChanged, IndexOpened
from ragopt_tui.ui.wording import shorten

if TYPE_CHECKING:
    from ragopt_tui.chat.engine_client import EngineState
    from ragopt_tui.knowledge.document import Document
    from ragopt_tui.settings import Settings
    from ragopt_tui.ui.engine_like import EngineLike
    from ragopt_tui.ui.library import LibraryLike

_LOOK_SECONDS = 0.2
_NAME = 24
_MOST_RESTARTS = 3
_RESTART_WINDOW_SECONDS = 60.0
_GONE = ("The folder {} is gone; its index still answers.", "It is read again once it is back.")
_EMPTIED = ("The folder {} is empty now; its index still answers.", "F5 empties the index, too.")


@dataclass(frozen=True, slots=True)
class OpenedDocument:
    """A document as the engine gave it; `changed` since it was indexed."""

    document: Document
    changed: bool


class Workspace:
    """Keeps index and engine going and tells `post` what happens."""

    def __init__(
        self,
        docs: Path,
        settings: Settings,
        engine: EngineLike,
        library: LibraryLike,
        post: Callable[[Message], object],
    ) -> None:
        self.docs, self.library, self.engine = docs, library, engine
        self.indexing = Indexing(docs)
        self._settings, self._post = settings, post
        self._deaths: deque[float] = deque(maxlen=_MOST_RESTARTS)
        self._reading = asyncio.Lock()
        self._changes_wait = False
        self._noticed = ""
        self._missing: tuple[str, str] | None = None
        engine.on_state = self._engine_changed

    async def open(self) -> None:
        """Start the engine on the index as it is, so that it loads what it needs meanwhile."""
        try:
            await self._open_index()
        except RagoptError as error:
            self._post(EngineChanged("dead", str(error)))

    async def follow_index(self, rebuild: bool = False) -> None:
        """Have the documents read, say how far it is, and let the engine use the result."""
        async with self._reading:
            if self._missing is _EMPTIED:
                self._missing = None
            await self._follow(rebuild, "")

    async def read_changes(self, now: datetime) -> None:
        """Have the documents read if they are not as the index has them, after any reading before.

        After a reading that failed or was cancelled the next one is the user's to start. A folder
        that is all empty is more likely not mounted than meant: that is said, and nothing is read.
        """
        if self._changes_wait:
            return
        self._changes_wait = True
        async with self._reading:
            self._changes_wait = False
            # Twice, as a job that was at it already may have looked before the change.
            for _ in range(2):
                if not await self._read_difference(now):
                    return

    def folder_is_gone(self) -> None:
        """Say that the folder is not there; what was read of it goes on answering."""
        self._miss(_GONE)

    async def _read_difference(self, now: datetime) -> bool:
        """Read what changed; false where there is nothing or it must not be read."""
        if self.indexing.problem and not self._missing:
            return False
        try:
            difference = await asyncio.to_thread(self.library.difference)
        except RagoptError:
            # It is told as gone, or the next reading says what is wrong with the index.
            return False
        if difference.emptied:
            self._miss(_EMPTIED)
            return False
        was_missing, self._missing = self._missing, None
        if not difference and not was_missing:
            return False
        await self._follow(False, noticed_line(difference, now) if difference else "")
        return not self.indexing.problem

    def _miss(self, what: tuple[str, str]) -> None:
        self._missing = what
        if not self.indexing.running:
            self._indexing_is(self.indexing)

    async def _follow(self, rebuild: bool, noticed: str) -> None:
        self._noticed = noticed
        try:
            self._indexing_is(await asyncio.to_thread(self.library.begin, rebuild))
            while self.indexing.running:
                await asyncio.sleep(_LOOK_SECONDS)
                self._indexing_is(await asyncio.to_thread(self.library.look))
        except RagoptError as error:
            self._indexing_is(
                Indexing(self.docs, running=False, problem=error.message, hint=error.hint)
            )
        try:
            await self._open_index()
        except RagoptError as error:
            # Questions that wait are asked all the same: the engine says what stands in their way.
            self._post(IndexOpened(0))
            self._post(EngineChanged("dead", str(error)))

    async def restart_engine(self) -> None:
        """Start the engine after it died, unless it keeps dying."""
        now = time.monotonic()
        often = len(self._deaths) == _MOST_RESTARTS
        if often and now - self._deaths[0] < _RESTART_WINDOW_SECONDS:
            return
        self._deaths.append(now)
        try:
            await self.engine.start()
        except RagoptError as error:
            self._post(EngineChanged("dead", str(error)))

    async def document(self, file: str) -> OpenedDocument:
        """Read a document through the engine; raises RagoptError."""
        values = await self.engine.call("document", {"file": file})
        # In a thread, because a ledger of 100,000 lines would stop the screen for a moment.
        return await asyncio.to_thread(_opened, values)

    async def _open_index(self) -> None:
        params = {"docs": str(self.docs), "embedder": self._settings.embedder}
        opened = await self.engine.call("open", params)
        self._post(IndexOpened(int(opened["passages"])))

    def _indexing_is(self, indexing: Indexing) -> None:
        indexing = replace(indexing, noticed=self._noticed)
        if self._missing and not indexing.running:
            problem, hint = self._missing
            name = shorten(self.docs.name, _NAME)
            indexing = replace(indexing, problem=problem.format(name), hint=hint)
        if indexing != self.indexing or not indexing.running:
            self.indexing = indexing
            self._post(IndexChanged(indexing))

    def _engine_changed(self, state: EngineState, reason: str) -> None:
        self._post(EngineChanged(state, reason))


def _opened(values: dict[str, Any]) -> OpenedDocument:
    from ragopt_tui.knowledge.document import Document

    document = Document(
        file=values["file"],
        title=values["title"],
        text=values["text"],
        blocks=(),
        line_numbers=tuple(values["line_numbers"]),
        pages=tuple(values["pages"]),
    )
    return OpenedDocument(document, bool(values["changed"]))
