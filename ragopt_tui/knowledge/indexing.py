"""Starting the job that keeps a folder's index; imports nothing of what the job does."""

from __future__ import annotations

from pathlib import Path

from ragopt_tui.jobs import supervisor
from ragopt_tui.jobs.job import Job
from ragopt_tui.plaintext import one_line

KIND = "index"
TARGET = "ragopt_tui.knowledge.index_job:run"


def start_indexing(docs: Path, embedder: str, rebuild: bool = False) -> Job:
    """Start a job that brings the index of `docs` up to date, or give the one that is at it.

    A rebuild is always a job of its own, which waits for the one before it.
    """
    folder = docs.resolve()
    running = None if rebuild else running_job(folder)
    if running is not None:
        return running
    parameters = {"docs": str(folder), "embedder": embedder, "rebuild": rebuild}
    return supervisor.start(KIND, f"index {one_line(folder.name, 40)}", TARGET, parameters)


def running_job(docs: Path) -> Job | None:
    """Give the job that indexes `docs` now."""
    folder = str(docs.resolve())
    for job in supervisor.list_jobs():
        same = job.spec.kind == KIND and job.spec.parameters.get("docs") == folder
        if same and job.state == "running":
            return job
    return None
