"""How fast training was on this machine before, from what earlier runs said of themselves."""

from __future__ import annotations

import statistics
from pathlib import Path

from ragopt_tui.errors import RagoptError
from ragopt_tui.jobs.events import last_lines, parsed_event
from ragopt_tui.jobs.supervisor import list_jobs
from ragopt_tui.models.machine import Machine
from ragopt_tui.training.configuration.config import parse_config
from ragopt_tui.training.configuration.values import TrainingConfig
from ragopt_tui.training.planning.plan import Throughput
from ragopt_tui.training.runs.starting import TARGET

_TAIL_BYTES = 1 << 16
_FEWEST_POINTS = 3


def earlier_throughput(config: TrainingConfig, base: str, machine: Machine) -> Throughput | None:
    """Give the speed of the newest run of the same base and method, None where there was none."""
    on_gpu = bool(machine.gpus_of(gguf=False))
    for job in list_jobs():
        if job.spec.target != TARGET:
            continue
        try:
            known = parse_config(str(job.spec.parameters.get("config", "")))
        except RagoptError:
            continue
        if known.base not in (config.base, base) or _method(known) != _method(config):
            continue
        points = _points(job.folder.events_file, on_gpu)
        if len(points) >= _FEWEST_POINTS:
            speed = statistics.median(points)
            return Throughput(speed, f"as in the run {known.name} ({job.id})")
    return None


def _method(config: TrainingConfig) -> tuple[object, ...]:
    """Give what speed depends on beside the base: what is computed for a token."""
    schedule, lora = config.training, config.lora
    whole = config.method == "full"
    adapter = () if whole else (lora.use_dora, lora.target_modules, lora.modules_to_save)
    return (
        config.method,
        config.quantization.bits,
        adapter,
        schedule.dtype,
        schedule.gradient_checkpointing,
        schedule.packing or schedule.padding_free,
        config.num_processes,
    )


def _points(events_file: Path, on_gpu: bool) -> list[float]:
    """Read the speeds at the end of a run, in tokens a second, if it had the same kind of device."""
    try:
        lines = last_lines(events_file, _TAIL_BYTES)
    except OSError:
        return []
    events = [event for line in lines if b'"train"' in line and (event := parsed_event(line))]
    return [
        float(event["tokens_per_second"])
        for event in events
        if event.get("type") == "train"
        and event.get("tokens_per_second")
        and (event.get("gpu_bytes") is not None) == on_gpu
    ]
