"""Who asks the chat model for its memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from ragopt_tui.models.memory_requests import asking_for_memory, memory_is_wanted, wait_for_memory
from ragopt_tui.settings import folders


def test_memory_is_wanted_while_a_living_process_asks(home: Path) -> None:
    assert not memory_is_wanted()
    with asking_for_memory():
        assert memory_is_wanted()
    assert not memory_is_wanted()


def test_what_an_ended_process_asked_for_is_forgotten(home: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    folder = folders().data / "needs_memory"
    folder.mkdir(parents=True)
    (folder / str(ended.pid)).touch()
    (folder / "odd").touch()
    assert not memory_is_wanted()
    assert not list(folder.iterdir())


def test_waiting_ends_when_there_is_enough_and_when_time_is_up(home: Path) -> None:
    seen: list[bool] = []

    def enough() -> bool:
        seen.append(memory_is_wanted())
        return len(seen) == 2

    assert wait_for_memory(enough, 60)
    assert seen == [True, True]
    assert not wait_for_memory(lambda: False, 0)
    assert not memory_is_wanted()
