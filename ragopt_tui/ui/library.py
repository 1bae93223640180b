"""The documents folder as the interface sees it: its index job, its files, and what happens to them.

Everything here reads or starts something on disk, so it is called in threads.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ragopt_tui.ui.indexing import Indexing

if TYPE_CHECKING:
    from ragopt_tui.chat.answer import SourceState
    from ragopt_tui.chat.source_changes import SourceChange
    from ragopt_tui.jobs.job import Job
    from ragopt_tui.knowledge.catalogue import FileRecord
    from ragopt_tui.knowledge.difference import Difference
    from ragopt_tui.knowledge.watch import News, Stop
    from ragopt_tui.settings import Settings


class LibraryLike(Protocol):
    """What the interface asks of a folder of documents."""

    def begin(self, rebuild: bool = False) -> Indexing:
        """Start reading the documents, or follow a job that does so already."""
        ...

    def look(self) -> Indexing:
        """Give the state of that job now."""
        ...

    def records(self) -> list[FileRecord]:
        """Give the files as of the last finished reading."""
        ...

    def difference(self) -> Difference:
        """Give what of the folder is not, or no longer, as the index has it."""
        ...

    def watch(self, stop: Stop) -> Iterator[News]:
        """Wait for what happens in the folder and give it, until `stop` is set."""
        ...

    def changes(self, states: Iterable[SourceState]) -> list[SourceChange]:
        """Give those of some files' states that hold no longer."""
        ...


class Library:
    """A folder of documents and the job that keeps its index."""

    def __init__(self, docs: Path, settings: Settings) -> None:
        self.docs, self.settings = docs.resolve(), settings
        self._job: Job | None = None

    def begin(self, rebuild: bool = False) -> Indexing:
        """Start reading the documents, or follow a job that does so already."""
        # Imported here, in a thread, behind the first frame.
        from ragopt_tui.knowledge.indexing import start_indexing

        self._job = start_indexing(self.docs, self.settings.embedder, rebuild)
        return self.look()

    def look(self) -> Indexing:
        """Give the state of the job now."""
        from ragopt_tui.jobs.events import last_event

        job = self._job
        if job is None:
            return Indexing(self.docs, running=False)
        state = job.state
        if state == "running":
            note = last_event(job.folder.events_file, "message") or {}
            return Indexing(self.docs, progress=job.progress(), note=str(note.get("text", "")))
        result = job.result
        if state == "finished" and result is not None:
            return Indexing(self.docs, running=False, summary=result.result)
        problem = "Reading the documents was cancelled." if state == "cancelled" else job.reason
        return Indexing(
            self.docs,
            running=False,
            problem=problem or "Reading the documents ended without saying why.",
            hint=result.hint if result else f"Its log is {job.log_file}; F5 tries again.",
        )

    def records(self) -> list[FileRecord]:
        """Give the files as of the last finished reading, by name; raises RagoptError."""
        from ragopt_tui.knowledge.catalogue import Catalogue
        from ragopt_tui.knowledge.location import IndexLocation

        file = IndexLocation.of(self.docs).catalogue_file
        if file is None:
            return []
        with Catalogue(file, read_only=True) as catalogue:
            return catalogue.records()

    def difference(self) -> Difference:
        """Give what of the folder is not, or no longer, as the index has it; raises RagoptError."""
        from ragopt_tui.knowledge.difference import find_difference

        return find_difference(self.docs)

    def watch(self, stop: Stop) -> Iterator[News]:
        """Wait for what happens in the folder and give it, until `stop` is set."""
        from ragopt_tui.knowledge.watch import watch_documents

        return watch_documents(self.docs, stop)

    def changes(self, states: Iterable[SourceState]) -> list[SourceChange]:
        """Give those of some files' states that hold no longer; raises RagoptError."""
        from ragopt_tui.chat.source_changes import source_changes

        return source_changes(self.docs, states)
