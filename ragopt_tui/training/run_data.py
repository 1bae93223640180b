"""The data set that a run's configuration names."""

from __future__ import annotations

from ragopt_tui.training.config import TrainingConfig
from ragopt_tui.training.data.store import DataSet, DataSetStore


def find_data(config: TrainingConfig) -> DataSet:
    """Find the set; raises RagoptError where there is none."""
    return DataSetStore().find(config.data.set)
