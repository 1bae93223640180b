"""The job that trains: `ragopt_tui.training.execution.job:train`, light until it has a device."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import Any

from ragopt_tui.errors import RagoptError
from ragopt_tui.jobs.events import Reporter
from ragopt_tui.models.machine import this_machine
from ragopt_tui.models.store import VariantStore
from ragopt_tui.settings import folders
from ragopt_tui.training.configuration.checks import (
    combination_errors,
    machine_errors,
    missing_errors,
)
from ragopt_tui.training.configuration.config import TrainingConfig, parse_config, write_config
from ragopt_tui.training.configuration.planned_base import check_base
from ragopt_tui.training.data.run_data import find_set, same_set
from ragopt_tui.training.execution.processes import run_processes
from ragopt_tui.training.execution.queueing import Devices, reserved
from ragopt_tui.training.runs.folder import RunFolder
from ragopt_tui.training.worker.failures import told
from ragopt_tui.training.worker.trained_base import check_same_base, trained_base


def train(parameters: dict[str, Any], report: Reporter) -> dict[str, Any]:
    """Train what the YAML `config` says, or go on with `run` from its last checkpoint.

    `original` is the user's own YAML, `working_folder` where the command was given. Gives the
    `variant` that was made, the `run`, its last `step` and a `message`.
    """
    config = parse_config(parameters["config"])
    run = RunFolder.of(parameters.get("run") or report.folder.name)
    resumes = bool(parameters.get("run"))
    store = VariantStore(folders().models)
    _check(config, store)
    base = trained_base(store, config)
    made = run.read_made()
    if resumes:
        check_same_base(made, base)
        same_set(made, run.path.name)
    else:
        found = find_set(config.data, report)
        made = {
            "run": run.path.name,
            "config": asdict(config),
            "base": base.identity(),
            "data": {"id": found.id, "version": found.record.version},
        }
        _prepare(run, config, parameters.get("original", ""), made)
    wanted = None if config.accelerate_config else config.num_processes
    with reserved(report, wanted) as devices:
        _use_only(devices)
        if config.num_processes > 1 or config.accelerate_config:
            return run_processes(config, devices, report)
        from ragopt_tui.training.worker.worker import Task, work

        task = Task(config, run, devices.gpu, parameters.get("working_folder", ""))
        with told(config, run, devices.gpu):
            return work(task, report)


def _check(config: TrainingConfig, store: VariantStore) -> None:
    """Raise ConfigError for what is wrong before anything is loaded."""
    for error in [*missing_errors(config), *combination_errors(config)]:
        raise error
    check_base(config, store)
    for error in machine_errors(config, this_machine()):
        raise error


def _prepare(run: RunFolder, config: TrainingConfig, original: str, made: dict[str, Any]) -> None:
    try:
        run.prepare(write_config(config), original, made)
    except OSError as error:
        raise RagoptError(
            f"The run's folder {run.path} cannot be written: {error.strerror or error}.",
            "Free some space or check the folder's permissions.",
        ) from error


def _use_only(devices: Devices) -> None:
    """Have PyTorch, which is not imported yet, see the reserved GPUs alone."""
    if devices.gpu:
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(devices.names)
    # TRL would report its use, and trackers and tokenizers would say more than the log needs.
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    # Threads that spin while they wait slow each other down where anything else is at work.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("WANDB_SILENT", "true")
    os.environ.setdefault("PYTORCH_ALLOC_CONF", "expandable_segments:True")
