"""What the processes of a run must agree on: whether to stop after a step."""

from __future__ import annotations

import os
from collections.abc import Callable

import torch
import torch.distributed as dist

from ragopt_tui.jobs.events import Reporter
from ragopt_tui.jobs.folder import JobFolder
from ragopt_tui.training.worker.process import STOP_FILE


def stop_question(report: Reporter, job: JobFolder | None) -> Callable[[], bool]:
    """Give what is asked after each step: whether the run is to stop.

    `job` is the job's folder where there are several processes. They all stop after the same step,
    and end at once where the job's own process is gone.
    """
    if job is None:
        return lambda: report.cancelled
    folder = job
    # On processors, whose memory the answer is in already; the default group may be of GPUs.
    group = dist.new_group(backend="gloo") if dist.is_initialized() else None

    def asked() -> bool:
        if not folder.is_alive():
            os._exit(1)
        wanted = torch.tensor([float((folder.path / STOP_FILE).exists())])
        if group is not None:
            dist.all_reduce(wanted, group=group)
        return bool(wanted.item())

    return asked
