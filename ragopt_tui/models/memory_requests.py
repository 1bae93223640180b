"""Asking the chat model to step aside: a file for each process that needs its memory.

A training run that lacks memory asks; the engine, wherever one runs, frees its model when it is idle
and loads it again for the next question.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from ragopt_tui.settings import folders

_POLL_SECONDS = 0.2


def memory_is_wanted() -> bool:
    """Whether a process that lives has asked for memory; those of ended processes are removed."""
    wanted = False
    with contextlib.suppress(OSError):
        for file in _folder().iterdir():
            if _lives(file.name):
                wanted = True
            else:
                file.unlink(missing_ok=True)
    return wanted


@contextlib.contextmanager
def asking_for_memory() -> Iterator[None]:
    """Ask for memory while the block runs."""
    file = _folder() / str(os.getpid())
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def wait_for_memory(enough: Callable[[], bool], seconds: float) -> bool:
    """Ask for memory until there is enough, at most so long; gives whether there is."""
    deadline = time.monotonic() + seconds
    with asking_for_memory():
        while not enough():
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_SECONDS)
    return True


def _folder() -> Path:
    return folders().data / "needs_memory"


def _lives(process: str) -> bool:
    if not process.isdecimal():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
