"""Starting the job that checks a variant; imports nothing of what the job does."""

from __future__ import annotations

from ragopt_tui.jobs import supervisor
from ragopt_tui.jobs.job import Job
from ragopt_tui.plaintext import one_line

KIND = "check"
TARGET = "ragopt_tui.models.check_job:run"


def start_check(id: str, name: str) -> Job:
    """Start a job that checks the variant with that id, called `name` in its title."""
    return supervisor.start(KIND, f"check {one_line(name, 80)}", TARGET, {"variant": id})
