"""A training run as the list shows it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from ragopt_tui.training.configuration.values import TrainingConfig

RunState = Literal["training", "waiting", "finished", "cancelled", "failed", "died"]


@dataclass(frozen=True, slots=True)
class RunRow:
    """What is known of a run at one moment; `job` is the id of its last job.

    `warning` is what the watch over the loss said last. `variant` is the id of what the run made, `resumable`
    says that it ended early and has a checkpoint.
    """

    id: str
    job: str
    name: str
    state: RunState
    started: datetime
    config: TrainingConfig
    about: str = ""
    fraction: float | None = None
    step: int = 0
    steps: int = 0
    epoch: float | None = None
    loss: float | None = None
    evaluation: float | None = None
    speed: float | None = None
    seconds_left: float | None = None
    warning: str = ""
    warning_hint: str = ""
    problem: str = ""
    hint: str = ""
    said: str = ""
    variant: str = ""
    resumable: bool = False

    @property
    def under_way(self) -> bool:
        """Whether its job runs, be it that it waits."""
        return self.state in ("training", "waiting")
