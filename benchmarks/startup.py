"""Start-up: `ragopt-tui` to its first interactive frame against a bare Textual app.

Both run under a pseudo-terminal of 120 x 36, in turns, each in a process of its own. A run ends
when the frame shows the footer and, for ragopt-tui, the prompt, and a key pressed then comes back
on the screen. Prints the medians and their ratio; exits with 1 above 1.5.

    python benchmarks/startup.py [runs]
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path

from ragopt_tui.jobs import supervisor

LIMIT = 1.5
COLUMNS, ROWS = 120, 36
DEADLINE_SECONDS = 30.0
# A character that neither screen shows and no control sequence of theirs holds.
KEY = b"~"
BARE = """
from textual.app import App
from textual.widgets import Footer, Header, Input
class Bare(App):
    BINDINGS = [("f1", "help", "Help")]
    def compose(self):
        yield Header()
        yield Footer()
    def on_key(self, event):
        self.title = "pressed " + event.character
Bare().run()
"""


def seconds_to_answer(command: list[str], frame: bytes, environment: dict[str, str]) -> float:
    """Start a program and give the seconds until its first frame stood and it answered a key."""
    main, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    started = time.perf_counter()
    process = subprocess.Popen(
        command,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env=environment,
        start_new_session=True,
    )
    os.close(terminal)
    try:
        _read_until(main, frame)
        os.write(main, KEY)
        _read_until(main, KEY)
        return time.perf_counter() - started
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        os.close(main)


def _read_until(terminal: int, wanted: bytes) -> None:
    seen = b""
    deadline = time.perf_counter() + DEADLINE_SECONDS
    while wanted not in seen:
        ready, _, _ = select.select([terminal], [], [], max(0.0, deadline - time.perf_counter()))
        if not ready:
            raise SystemExit(
                f"{wanted!r} did not appear within {DEADLINE_SECONDS:.0f} s:\n{seen!r}"
            )
        seen += os.read(terminal, 65536)


def main() -> int:
    """Measure and print."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 11
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        docs = Path(home, "reports")
        docs.mkdir()
        docs.joinpath("note.txt").write_text("Revenue was EUR 12 million in 2024.\n")
        os.environ["RAGOPT_HOME"] = home
        environment = os.environ | {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
        ours = [sys.executable, "-m", "ragopt_tui", "--docs", str(docs)]
        bare = [sys.executable, "-c", BARE]
        bare_times, our_times = [], []
        for run in range(runs + 1):
            bare_seconds = seconds_to_answer(bare, b"Help", environment)
            our_seconds = seconds_to_answer(ours, b"Ask", environment)
            for job in supervisor.list_jobs():
                supervisor.cancel(job, grace_seconds=0)
            if run:  # The first run of each fills the caches.
                bare_times.append(bare_seconds)
                our_times.append(our_seconds)
    bare_median, our_median = statistics.median(bare_times), statistics.median(our_times)
    ratio = our_median / bare_median
    print(f"bare Textual app  {bare_median * 1000:6.0f} ms  (median of {runs})")
    print(f"ragopt-tui        {our_median * 1000:6.0f} ms")
    print(f"ratio             {ratio:6.2f}     (at most {LIMIT})")
    return ratio > LIMIT


if __name__ == "__main__":
    raise SystemExit(main())
