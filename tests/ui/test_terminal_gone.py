"""What becomes of the interface when its terminal goes away."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import time
from pathlib import Path

_SECONDS = 20


def test_a_dropped_terminal_ends_the_interface(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    ours, theirs = pty.openpty()
    # Without a controlling terminal no signal tells the program that it has gone.
    process = subprocess.Popen(
        [sys.executable, "-m", "ragopt_tui", "--docs", str(docs)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        env=os.environ | {"TERM": "xterm-256color"},
    )
    os.close(theirs)
    shown = b""
    deadline = time.monotonic() + _SECONDS
    while b"Ask" not in shown and time.monotonic() < deadline:
        shown += os.read(ours, 65536)
    os.close(ours)
    try:
        assert process.wait(_SECONDS) is not None
    finally:
        process.kill()
