"""Train tab: how long 100,000 steps take to show, and how long the event loop is away meanwhile.

A run of 100,000 logged steps lies there as its worker would have written it. The program is opened
without a terminal but drawing all the same, its Train tab too; then steps are appended as from a
run that goes on, the cursor moves and the charts are zoomed. A task that sleeps 5 ms at a time
notes how late it wakes, before as a baseline too. Another baseline is reading every line of the file with json.loads. Exits
with 1 if the curve took over a second or the loop was away for more than 100 ms.

    python benchmarks/training_tab.py [seconds] [steps]
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import os
import random
import sys
import tempfile
import time
from pathlib import Path

from ragopt_tui.jobs.folder import JobFolder, JobSpec
from ragopt_tui.settings import Settings, folders
from ragopt_tui.training.configuration.config import TrainingConfig, write_config
from ragopt_tui.ui.app import RagoptApp
from ragopt_tui.ui.screens.main import MainScreen
from ragopt_tui.ui.widgets.chart_board import ChartBoard

LIMIT_MS, LIMIT_SECONDS = 100.0, 1.0
STEP_SECONDS = 0.005
IDLE_SECONDS = 3.0
STEPS = 100_000
KEYS = ("left", "left", "plus", "left", "comma", "minus", "v", "0", "l", "l", "escape")


def lines(first: int, count: int) -> str:
    """Give the events of some steps as a worker writes them."""
    values = random.Random(first)  # noqa: S311 - not for secrets
    return "".join(
        json.dumps(
            {
                "time": 1.7e9 + step,
                "type": "train",
                "step": step,
                "epoch": step / 1000,
                "loss": 0.5 + 3 * math.exp(-step / 20_000) + values.gauss(0, 0.1),
                "learning_rate": 2e-4,
                "grad_norm": values.random(),
                "tokens": step * 1000,
                "tokens_per_second": values.gauss(2000, 50),
                "gpu_bytes": 9_000_000_000,
                "host_bytes": 2_000_000_000,
            },
            separators=(",", ":"),
        )
        + "\n"
        for step in range(first, first + count)
    )


def made_run(steps: int) -> JobFolder:
    """Make a run that is under way."""
    id = "20250314-120000-aaaa"
    config = write_config(TrainingConfig(name="long"))
    parameters = {"config": config, "original": "", "run": ""}
    spec = JobSpec(id, "train", "train long", "ragopt_tui.training.execution.job:train", parameters)
    job = JobFolder(folders().jobs / id)
    job.create(spec)
    job.events_file.write_text(lines(1, steps))
    return job


async def watched(into: list[float]) -> None:
    """Note in ms how late each wake-up is, until cancelled."""
    while True:
        before = time.perf_counter()
        await asyncio.sleep(STEP_SECONDS)
        into.append((time.perf_counter() - before - STEP_SECONDS) * 1000)


async def grow(job: JobFolder, steps: int) -> None:
    """Append a hundred steps ten times a second, until cancelled."""
    while True:
        await asyncio.sleep(0.1)
        text = await asyncio.to_thread(lines, steps + 1, 100)
        steps += 100
        with job.events_file.open("a") as file:
            file.write(text)


async def measure(
    docs: Path, job: JobFolder, steps: int, seconds: float
) -> tuple[float, float, list[float], list[float], list[float]]:
    """Give the seconds until the whole curve was drawn and those of them that the processor worked,
    and the delays before, while loading and after.
    """
    app = RagoptApp(docs, Settings())
    idle: list[float] = []
    loading: list[float] = []
    live: list[float] = []
    async with app.run_test(size=(160, 45)) as pilot:
        screen = app.screen
        assert isinstance(screen, MainScreen)
        async with asyncio.timeout(300):
            while screen.workspace.indexing.running or not screen.dialogue.ready:
                await asyncio.sleep(0.1)
        watching = asyncio.create_task(watched(idle))
        await asyncio.sleep(IDLE_SECONDS)
        watching.cancel()
        watching = asyncio.create_task(watched(loading))
        start, worked = time.perf_counter(), time.process_time()
        await app.run_action("screen.show_training")
        board = screen.query_one(ChartBoard)
        while not _shows(board, steps):
            await asyncio.sleep(STEP_SECONDS)
        shown, worked = time.perf_counter() - start, time.process_time() - worked
        watching.cancel()
        tasks = [asyncio.create_task(watched(live)), asyncio.create_task(grow(job, steps))]
        end = time.perf_counter() + seconds
        pressed = 0
        while time.perf_counter() < end:
            await pilot.press(KEYS[pressed % len(KEYS)])
            pressed += 1
            await asyncio.sleep(0.2)
        for task in tasks:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks)
    return shown, worked, idle, loading, live


def _shows(board: ChartBoard, steps: int) -> bool:
    if not board.pictures or not board.pictures[0].lines:
        return False
    reading = board.pictures[0].lines[0].reading
    return reading is not None and reading.step == steps


def main() -> int:
    """Measure and print."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 20.0
    steps = int(sys.argv[2]) if len(sys.argv) > 2 else STEPS
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {"RAGOPT_HOME": home, "HF_HUB_OFFLINE": "1"}
        docs = Path(home, "reports")
        docs.mkdir()
        docs.joinpath("report.md").write_text("# Report\n\nRevenue was 12 million in 2024.\n")
        job = made_run(steps)
        start = time.perf_counter()
        with job.events_file.open("rb") as file:
            count = sum(1 for line in file if json.loads(line))
        plain = time.perf_counter() - start
        shown, worked, idle, loading, live = asyncio.run(measure(docs, job, steps, seconds))
    print(f"{count:,} lines: json.loads of each {plain:.2f} s, shown as charts after {shown:.2f} s")
    print(f"of which the processor worked {worked:.2f} s")
    for what, late in (("idle", idle), ("loading", loading), ("going on", live)):
        late.sort()
        p99 = late[int(len(late) * 0.99)]
        print(f"event loop late while {what}: p99 {p99:.1f} ms  highest {late[-1]:.0f} ms")
    good = shown <= LIMIT_SECONDS and max(loading[-1], live[-1]) <= LIMIT_MS
    print(
        f"shown within {LIMIT_SECONDS:g} s, never away over {LIMIT_MS:.0f} ms: {'yes' if good else 'no'}"
    )
    return not good


if __name__ == "__main__":
    raise SystemExit(main())
