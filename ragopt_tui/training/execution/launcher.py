"""How the processes of a run are started: one for each device, or as an accelerate config says."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ragopt_tui.training.configuration.values import TrainingConfig

_HERE = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Launch:
    """One process to start: its command line, and its whole environment."""

    arguments: tuple[str, ...]
    environment: Mapping[str, str]


def launches(
    config: TrainingConfig, gpus: Sequence[str], module: str, arguments: Sequence[str]
) -> list[Launch]:
    """Give the processes in which `python -m module arguments` trains; each gets all arguments.

    `gpus` are the names of those that may be used, as in CUDA_VISIBLE_DEVICES, none for the
    processor. Without an accelerate config, each of `num_processes` processes knows its place as
    torch.distributed and accelerate look for it (RANK, WORLD_SIZE, MASTER_PORT …). With one, a
    single process of accelerate's starts the others, as many as the config says unless
    `num_processes` is more than 1.
    """
    own = (sys.executable, "-m", module, *arguments)
    if config.accelerate_config:
        return [Launch(_accelerate(config, module, arguments), _environment(gpus))]
    if config.num_processes == 1:
        return [Launch(own, _environment(gpus))]
    port = _free_port()
    return [
        Launch(own, _environment(gpus) | _place(rank, config.num_processes, port, bool(gpus)))
        for rank in range(config.num_processes)
    ]


def _accelerate(config: TrainingConfig, module: str, arguments: Sequence[str]) -> tuple[str, ...]:
    command = [sys.executable, "-m", "accelerate.commands.launch"]
    command += ["--config_file", config.accelerate_config]
    if config.num_processes > 1:
        command += ["--num_processes", str(config.num_processes)]
    return (*command, "--module", module, *arguments)


def _environment(gpus: Sequence[str]) -> dict[str, str]:
    """Give the environment of this process, with these GPUs alone."""
    environment = dict(os.environ)
    environment["CUDA_VISIBLE_DEVICES"] = ",".join(gpus)
    if not gpus:
        environment["ACCELERATE_USE_CPU"] = "true"
    return environment


def _place(rank: int, count: int, port: int, on_gpu: bool) -> dict[str, str]:
    """Give what tells a process which of how many it is, and where they meet."""
    place = {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(count),
        "LOCAL_WORLD_SIZE": str(count),
        "MASTER_ADDR": _HERE,
        "MASTER_PORT": str(port),
    }
    if not on_gpu:
        # They share the cores.
        place["OMP_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // count))
    return place


def _free_port() -> int:
    with socket.socket() as here:
        here.bind((_HERE, 0))
        port: int = here.getsockname()[1]
    return port
