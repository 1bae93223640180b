"""The memory and the processors of this machine, asked without loading a heavy library."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psutil  # type: ignore[import-untyped]

_QUERY = ("nvidia-smi", "--query-gpu=index,uuid,name,memory.total,memory.free")
_SECONDS_FOR_QUERY = 10.0
_CGROUP = Path("/sys/fs/cgroup")
_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Gpu:
    """One NVIDIA GPU that this process may use; sizes in bytes."""

    name: str
    total: int
    free: int


@dataclass(frozen=True, slots=True)
class Machine:
    """Memory in bytes; `available` is what can be had without pushing others out."""

    total: int
    available: int
    gpus: tuple[Gpu, ...] = ()
    transformers_on_gpu: bool = False
    llama_cpp_on_gpu: bool = False
    """Whether the installed library was built to use one of the GPUs."""

    fast_bfloat16: bool = False
    """Whether the processor multiplies bfloat16 itself; without that it is slower than float32."""

    def gpus_of(self, gguf: bool) -> tuple[Gpu, ...]:
        """Give the GPUs on which a model of that format would run."""
        return self.gpus if (self.llama_cpp_on_gpu if gguf else self.transformers_on_gpu) else ()


def this_machine() -> Machine:
    """Ask for the memory that is free now; takes up to a second where there is a GPU."""
    memory = psutil.virtual_memory()
    total, available = int(memory.total), int(memory.available)
    limit, used = _cgroup_limit()
    if limit is not None:
        total, available = min(total, limit), min(available, max(limit - used, 0))
    gpus = _gpus()
    return Machine(
        total,
        available,
        gpus,
        transformers_on_gpu=bool(gpus) and not _torch_version().endswith("+cpu"),
        llama_cpp_on_gpu=bool(gpus) and _llama_cpp_has_cuda(),
        fast_bfloat16=fast_bfloat16(),
    )


@cache
def fast_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 itself."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    flags = next((line for line in text.splitlines() if line.startswith("flags")), "").split()
    return "amx_bf16" in flags or "avx512_bf16" in flags


def _cgroup_limit() -> tuple[int | None, int]:
    """Give the memory limit of this container, None if it has none, and what of it is in use."""
    try:
        limit = (_CGROUP / "memory.max").read_text().strip()
        if limit == "max":
            return None, 0
        used = int((_CGROUP / "memory.current").read_text())
        rows = dict(row.split() for row in (_CGROUP / "memory.stat").read_text().splitlines())
        # Pages of files that were read are given back when memory is asked for.
        return int(limit), used - int(rows.get("inactive_file", 0)) - int(
            rows.get("active_file", 0)
        )
    except (OSError, ValueError):
        return None, 0


def _gpus() -> tuple[Gpu, ...]:
    try:
        answer = subprocess.run(
            [*_QUERY, "--format=csv,noheader,nounits"],
            capture_output=True,
            text=True,
            timeout=_SECONDS_FOR_QUERY,
            check=True,
        )
        rows = [[cell.strip() for cell in row.split(",")] for row in answer.stdout.splitlines()]
        found = [
            (index, uuid, Gpu(name, int(total) * _MIB, int(free) * _MIB))
            for index, uuid, name, total, free in rows
        ]
    except (OSError, ValueError, subprocess.SubprocessError):
        return ()
    return _visible(found)


def _visible(found: list[tuple[str, str, Gpu]]) -> tuple[Gpu, ...]:
    wanted = os.environ.get("CUDA_VISIBLE_DEVICES")
    if wanted is None:
        return tuple(gpu for _, _, gpu in found)
    names = [name.strip() for name in wanted.split(",") if name.strip()]
    return tuple(
        gpu
        for name in names
        for index, uuid, gpu in found
        if name == index or (name.startswith("GPU-") and uuid.startswith(name))
    )


@cache
def _torch_version() -> str:
    try:
        return importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:
        return "+cpu"


@cache
def _llama_cpp_has_cuda() -> bool:
    package = importlib.util.find_spec("llama_cpp")
    folders = (package.submodule_search_locations or []) if package else []
    return any(any((Path(folder) / "lib").glob("*ggml-cuda*")) for folder in folders)
