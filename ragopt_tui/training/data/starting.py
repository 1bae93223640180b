"""Starting the job that imports a data set; imports nothing of what the job does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ragopt_tui.jobs import supervisor
from ragopt_tui.jobs.job import Job
from ragopt_tui.plaintext import one_line

KIND = "data"
TARGET = "ragopt_tui.training.data.import_job:run"


def start_import(
    place: str,
    *,
    name: str = "",
    format: str = "auto",
    columns: Mapping[str, str] | None = None,
    group: str = "",
    validation: float = 0.0,
    test: float = 0.0,
    seed: int = 0,
) -> Job:
    """Start a job that imports a file, a folder or a repository of the hub, as `Request` says.

    Its result holds the `set` that it is kept as, and how many rows were left out (`problems`).
    """
    path = Path(place).expanduser()
    parameters = {
        "place": str(path.absolute()) if path.exists() else place,
        "name": name,
        "format": format,
        "columns": dict(columns or {}),
        "group": group,
        "validation": validation,
        "test": test,
        "seed": seed,
    }
    return supervisor.start(KIND, f"import {one_line(path.name, 60)}", TARGET, parameters)
