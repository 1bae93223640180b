"""Starting a run that was set up in the interface, checked as the command checks it."""

from __future__ import annotations

from pathlib import Path

from ragopt_tui.training.configuration.changes import with_absolute_paths
from ragopt_tui.training.configuration.checks import (
    combination_errors,
    machine_errors,
    missing_errors,
)
from ragopt_tui.training.configuration.config import TrainingConfig


def start(config: TrainingConfig, text: str) -> str:
    """Start a run that was written as `text`, and give the id of its job; to be called in a thread.

    Paths are those from the working folder on. Raises ConfigError for what does not go together,
    RagoptError where the job cannot be started.
    """
    from ragopt_tui.models.machine import this_machine
    from ragopt_tui.models.store import VariantStore
    from ragopt_tui.settings import folders
    from ragopt_tui.training.configuration.planned_base import check_base
    from ragopt_tui.training.data.store import DataSetStore
    from ragopt_tui.training.runs.starting import start_training

    store = VariantStore(folders().models)
    for error in [*missing_errors(config), *combination_errors(config)]:
        raise error
    check_base(config, store)
    for error in machine_errors(config, this_machine()):
        raise error
    ids = {record.variant.id for record in store.records()}
    ids |= {known.id for known in DataSetStore().sets()}
    placed = with_absolute_paths(config, [Path.cwd()], ids)
    return start_training(placed, text).id
