"""Start jobs in processes of their own, list them, and stop them."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import ragopt_tui
from ragopt_tui.errors import RagoptError
from ragopt_tui.jobs.folder import JobFolder, JobResult, JobSpec, write_aside
from ragopt_tui.jobs.job import Job
from ragopt_tui.settings import folders

GRACE_SECONDS = 10.0
"""How long a job may take to stop; one with `grace_seconds` among its parameters says it itself."""

_POLL_SECONDS = 0.05


def start(kind: str, title: str, target: str, parameters: dict[str, Any]) -> Job:
    """Start `target` (`module:function` of this package) in a detached process.

    The process outlives this one. `parameters` must be JSON-ready and name files absolutely.
    Raises RagoptError when the job's folder cannot be written.
    """
    spec = JobSpec(_new_id(), kind, title, target, parameters)
    folder = JobFolder(folders().jobs / spec.id)
    try:
        _launch(folder, folder.create(spec))
    except OSError as error:
        shutil.rmtree(folder.path, ignore_errors=True)
        raise RagoptError(
            f"The job could not be started in {folder.path}: {error.strerror or error}.",
            "Free some space or check the folder's permissions.",
        ) from error
    return Job(folder, spec)


def list_jobs() -> list[Job]:
    """Give every job there is, the newest first."""
    jobs: list[Job] = []
    with contextlib.suppress(FileNotFoundError), os.scandir(folders().jobs) as entries:
        for entry in entries:
            folder = JobFolder(Path(entry.path))
            with contextlib.suppress(OSError, ValueError, TypeError):
                jobs.append(Job(folder, folder.read_spec()))
    return sorted(jobs, key=lambda job: (job.spec.created, job.id), reverse=True)


def find(id_prefix: str) -> Job:
    """Give the one job whose id, or the random end of it, begins with `id_prefix`.

    Raises RagoptError when there is none or more than one.
    """
    found = [
        job
        for job in list_jobs()
        if id_prefix and (job.id.startswith(id_prefix) or job.id[-4:].startswith(id_prefix))
    ]
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(job.id for job in found[:5])
        raise RagoptError(f"{len(found)} jobs begin with {id_prefix!r}: {ids}.", "Give more of it.")
    raise RagoptError(f"There is no job {id_prefix!r}.", "`ragopt-tui jobs list` lists them.")


def cancel(job: Job, grace_seconds: float | None = None) -> None:
    """Ask a job to stop and wait until it has; after `grace_seconds` its processes are killed.

    Does nothing to a job that has ended.
    """
    pid = job.folder.process_id()
    if pid is None:
        return
    if grace_seconds is None:
        grace_seconds = float(job.spec.parameters.get("grace_seconds", GRACE_SECONDS))
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    in_time = _ended_within(job.folder, grace_seconds)
    if not in_time:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
        _ended_within(job.folder, grace_seconds)
    if job.folder.read_result() is None:
        # A process that had only just been started does not know yet how to stop by itself.
        why = "Cancelled." if in_time else "Cancelled; it did not stop in time and was ended."
        job.folder.write_result(JobResult("cancelled", why))


def _new_id() -> str:
    return time.strftime("%Y%m%d-%H%M%S-") + secrets.token_hex(2)


def _launch(folder: JobFolder, lock: int) -> None:
    # The process inherits the lock, so that the job is never seen without it.
    try:
        with folder.log_file.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "ragopt_tui.jobs.runner", str(folder.path), str(lock)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=folder.path,
                env=_environment(),
                pass_fds=(lock,),
                start_new_session=True,
            )
        os.write(lock, str(process.pid).encode())
    finally:
        os.close(lock)
    name = f"reap {folder.path.name}"
    threading.Thread(target=_reap, args=(process, folder), name=name, daemon=True).start()


def _environment() -> dict[str, str]:
    package_home = Path(ragopt_tui.__file__).resolve().parent.parent
    environment = dict(os.environ)
    if package_home.name not in ("site-packages", "dist-packages"):
        paths = [str(package_home), environment.get("PYTHONPATH", "")]
        environment["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
    return environment


def _reap(process: subprocess.Popen[bytes], folder: JobFolder) -> None:
    status = process.wait()
    with contextlib.suppress(OSError):
        if folder.read_result() is None:
            write_aside(folder.exit_file, json.dumps({"status": status}).encode())


def _ended_within(folder: JobFolder, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while folder.is_alive():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True
