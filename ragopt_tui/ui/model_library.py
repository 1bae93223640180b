"""The model library as the interface keeps it: read and changed in threads, told when it changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from textual.dom import DOMNode
from textual.signal import Signal

from ragopt_tui.errors import RagoptError
from ragopt_tui.models.variant import Variant
from ragopt_tui.ui.model_jobs import ModelJob, ModelJobs
from ragopt_tui.ui.model_memory import MemoryEstimates
from ragopt_tui.ui.model_shelf import Entry, Shelf, read_shelf

if TYPE_CHECKING:
    from ragopt_tui.models.store import VariantStore

_T = TypeVar("_T")


class ModelLibrary:
    """`shelf` is what was last read; `changed` is told of each newer one, `working` of jobs.

    `say` is told in a sentence how jobs ended, and whether that is a problem; `made` is the id of
    the variant that a job made last.
    """

    def __init__(
        self,
        owner: DOMNode,
        variants: Sequence[Variant],
        context_tokens: int,
        say: Callable[[str, bool], object],
    ) -> None:
        """Begin with these variants; `context_tokens` is the context where a variant names none."""
        self.shelf = Shelf.of(variants)
        self.changed: Signal[Shelf] = Signal(owner, "library changed")
        self.working: Signal[tuple[ModelJob, ...]] = Signal(owner, "jobs changed")
        self.jobs = ModelJobs(self.working.publish, self._ended)
        self.made = ""
        self._say = say
        self._memory = MemoryEstimates(context_tokens)
        self._extra = [variant for variant in variants if not variant.builtin]
        self._tasks: set[asyncio.Task[None]] = set()

    async def begin(self) -> None:
        """Read the library and follow the jobs about models that run already."""
        await self.load_again()
        await self.jobs.find()

    async def load(self) -> None:
        """Read the library anew; raises RagoptError where it cannot be read."""
        shelf = await asyncio.to_thread(read_shelf)
        known = {entry.variant.path for entry in shelf.entries}
        others = [variant for variant in self._extra if variant.path not in known]
        self._show(self._as_before(Shelf((*shelf.entries, *Shelf.of(others).entries))))
        # After it is shown, as it reads the headers of every file that is new.
        self._show(await asyncio.to_thread(self._memory.on, self.shelf))

    async def change(self, change: Callable[[VariantStore], _T]) -> _T:
        """Change the library and read it again; raises RagoptError where that cannot be done."""
        changed = await self.look(change)
        await self.load()
        return changed

    async def look(self, look: Callable[[VariantStore], _T]) -> _T:
        """Ask the library something; raises RagoptError where it cannot be read."""
        return await asyncio.to_thread(_in_store, look)

    async def needs(self, entry: Entry) -> str:
        """Say what a variant needs in memory: in each number format where one can be chosen."""
        needs = await asyncio.to_thread(self._memory.by_precision, entry, self.shelf)
        return needs or entry.memory

    def _as_before(self, shelf: Shelf) -> Shelf:
        """Give a shelf with what was known of memory for variants that are what they were."""
        known = {entry.variant.id: entry for entry in self.shelf.entries}

        def with_memory(entry: Entry) -> Entry:
            before = known.get(entry.variant.id)
            if before is None or before.record != entry.record:
                return entry
            return replace(entry, memory=before.memory, fits=before.fits)

        return Shelf(tuple(with_memory(entry) for entry in shelf.entries))

    def _show(self, shelf: Shelf) -> None:
        if shelf != self.shelf:
            self.shelf = shelf
            self.changed.publish(shelf)

    def _ended(self, job: ModelJob) -> None:
        if job.problem:
            self._say(" ".join(filter(None, [job.problem, job.hint])), True)
        else:
            self.made = job.made or self.made
            offer = " /load lets it answer." if job.made else ""
            self._say(f"{job.message or f'Done: {job.title}.'}{offer}", False)
        task = asyncio.create_task(self.load_again())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def load_again(self) -> None:
        """Read the library anew; what stands in the way is said."""
        try:
            await self.load()
        except RagoptError as error:
            self._say(str(error), True)


def _in_store(change: Callable[[VariantStore], _T]) -> _T:
    from ragopt_tui.models.store import VariantStore
    from ragopt_tui.settings import folders

    return change(VariantStore(folders().models))
