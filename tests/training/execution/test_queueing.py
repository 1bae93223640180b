"""One run at a time on a device."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ragopt_tui.errors import RagoptError
from ragopt_tui.jobs.events import JobCancelled, Reporter
from ragopt_tui.training.execution import queueing
from ragopt_tui.training.execution.queueing import CPU, devices_here, reserved


def reporter(folder: Path) -> Reporter:
    folder.mkdir(parents=True)
    return Reporter(folder / "events.jsonl")


class SeenWaiting(Reporter):
    """Tells when its job has said that it waits."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        super().__init__(folder / "events.jsonl")
        self.waits = threading.Event()
        self.words = ""

    def message(self, text: str) -> None:
        self.words = text
        self.waits.set()


def test_the_second_run_waits_says_for_whom_and_goes_on_when_the_first_ends(tmp_path: Path) -> None:
    second, went_on = SeenWaiting(tmp_path / "second"), threading.Event()

    def run() -> None:
        with reserved(second) as devices:
            assert devices.names == (CPU,)
            went_on.set()

    with reserved(reporter(tmp_path / "first")) as devices:
        assert not devices.gpu
        thread = threading.Thread(target=run)
        thread.start()
        assert second.waits.wait(30)
        assert "run first trains" in second.words
        assert not went_on.is_set()
    assert went_on.wait(30)
    thread.join()


def test_a_run_that_waits_can_be_cancelled(tmp_path: Path) -> None:
    second = reporter(tmp_path / "second")
    second.cancel()
    with (
        reserved(reporter(tmp_path / "first")),
        pytest.raises(JobCancelled),
        reserved(second),
    ):
        pass


def test_a_run_that_was_killed_holds_nothing(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path;"
        "from ragopt_tui.jobs.events import Reporter;"
        "from ragopt_tui.training.execution.queueing import reserved\n"
        "with reserved(Reporter(Path(sys.argv[1]))):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)"
    )
    (tmp_path / "killed").mkdir()
    command = [sys.executable, "-c", code, str(tmp_path / "killed" / "events.jsonl")]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    with reserved(reporter(tmp_path / "next")) as devices:
        assert devices.names == (CPU,)


def test_gpus_are_taken_one_by_one_and_only_those_that_are_visible(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queueing, "devices_here", lambda: ("2", "GPU-a/b"))
    with reserved(reporter(tmp_path / "first")) as first:
        assert (first.names, first.gpu) == (("2",), True)
        with reserved(reporter(tmp_path / "second")) as second:
            assert second.names == ("GPU-a/b",)
    with reserved(reporter(tmp_path / "both"), 2) as both:
        assert both.names == ("2", "GPU-a/b")
        third = reporter(tmp_path / "third")
        third.cancel()
        with pytest.raises(JobCancelled), reserved(third):
            pass
    with pytest.raises(RagoptError, match="wants 3 GPUs, and this machine has 2"):
        reserved(reporter(tmp_path / "many"), 3).__enter__()


def test_without_a_gpu_the_processor_is_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert devices_here() == (CPU,)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == ""
