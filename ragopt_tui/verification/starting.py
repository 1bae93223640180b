"""Starting the job that verifies a variant; imports nothing of what it does."""

from __future__ import annotations

from pathlib import Path

from ragopt_tui.errors import RagoptError
from ragopt_tui.jobs import supervisor
from ragopt_tui.jobs.job import Job
from ragopt_tui.plaintext import one_line

KIND = "verify"
_JOBS = "ragopt_tui.verification.jobs"


def indexed(docs: Path | None) -> str:
    """Give a folder as jobs take it if it is indexed, else ""."""
    from ragopt_tui.knowledge.location import IndexLocation

    try:
        serves = docs is not None and IndexLocation.of(docs).catalogue_file is not None
    except RagoptError:
        return ""
    return str(docs.resolve()) if serves and docs is not None else ""


def start_verify(id: str, name: str, against: str = "", docs: str = "") -> Job:
    """Start comparing a variant with the variant `against`, or with what it was made from.

    `name` is for the title; `docs` is an indexed folder whose texts are compared on.
    """
    parameters = {"variant": id, "against": against, "docs": docs}
    return supervisor.start(
        KIND, f"verify {one_line(name, 80)}", f"{_JOBS}:verify_variant", parameters
    )


def start_comparing_merges(id: str, name: str, docs: str = "") -> Job:
    """Start measuring what an adapter that was trained in 4 bits is best merged into."""
    title = f"compare merges of {one_line(name, 80)}"
    parameters = {"variant": id, "docs": docs}
    return supervisor.start(KIND, title, f"{_JOBS}:compare_merging", parameters)
