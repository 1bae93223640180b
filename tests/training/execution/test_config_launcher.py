"""The processes of a run find each other, and see the GPUs that they are given alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ragopt_tui.training.configuration.config import TrainingConfig
from ragopt_tui.training.execution.launcher import launches

_MEET = """
import sys, torch, torch.distributed as together
together.init_process_group("gloo")
number = torch.tensor([together.get_rank() + 1.0])
together.all_reduce(number)
print(f"{together.get_rank()} of {together.get_world_size()}: {number.item():g} {sys.argv[1]}")
together.destroy_process_group()
"""


def test_one_process_sees_one_gpu_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOMETHING", "kept")
    [one] = launches(TrainingConfig(), ["GPU-3"], "a.module", ["x"])
    assert one.arguments == (sys.executable, "-m", "a.module", "x")
    assert one.environment["CUDA_VISIBLE_DEVICES"] == "GPU-3"
    assert one.environment["SOMETHING"] == "kept"
    assert "WORLD_SIZE" not in one.environment


def test_each_process_knows_its_place() -> None:
    both = launches(TrainingConfig(num_processes=2), ["0", "1"], "a.module", [])
    assert [each.environment["LOCAL_RANK"] for each in both] == ["0", "1"]
    assert {each.environment["WORLD_SIZE"] for each in both} == {"2"}
    assert {each.environment["CUDA_VISIBLE_DEVICES"] for each in both} == {"0,1"}
    assert len({each.environment["MASTER_PORT"] for each in both}) == 1
    assert all("ACCELERATE_USE_CPU" not in each.environment for each in both)


def test_an_accelerate_config_is_handed_on() -> None:
    config = TrainingConfig(accelerate_config="/c/fsdp.yml")
    [one] = launches(config, ["0", "1"], "a.module", ["x"])
    assert one.arguments[1:] == (
        "-m",
        "accelerate.commands.launch",
        "--config_file",
        "/c/fsdp.yml",
        "--module",
        "a.module",
        "x",
    )
    more = TrainingConfig(accelerate_config="/c/fsdp.yml", num_processes=4)
    [one] = launches(more, ["0"], "a.module", [])
    assert one.arguments[5:7] == ("--num_processes", "4")


def test_processes_on_the_processor_really_meet(tmp_path: Path) -> None:
    (tmp_path / "meeting.py").write_text(_MEET)
    started = [
        subprocess.Popen(
            each.arguments, env=each.environment, cwd=tmp_path, stdout=subprocess.PIPE, text=True
        )
        for each in launches(TrainingConfig(num_processes=2), [], "meeting", ["there"])
    ]
    said = [process.communicate(timeout=120)[0] for process in started]
    assert said == ["0 of 2: 3 there\n", "1 of 2: 3 there\n"]
