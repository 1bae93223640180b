"""`ragopt-tui jobs`: what is worked on in the background, and what was."""

from __future__ import annotations

import contextlib
import json
from datetime import datetime
from typing import Any

from ragopt_tui.commands.train_following import follow_training
from ragopt_tui.errors import RagoptError
from ragopt_tui.jobs import supervisor
from ragopt_tui.jobs.job import Job
from ragopt_tui.plaintext import one_line
from ragopt_tui.training.runs import listing as runs
from ragopt_tui.ui.wording import percent, time_left, when

_LINES_OF_LOG = 12
_LONGEST_LOG = 1 << 14


def list_jobs(as_json: bool, running: bool) -> int:
    """Print every job, the newest first, or those that run now."""
    jobs = [job for job in supervisor.list_jobs() if not running or job.state == "running"]
    if as_json:
        print(json.dumps({"jobs": [_values(job) for job in jobs]}, ensure_ascii=False))
        return 0
    now = datetime.now()
    for job in jobs:
        begun = when(datetime.fromtimestamp(job.spec.created), now)
        parts = [
            job.id,
            f"{job.state:<9}",
            f"{begun:<15}",
            one_line(job.spec.title, 60),
            _about(job),
        ]
        print("  ".join(filter(None, parts)))
    return 0


def show_job(id: str, as_json: bool) -> int:
    """Print one job: how it stands, why, and the end of its log."""
    job = find(id)
    if as_json:
        print(json.dumps(_values(job) | {"log": _log(job)}, ensure_ascii=False))
        return 0
    result = job.result
    rows = {
        "job": job.id,
        "what": job.spec.title,
        "state": job.state,
        "now": _about(job) if job.state == "running" else "",
        "reason": job.reason,
        "next": result.hint if result else "",
        "made": str(result.result.get("variant", "")) if result else "",
        "log": str(job.log_file),
    }
    for name, value in rows.items():
        if value:
            print(f"{name:<8}{one_line(value, 1000)}")
    for line in _log(job):
        print(f"  {line}")
    return 0


def follow_job(id: str, as_json: bool) -> int:
    """Print what a job says until it ends; Ctrl+C asks whether to leave or to stop it."""
    result = follow_training(find(id))
    message = one_line(str(result.get("message", "Done.")), 1000)
    print(json.dumps(result, ensure_ascii=False) if as_json else message)
    return 0


def cancel_job(id: str, as_json: bool) -> int:
    """Stop a job; a training run first finishes its step and writes a checkpoint."""
    job = find(id)
    if job.state != "running":
        raise RagoptError(f"The job {job.id} does not run: it is {job.state}.")
    supervisor.cancel(job)
    if as_json:
        print(json.dumps(_values(job), ensure_ascii=False))
    else:
        hint = job.result.hint if job.result else ""
        print(one_line(" ".join(filter(None, [job.reason, hint])), 1000))
    return 0


def find(id: str) -> Job:
    """Find a job; the id of a run gives the job that works on it now, or worked on it last."""
    with contextlib.suppress(RagoptError):
        return runs.find_run(id).job
    return supervisor.find(id)


def _about(job: Job) -> str:
    """Say how far a job is while it runs, and else why it ended."""
    if job.state != "running":
        return one_line(job.reason, 120)
    now = job.progress()
    if now is None:
        return "starting"
    parts = [now.title, percent(now.fraction), now.detail, time_left(now.eta_seconds)]
    return one_line(" · ".join(filter(None, parts)), 160)


def _values(job: Job) -> dict[str, Any]:
    progress, result = job.progress(), job.result
    return {
        "id": job.id,
        "kind": job.spec.kind,
        "title": job.spec.title,
        "created": job.spec.created,
        "state": job.state,
        "reason": job.reason,
        "hint": result.hint if result else "",
        "result": result.result if result else {},
        "run": _run_of(job),
        "progress": None
        if progress is None
        else {
            "stage": progress.stage,
            "done": progress.done,
            "total": progress.total,
            "unit": progress.unit,
            "detail": progress.detail,
            "eta_seconds": progress.eta_seconds,
        },
        "log_file": str(job.log_file),
    }


def _run_of(job: Job) -> str:
    if job.spec.kind != runs.KIND:
        return ""
    return str(job.spec.parameters.get("run") or job.id)


def _log(job: Job) -> list[str]:
    """Give the last lines of what the job's process printed."""
    try:
        with job.log_file.open("rb") as stream:
            size = stream.seek(0, 2)
            stream.seek(max(0, size - _LONGEST_LOG))
            text = stream.read().decode(errors="replace")
    except OSError:
        return []
    lines = [one_line(line, 300) for line in text.splitlines() if line.strip()]
    return lines[-_LINES_OF_LOG:]
