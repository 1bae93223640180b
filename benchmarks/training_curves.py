"""How long the curves of 100,000 logged steps take to open, beside reading each line as JSON.

usage: python -m benchmarks.training_curves

Prints the seconds of both, of reading 100 points more, and of drawing a chart's columns.
"""

from __future__ import annotations

import json
import math
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from ragopt_tui.jobs.folder import JobFolder, JobSpec
from ragopt_tui.jobs.job import Job
from ragopt_tui.training.runs.curves import Curves, downsampled, smoothed

STEPS, MORE, COLUMNS = 100_000, 100, 200


def write(file: Path, first: int, count: int, rng: random.Random) -> None:
    """Append points as a run writes them, with an evaluation every thousand steps."""
    with file.open("a") as stream:
        for step in range(first, first + count):
            point = {
                "time": 1.7e9 + step, "type": "train", "step": step, "epoch": step / 3e4,
                "loss": 2 * math.exp(-step / 2e4) + rng.random() / 10,
                "learning_rate": 2e-4 * (1 - step / 2e5), "grad_norm": rng.random(),
                "tokens": 900 * step, "tokens_per_second": 3000 + rng.random(),
                "gpu_bytes": None, "host_bytes": 2_000_000_000 + rng.randrange(10**7),
            }  # fmt: skip
            stream.write(json.dumps(point, separators=(",", ":")) + "\n")
            if step % 1000 == 0:
                event = {"time": 1.7e9, "type": "evaluation", "step": step, "loss": rng.random()}
                stream.write(json.dumps(event, separators=(",", ":")) + "\n")


def timed(work: Callable[[], object]) -> float:
    """Give the seconds that something takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> int:
    """Measure and print; gives 1 where opening takes a second or more."""
    rng = random.Random(1)  # noqa: S311
    with tempfile.TemporaryDirectory() as place:
        folder = JobFolder(Path(place))
        write(folder.events_file, 1, STEPS, rng)
        curves = Curves([Job(folder, JobSpec("run", "train", "", "", {}))])
        naive = timed(lambda: list(map(json.loads, folder.events_file.read_text().splitlines())))
        opened = timed(curves.read)
        write(folder.events_file, STEPS + 1, MORE, rng)
        more = timed(curves.read)
        loss = curves.series["loss"]
        drawn = timed(lambda: downsampled(loss, COLUMNS))
        mean = timed(lambda: smoothed(loss.values, 0.9))
    assert len(loss) == STEPS + MORE
    print(f"{STEPS:,} steps: each line as JSON {naive:.2f} s, the curves {opened:.2f} s")
    print(f"ratio {opened / naive:.2f}")
    print(
        f"{MORE} steps more {1000 * more:.1f} ms, {COLUMNS} columns {1000 * drawn:.1f} ms, ", end=""
    )
    print(f"smoothed {1000 * mean:.0f} ms")
    return int(opened >= 1)


if __name__ == "__main__":
    sys.exit(main())
