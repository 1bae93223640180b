"""Starting the job that verifies a variant; imports nothing of what it does."""

from __future__ import annotations

from ragopt_tui.jobs import supervisor
from ragopt_tui.jobs.job import Job
from ragopt_tui.plaintext import one_line

KIND = "verify"
_TARGET = "ragopt_tui.verification.jobs:verify_variant"


def start_verify(id: str, name: str, against: str = "", docs: str = "") -> Job:
    """Start comparing a variant with the variant `against`, or with what it was made from.

    `name` is for the title; `docs` is an indexed folder whose texts are compared on.
    """
    parameters = {"variant": id, "against": against, "docs": docs}
    return supervisor.start(KIND, f"verify {one_line(name, 80)}", _TARGET, parameters)
