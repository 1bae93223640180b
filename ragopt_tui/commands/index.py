"""`ragopt-tui index`: follow an index job and print what came of it."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ragopt_tui.errors import RagoptError
from ragopt_tui.jobs.job import Job
from ragopt_tui.jobs.supervisor import cancel
from ragopt_tui.knowledge.indexing import start_indexing
from ragopt_tui.plaintext import one_line
from ragopt_tui.settings import load_settings

_POLL_SECONDS = 0.1


def index_folder(docs: Path, rebuild: bool, as_json: bool) -> int:
    """Bring a folder's index up to date and print a summary; Ctrl+C cancels."""
    summary = synchronise_with_progress(docs, rebuild)
    if as_json:
        print(json.dumps(summary, ensure_ascii=False))
    else:
        _print(summary)
    return 0


def synchronise_with_progress(docs: Path, rebuild: bool = False) -> dict[str, Any]:
    """Run an index job, or join the one that runs, with its progress on standard error.

    Gives the job's result. Raises RagoptError if it did not finish; an interrupt cancels it.
    """
    job = start_indexing(docs, load_settings().embedder, rebuild)
    try:
        _follow(job)
    except KeyboardInterrupt:
        cancel(job)
        raise
    result = job.result
    if result is None or result.state != "finished":
        hint = result.hint if result else ""
        raise RagoptError(job.reason, hint or f"The log is {job.log_file}.")
    return result.result or {}


def _follow(job: Job) -> None:
    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bar:
        task = bar.add_task("starting", total=None)
        while job.state == "running":
            progress = job.progress()
            if progress:
                bar.update(
                    task,
                    description=f"{progress.stage} {progress.unit}",
                    completed=progress.done,
                    total=progress.total,
                )
            time.sleep(_POLL_SECONDS)


def _print(summary: dict[str, Any]) -> None:
    print(
        f"{summary['files']} files, {summary['passages']} passages"
        f" (added {summary['added']}, changed {summary['changed']},"
        f" removed {summary['removed']}, unchanged {summary['unchanged']})"
        f" in {summary['seconds']:.1f} s"
    )
    left_out = summary["left_out"]
    if left_out:
        print(f"{len(left_out)} files left out:")
    for file, reason in left_out:
        print(f"  {one_line(file)}: {one_line(reason)}")
    sys.stdout.flush()
