"""Training runs as the worker writes them, made without training: folders, jobs and events."""

from __future__ import annotations

import json
import math
import os
import random
from dataclasses import asdict, dataclass, field
from typing import Any

from ragopt_tui.jobs.folder import JobFolder, JobResult, JobSpec
from ragopt_tui.models.store import VariantStore
from ragopt_tui.settings import folders
from ragopt_tui.training.configuration.config import TrainingConfig, write_config
from ragopt_tui.training.runs.checkpoints import STEP, checkpoint_name
from tests.models.hub_models import folder_model

STARTED = 1_741_953_600.0
"""Noon of 14 March 2025, UTC."""

DIVERGED = (
    "The loss has risen from 0.61 to 9.80: the run diverges.",
    "Lower learning_rate (a tenth is a start) or give it more warmup_steps.",
)


@dataclass
class MadeRun:
    """A run in this test's home; its job lives as long as `lock` is held."""

    id: str
    config: TrainingConfig
    total: int
    job: JobFolder
    lock: int | None
    seed: int = 0
    step: int = 0
    logged: list[dict[str, Any]] = field(default_factory=list)

    def say(self, type: str, **values: Any) -> None:
        """Append one event."""
        self._write([{"time": STARTED + self.step, "type": type, **values}])

    def log(self, steps: int, factor: float = 1.0, evaluate_every: int = 0) -> None:
        """Log so many further steps of a loss that falls, `factor` times as high."""
        values = random.Random(self.seed + self.step)
        lines: list[dict[str, Any]] = []
        for step in range(self.step + 1, self.step + steps + 1):
            part = step / self.total
            loss = factor * (0.5 + 3 * math.exp(-8 * part)) + values.gauss(0, 0.08)
            lines.append(
                {
                    "time": STARTED + step,
                    "type": "train",
                    "step": step,
                    "epoch": round(3 * part, 4),
                    "loss": round(abs(loss), 6),
                    "learning_rate": 2e-4 * 0.5 * (1 + math.cos(math.pi * part)),
                    "grad_norm": round(abs(values.gauss(1.2, 0.3)), 6),
                    "tokens": step * 512,
                    "tokens_per_second": round(values.gauss(2100, 60), 3),
                    "gpu_bytes": 9_000_000_000 + step * 1000,
                    "host_bytes": 2_400_000_000,
                }
            )
            if evaluate_every and step % evaluate_every == 0:
                value = factor * (0.62 + 3 * math.exp(-8 * part))
                lines.append(
                    {
                        "time": STARTED + step,
                        "type": "evaluation",
                        "step": step,
                        "epoch": round(3 * part, 4),
                        "loss": round(value, 6),
                    }
                )
        self.step += steps
        self._write(lines)
        self._progress()

    def checkpoint(self, variant: str, best: bool = False) -> None:
        """Say that a checkpoint was kept."""
        self.say("checkpoint", step=self.step, variant=variant, best=best)

    def keep_checkpoint(self) -> str:
        """Put a checkpoint of the last step into the library, as the worker does; give its id."""
        store = VariantStore(folders().models)
        with store.folder.changing():
            folder = store.folder.new_folder()
        for name, content in folder_model().items():
            (folder / name).write_bytes(content)
        made = {"run": self.id, "config": asdict(self.config), "step": STEP, "at": self.step}
        name = checkpoint_name(self.config.name, self.step)
        id = store.adopt(folder, name=name, kind="base", made=made).variant.id
        self.checkpoint(id)
        return id

    def diverge(self) -> None:
        """Log a loss that rises, and what the watch says of it."""
        lines = []
        for n in range(1, 9):
            step = self.step + n
            lines.append(
                {
                    "time": STARTED + step,
                    "type": "train",
                    "step": step,
                    "epoch": round(3 * step / self.total, 4),
                    "loss": 1.4**n if n < 8 else None,
                    "learning_rate": 2e-4,
                    "grad_norm": 3.0**n,
                    "tokens": step * 512,
                    "tokens_per_second": 2100.0,
                    "gpu_bytes": None,
                    "host_bytes": 2_400_000_000,
                }
            )
        self.step += 8
        self._write(lines)
        text, hint = DIVERGED
        self.say("watch", step=self.step, kind="exploding", text=text, hint=hint)
        self._progress()

    def end(self, result: JobResult) -> None:
        """End the job with a result."""
        self.job.write_result(result)
        self.die()

    def die(self) -> None:
        """End the job's process; without a result it died."""
        if self.lock is not None:
            os.close(self.lock)
            self.lock = None

    def _progress(self) -> None:
        self.say(
            "progress",
            stage="training",
            done=self.step,
            total=self.total,
            unit="steps",
            detail="",
            eta_seconds=float(self.total - self.step),
            place="",
        )

    def _write(self, events: list[dict[str, Any]]) -> None:
        self.logged += [each for each in events if each["type"] in ("train", "evaluation")]
        lines = (json.dumps(each, separators=(",", ":")) + "\n" for each in events)
        with self.job.events_file.open("a") as file:
            file.writelines(lines)


def made_run(
    id: str,
    total: int = 300,
    config: TrainingConfig | None = None,
    started: float = STARTED,
    seed: int = 0,
    original: str = "",
) -> MadeRun:
    """Begin a run whose id ends in `id`; it is under way until it is ended."""
    config = config or TrainingConfig(name="fin-qa")
    whole = f"20250314-120000-{id}"
    folder = folders().data / "runs" / whole
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "config.yml").write_text(write_config(config))
    spec = JobSpec(
        whole,
        "train",
        f"train {config.name}",
        "ragopt_tui.training.execution.job:train",
        {"config": write_config(config), "original": original, "run": "", "grace_seconds": 600.0},
        created=started,
    )
    job = JobFolder(folders().jobs / whole)
    return MadeRun(whole, config, total, job, job.create(spec), seed)
