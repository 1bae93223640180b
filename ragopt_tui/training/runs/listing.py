"""Every training run of this user: its configuration, the jobs that worked on it, how it stands."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

from ragopt_tui.errors import RagoptError
from ragopt_tui.jobs import supervisor
from ragopt_tui.jobs.events import JobProgress
from ragopt_tui.jobs.folder import JobState
from ragopt_tui.jobs.job import Job
from ragopt_tui.training.configuration.config import TrainingConfig, parse_config
from ragopt_tui.training.runs.folder import RunFolder

KIND = "train"


@dataclass(frozen=True, slots=True)
class Run:
    """A run by its jobs, the first that began it and those that resumed it, in order.

    `config` is what it was started with. What changes is read anew each time it is asked for.
    """

    id: str
    config: TrainingConfig
    jobs: tuple[Job, ...]

    @property
    def job(self) -> Job:
        """The job that works on it, or worked on it last."""
        return self.jobs[-1]

    @property
    def name(self) -> str:
        """What the trained variant is called."""
        return self.config.name

    @property
    def created(self) -> float:
        """When it was started, in seconds since 1970."""
        return self.jobs[0].spec.created

    @property
    def state(self) -> JobState:
        """How it stands."""
        return self.job.state

    @property
    def reason(self) -> str:
        """Why it ended as it did, in a sentence; empty while it trains."""
        return self.job.reason

    @property
    def hint(self) -> str:
        """What can be done about it; "" where there is nothing to say."""
        result = self.job.result
        return result.hint if result else ""

    @property
    def variant(self) -> str:
        """The id of the variant that was made; "" until it is."""
        result = self.job.result
        return str(result.result.get("variant", "")) if result else ""

    @property
    def can_resume(self) -> bool:
        """Whether it ended early and has a checkpoint to go on from."""
        return self.state not in ("running", "finished") and bool(self.checkpoints())

    def progress(self) -> JobProgress | None:
        """Give the newest progress of the job that works on it."""
        return self.job.progress()

    def checkpoints(self) -> list[int]:
        """Give the steps of its complete checkpoints."""
        return [each.step for each in RunFolder.of(self.id).checkpoints()]


def list_runs() -> list[Run]:
    """Give every run, the newest first; one whose configuration cannot be read is left out."""
    jobs = [job for job in supervisor.list_jobs() if job.spec.kind == KIND]
    return runs_of(jobs)


def runs_of(jobs: Sequence[Job]) -> list[Run]:
    """Put training jobs together to runs, the newest first."""
    by_run: dict[str, list[Job]] = {}
    for job in sorted(jobs, key=lambda each: each.spec.created):
        by_run.setdefault(str(job.spec.parameters.get("run") or job.id), []).append(job)
    runs: list[Run] = []
    for id, own in by_run.items():
        try:
            config = _config(str(own[0].spec.parameters.get("config", "")))
        except RagoptError:
            continue
        runs.append(Run(id, config, tuple(own)))
    return runs[::-1]


@functools.lru_cache(maxsize=1024)
def _config(text: str) -> TrainingConfig:
    # Whoever follows a run lists all of them again and again, and YAML takes long to read.
    return parse_config(text)


def find_run(prefix: str) -> Run:
    """Give the one run whose id, or the random end of it, begins so, or that a job belongs to.

    Raises RagoptError when there is none or more than one.
    """
    runs = list_runs()
    found = [
        run
        for run in runs
        if prefix and any(id.startswith(prefix) or id[-4:].startswith(prefix) for id in _ids(run))
    ]
    if not found:
        found = [run for run in runs if run.name == prefix]
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(run.id for run in found[:5])
        raise RagoptError(f"{len(found)} runs begin with {prefix!r}: {ids}.", "Give more of it.")
    raise RagoptError(f"There is no run {prefix!r}.", "`ragopt-tui jobs list` shows all.")


def _ids(run: Run) -> set[str]:
    return {run.id, *(job.id for job in run.jobs)}
