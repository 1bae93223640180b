"""The folder of a run: its configuration and its checkpoints, each complete before it is visible."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ragopt_tui.jobs.folder import write_aside
from ragopt_tui.settings import folders

_CHECKPOINT = re.compile(r"checkpoint-(\d+)")
_STATE = "run_state.json"
TRAINER_STATE = "trainer_state.json"


@dataclass(frozen=True, slots=True)
class RunState:
    """What a run knows at a checkpoint beside the trainer's own state, so that it goes on exactly.

    `loss_sum` is the sum of the losses of the steps since step `logged`.
    """

    step: int
    tokens: int = 0
    loss_sum: float = 0.0
    logged: int = 0
    evaluated: int = 0
    best_step: int = 0
    best_loss: float | None = None
    evaluations_without_better: int = 0
    loss: float | None = None
    """The last logged loss."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A complete checkpoint: weights, and all that resuming needs."""

    path: Path
    step: int

    def state(self) -> RunState:
        """Read what the run knew; raises OSError, ValueError or TypeError if it is damaged."""
        return RunState(**json.loads((self.path / _STATE).read_bytes()))


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The files of one run by their names."""

    path: Path

    @classmethod
    def of(cls, run: str) -> RunFolder:
        """Give the folder of a run by its id; it need not exist."""
        return cls(folders().data / "runs" / run)

    @property
    def config_file(self) -> Path:
        """The configuration, with every setting."""
        return self.path / "config.yml"

    @property
    def made_file(self) -> Path:
        """What the run is made from: its base and data set, as they were at the start."""
        return self.path / "made.json"

    @property
    def checkpoints_folder(self) -> Path:
        """Where checkpoints are."""
        return self.path / "checkpoints"

    def prepare(self, config: str, original: str, made: dict[str, Any]) -> None:
        """Write what the run is made from; `original` is the user's own YAML, if there was one."""
        self.checkpoints_folder.mkdir(parents=True, exist_ok=True)
        write_aside(self.config_file, config.encode())
        if original:
            write_aside(self.path / "config.original.yml", original.encode())
        write_aside(self.made_file, json.dumps(made, indent=1).encode())

    def read_made(self) -> dict[str, Any]:
        """Read what the run is made from; empty if that was never written or is damaged."""
        with contextlib.suppress(OSError, ValueError):
            values = json.loads(self.made_file.read_bytes())
            return values if isinstance(values, dict) else {}
        return {}

    def checkpoints(self) -> list[Checkpoint]:
        """Give the complete checkpoints, the earliest first."""
        found: list[Checkpoint] = []
        with contextlib.suppress(OSError):
            for place in self.checkpoints_folder.iterdir():
                named = _CHECKPOINT.fullmatch(place.name)
                if named and (place / _STATE).is_file():
                    found.append(Checkpoint(place, int(named[1])))
        return sorted(found, key=lambda each: each.step)

    def checkpoint(self, step: int) -> Checkpoint | None:
        """Give the checkpoint of a step, None if there is none."""
        return next((each for each in self.checkpoints() if each.step == step), None)

    def begin(self, step: int) -> Path:
        """Give the path at which the checkpoint of a step grows unseen.

        What a process that was killed left growing is removed.
        """
        for left in self.checkpoints_folder.glob(".new-*"):
            shutil.rmtree(left, ignore_errors=True)
        return self.checkpoints_folder / f".new-{step}"

    def complete(self, aside: Path, state: RunState) -> Checkpoint:
        """Make a grown checkpoint visible, in place of one of the same step."""
        (aside / _STATE).write_text(json.dumps(asdict(state), indent=1))
        target = self.checkpoints_folder / f"checkpoint-{state.step}"
        if target.exists():
            shutil.rmtree(target)
        aside.rename(target)
        return Checkpoint(target, state.step)
