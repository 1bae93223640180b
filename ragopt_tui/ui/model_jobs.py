"""Jobs about models as the interface sees them: those that run already and those started here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ragopt_tui.ui.wording import shorten, time_left

if TYPE_CHECKING:
    from ragopt_tui.jobs.events import JobProgress
    from ragopt_tui.jobs.job import Job

_LOOK_SECONDS = 0.3
_NOT_ABOUT_MODELS = ("index",)
_TITLE = 30
_MAKING = ("merge", "convert", "quantize", "ship", "train")


@dataclass(frozen=True, slots=True)
class ModelJob:
    """How a job stands: under way, else ended with a `message` or a `problem` and its `hint`.

    `made` is the id of the variant that it made.
    """

    id: str
    title: str
    running: bool = True
    progress: JobProgress | None = None
    message: str = ""
    problem: str = ""
    hint: str = ""
    made: str = ""

    @property
    def line(self) -> str:
        """One quiet line of a job under way: `▶ ship mini · merging 43% · 2 min left`."""
        title, now = f"▶ {shorten(self.title, _TITLE)}", self.progress
        if now is None:
            return f"{title} · starting"
        percent = "" if now.fraction is None else f" {now.fraction:.0%}"
        parts = [title, f"{now.title}{percent}", time_left(now.eta_seconds)]
        return " · ".join(filter(None, parts))


class ModelJobs:
    """Follows jobs until they end; `tell` gets those under way, `ended` each that is over."""

    def __init__(
        self,
        tell: Callable[[tuple[ModelJob, ...]], object],
        ended: Callable[[ModelJob], object],
    ) -> None:
        self._tell, self._ended = tell, ended
        self._jobs: dict[str, Job] = {}
        self._following = False
        self.running: tuple[ModelJob, ...] = ()

    async def begin(self, start: Callable[[], Job]) -> None:
        """Start a job and follow it to its end; raises RagoptError where it cannot be started."""
        job = await asyncio.to_thread(start)
        self._jobs[job.id] = job
        await self._follow()

    async def find(self) -> None:
        """Follow those that run already, such as from before a restart, to their ends."""
        for job in await asyncio.to_thread(_running):
            self._jobs.setdefault(job.id, job)
        await self._follow()

    async def cancel(self, id: str) -> None:
        """Have a job stop; waits until it has."""
        from ragopt_tui.jobs import supervisor

        job = self._jobs.get(id)
        if job is not None:
            await asyncio.to_thread(supervisor.cancel, job)

    async def _follow(self) -> None:
        if self._following:
            return
        self._following = True
        try:
            while self._jobs:
                seen = await asyncio.to_thread(_look, list(self._jobs.values()))
                self.running = tuple(each for each in seen if each.running)
                self._tell(self.running)
                for each in seen:
                    if not each.running:
                        del self._jobs[each.id]
                        self._ended(each)
                if self._jobs:
                    await asyncio.sleep(_LOOK_SECONDS)
        finally:
            self._following = False


def _running() -> list[Job]:
    from ragopt_tui.jobs import supervisor

    jobs = [job for job in supervisor.list_jobs() if job.spec.kind not in _NOT_ABOUT_MODELS]
    return [job for job in jobs if job.state == "running"]


def _look(jobs: list[Job]) -> list[ModelJob]:
    return [_state_of(job) for job in jobs]


def _state_of(job: Job) -> ModelJob:
    state = job.state
    if state == "running":
        return ModelJob(job.id, job.spec.title, progress=job.progress())
    result = job.result
    if state == "finished" and result is not None:
        said = str(result.result.get("message", "")) or result.message
        if result.result.get("problem"):
            return ModelJob(job.id, job.spec.title, False, problem=said)
        made = str(result.result.get("variant", "")) if job.spec.kind in _MAKING else ""
        return ModelJob(job.id, job.spec.title, False, message=said, made=made)
    if state == "cancelled":
        return ModelJob(job.id, job.spec.title, False, message=f"Cancelled: {job.spec.title}.")
    problem = job.reason or "The job ended without saying why."
    hint = result.hint if result else f"Its log is {job.log_file}."
    return ModelJob(job.id, job.spec.title, False, problem=problem, hint=hint)
