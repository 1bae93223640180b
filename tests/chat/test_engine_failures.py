from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from ragopt_tui.chat.engine import engine_log_file, told_to_user
from ragopt_tui.chat.engine_client import death_sentence
from ragopt_tui.errors import RagoptError


def test_every_way_to_die_has_a_sentence() -> None:
    assert death_sentence(-9) == (
        "The engine was killed, probably because memory ran out (SIGKILL)."
    )
    assert death_sentence(1) == "The engine ended unexpectedly with exit status 1."
    assert death_sentence(-99) == "The engine was ended by signal 99."
    for number in signal.valid_signals():
        assert death_sentence(-number).startswith("The engine ")


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: 1 bytes"),
    ],
)
def test_running_out_of_memory_is_told_as_that(error: Exception) -> None:
    assert "do not fit in memory" in told_to_user(error).message


def test_what_was_not_foreseen_points_at_the_log() -> None:
    told = told_to_user(KeyError("x"))
    assert "KeyError" in told.message
    assert str(engine_log_file()) in told.hint
    known = RagoptError("Said.", "Do.")
    assert told_to_user(known) is known


def test_the_engine_ignores_interrupts_trims_its_log_and_ends_with_its_input(home: Path) -> None:
    log = home / "logs" / "engine.log"
    log.parent.mkdir(parents=True)
    log.write_bytes(b"x" * 2_100_000)
    engine = subprocess.Popen(
        [sys.executable, "-m", "ragopt_tui.chat.engine"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ,
    )
    assert engine.stdin is not None
    assert engine.stdout is not None
    assert json.loads(engine.stdout.readline())["type"] == "ready"
    assert log.stat().st_size == 0
    engine.send_signal(signal.SIGINT)
    engine.stdin.write(b'no request\n{"id": 1, "method": "x", "params": {}}\n')
    engine.stdin.flush()
    failed = json.loads(engine.stdout.readline())
    assert (failed["request"], failed["type"]) == (1, "failed")
    assert b"a line was no request" in log.read_bytes()
    engine.stdin.close()
    assert engine.wait(timeout=30) == 0
    assert engine.stdout.read() == b""
