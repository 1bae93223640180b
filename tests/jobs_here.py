"""Jobs that run in a thread of the test's process, which has imported what they need."""

from __future__ import annotations

import importlib
import os
import secrets
import threading
from dataclasses import dataclass, field
from typing import Any

from ragopt_tui.jobs.events import Reporter
from ragopt_tui.jobs.folder import JobFolder, JobResult, JobSpec
from ragopt_tui.jobs.job import Job
from ragopt_tui.settings import folders


@dataclass
class JobsHere:
    """Takes the place of `jobs.supervisor.start`; a job that raises stays without a result."""

    threads: list[threading.Thread] = field(default_factory=list)

    def start(self, kind: str, title: str, target: str, parameters: dict[str, Any]) -> Job:
        """Run `target` with `parameters` and give its job, as the supervisor does."""
        spec = JobSpec(secrets.token_hex(6), kind, title, target, parameters)
        folder = JobFolder(folders().jobs / spec.id)
        thread = threading.Thread(target=_run, args=(folder, spec, folder.create(spec)))
        self.threads.append(thread)
        thread.start()
        return Job(folder, spec)

    def end(self) -> None:
        """Wait until all have ended."""
        for thread in self.threads:
            thread.join()


def _run(folder: JobFolder, spec: JobSpec, lock: int) -> None:
    module, _, name = spec.target.partition(":")
    try:
        target = getattr(importlib.import_module(module), name)
        result = target(spec.parameters, Reporter(folder.events_file))
        message = str(result.get("message", ""))
        folder.write_result(JobResult("finished", message, "", result))
    finally:
        os.close(lock)
