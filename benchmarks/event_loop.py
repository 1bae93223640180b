"""Event loop: how long the interface is away while documents are read and answers stream.

The program runs on copies of the sample documents, without a terminal but drawing all the same.
An index job reads all of them again, the built-in model is asked a question whenever none is open,
and a task that sleeps 5 ms at a time notes how late it wakes. Prints the 50th and 99th percentile
and the highest delay. Exits with 1 if the 99th percentile is above 100 ms.

    python benchmarks/event_loop.py [seconds]
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from textual.pilot import Pilot

from ragopt_tui.settings import Settings
from ragopt_tui.ui.app import RagoptApp
from ragopt_tui.ui.screens.main import MainScreen

LIMIT_MS = 100.0
STEP_SECONDS = 0.005
SAMPLES = Path(__file__).resolve().parents[1] / "sample_docs"
QUESTIONS = ("What was Veldmark's revenue in 2024?", "How did the operating margin develop?")
COPIES = 3
VARIANT = "builtin-q8_0"


async def delays(seconds: float, into: list[float]) -> None:
    """Note in ms how late each wake-up is."""
    end = time.perf_counter() + seconds
    while (before := time.perf_counter()) < end:
        await asyncio.sleep(STEP_SECONDS)
        into.append((time.perf_counter() - before - STEP_SECONDS) * 1000)


async def keep_asking(pilot: Pilot[None], screen: MainScreen) -> int:
    """Ask one question after the other until cancelled."""
    asked = 0
    while True:
        if not screen.dialogue.full and not screen.dialogue.busy:
            screen.pane.prompt.put(QUESTIONS[asked % len(QUESTIONS)])
            await pilot.press("enter")
            asked += 1
        await asyncio.sleep(0.05)


async def measure(docs: Path, seconds: float) -> tuple[list[float], int, bool]:
    """Give the delays, how many answers were whole, and whether the job ran all the time."""
    app = RagoptApp(docs, Settings(), VARIANT)
    late: list[float] = []
    async with app.run_test(size=(160, 45)) as pilot:
        screen = app.screen
        assert isinstance(screen, MainScreen)
        # An index serves already, so that answers come while another one is built.
        async with asyncio.timeout(300):
            while screen.workspace.indexing.running or not screen.dialogue.ready:
                await asyncio.sleep(0.1)
        screen.run_worker(screen.workspace.follow_index(rebuild=True), group="index")
        asking = asyncio.create_task(keep_asking(pilot, screen))
        await delays(seconds, late)
        asking.cancel()
        answers = sum(exchange.state == "done" for exchange in screen.conversation.exchanges)
        return late, answers, screen.workspace.indexing.running


def percentile(values: list[float], share: float) -> float:
    """Give the value that `share` of all do not exceed."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def main() -> int:
    """Measure and print."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 30.0
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {"RAGOPT_HOME": home, "HF_HUB_OFFLINE": "1"}
        docs = Path(home, "reports")
        for copy in range(COPIES):
            shutil.copytree(SAMPLES, docs / str(copy))
        late, answers, still_reading = asyncio.run(measure(docs, seconds))
        _end_jobs()
    highest = max(late)
    p50, p99 = percentile(late, 0.5), percentile(late, 0.99)
    print(f"{answers} answers in {seconds:.0f} s, documents read meanwhile: {still_reading}")
    print(f"event loop late by  p50 {p50:.1f} ms  p99 {p99:.1f} ms  highest {highest:.0f} ms")
    print(f"p99 at most {LIMIT_MS:.0f} ms: {'yes' if p99 <= LIMIT_MS else 'no'}")
    return p99 > LIMIT_MS


def _end_jobs() -> None:
    from ragopt_tui.jobs import supervisor

    for job in supervisor.list_jobs():
        supervisor.cancel(job)


if __name__ == "__main__":
    raise SystemExit(main())
