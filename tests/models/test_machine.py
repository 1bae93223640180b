from __future__ import annotations

import os
from pathlib import Path

import pytest

from ragopt_tui.models import machine
from ragopt_tui.models.machine import Gpu, this_machine

MIB = 1 << 20


@pytest.fixture
def two_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An nvidia-smi that knows two GPUs."""
    tool = tmp_path / "nvidia-smi"
    tool.write_text(
        "#!/bin/sh\n"
        "echo '0, GPU-aaaa-1, NVIDIA A, 24576, 20000'\n"
        "echo '1, GPU-bbbb-2, NVIDIA B, 81920, 81000'\n"
    )
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


@pytest.mark.usefixtures("two_gpus")
@pytest.mark.parametrize(
    ("visible", "names"),
    [
        (None, ["NVIDIA A", "NVIDIA B"]),
        ("1", ["NVIDIA B"]),
        ("1,0", ["NVIDIA B", "NVIDIA A"]),
        ("GPU-aaaa", ["NVIDIA A"]),
        ("", []),
        ("-1", []),
    ],
)
def test_gpus_are_those_that_this_process_may_use(
    visible: str | None, names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    gpus = this_machine().gpus
    assert [gpu.name for gpu in gpus] == names
    if visible is None:
        assert gpus[0] == Gpu("NVIDIA A", 24576 * MIB, 20000 * MIB)


def test_the_limit_of_a_container_is_heeded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "_CGROUP", tmp_path)
    whole = this_machine()
    (tmp_path / "memory.max").write_text(f"{300 * MIB}\n")
    (tmp_path / "memory.current").write_text(f"{200 * MIB}\n")
    (tmp_path / "memory.stat").write_text(f"anon 1\ninactive_file {50 * MIB}\nactive_file 0\n")
    limited = this_machine()
    assert (limited.total, limited.available) == (300 * MIB, 150 * MIB)
    (tmp_path / "memory.max").write_text("max\n")
    assert this_machine().total == whole.total


def test_bfloat16_of_the_processor_is_what_torch_says() -> None:
    import torch

    known = torch.cpu.get_capabilities()
    assert machine.fast_bfloat16() == bool(known.get("amx_bf16") or known.get("avx512_bf16"))
