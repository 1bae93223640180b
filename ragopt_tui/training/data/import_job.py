"""The job that imports a data set."""

from __future__ import annotations

import time
from typing import Any

from ragopt_tui.jobs.events import Reporter
from ragopt_tui.training.data.importing import Request, import_set
from ragopt_tui.training.data.splitting import Shares
from ragopt_tui.training.data.store import DataSetStore

_EVERY_SECONDS = 0.2


def run(parameters: dict[str, Any], report: Reporter) -> dict[str, Any]:
    """Import what `starting.start_import` names; gives the `set` and what was left out."""
    shares = Shares(parameters["validation"], parameters["test"], parameters["seed"])
    request = Request(
        place=parameters["place"],
        name=parameters["name"],
        format=parameters["format"],
        columns=parameters["columns"],
        group=parameters["group"],
        shares=shares if shares.validation or shares.test else None,
    )
    last = 0.0

    def told(stage: str, done: float, total: float | None) -> None:
        nonlocal last
        report.raise_if_cancelled()
        if time.monotonic() - last >= _EVERY_SECONDS:
            last = time.monotonic()
            unit = "bytes" if stage == "fetching" else "files" if total else "rows"
            report.progress(stage, done, total, unit)

    record = import_set(request, DataSetStore(), told).record
    left_out = f", {record.problems} rows left out" if record.problems else ""
    return {
        "set": record.id,
        "problems": record.problems,
        "message": f"{record.name} is imported: {record.count} examples{left_out}.",
    }
