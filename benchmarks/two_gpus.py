"""One process against two on the same rows: the loss of each step, with the same batch in all.

usage: python -m benchmarks.two_gpus [--steps N]

Runs are jobs, as the program starts them: LoRA in bf16, and QLoRA in NF4 with a trained output layer,
each in one process with batches of two rows and in two processes with one row each. With GPUs there
are two more of LoRA, started by accelerate from a config file: one as DDP, one as FSDP. Without, two
processes share the processor by way of gloo. The model is of Mistral's shape with random weights: 8
layers of 1024 with GPUs, else 2 of 256. Printed are each run's losses, tokens a second and memory, and
its largest distance from one process, in nats. Gives 1 where that of DDP is above TOLERANCE; FSDP is
reported only.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.gpu_memory import SMALL, write_model
from benchmarks.training_throughput import made_examples
from ragopt_tui.jobs.job import Job
from ragopt_tui.training.configuration.config import TrainingConfig
from ragopt_tui.training.configuration.presets import preset
from ragopt_tui.training.configuration.values import Quantization
from ragopt_tui.training.data.record import DataSetRecord
from ragopt_tui.training.data.store import DataSetStore
from ragopt_tui.training.execution.queueing import CPU, devices_here
from ragopt_tui.training.runs.starting import start_training

TOLERANCE = 0.02
"""Two processes add up in another order, in bf16 with its 8 bits, and each step builds on the last."""

MIDDLE = {
    "hidden_size": 1024,
    "intermediate_size": 3584,
    "num_hidden_layers": 8,
    "num_attention_heads": 16,
    "num_key_value_heads": 8,
    "head_dim": 64,
    "vocab_size": 32768,
}
LEARNING_RATE, LONGEST, POLL_SECONDS, LOG_LINES = 1e-3, 256, 0.2, 30
DDP = """\
compute_environment: LOCAL_MACHINE
distributed_type: MULTI_GPU
mixed_precision: bf16
num_machines: 1
machine_rank: 0
num_processes: 2
use_cpu: false
"""
FSDP = """\
compute_environment: LOCAL_MACHINE
distributed_type: FSDP
fsdp_config:
  fsdp_version: 2
  fsdp_auto_wrap_policy: TRANSFORMER_BASED_WRAP
  fsdp_reshard_after_forward: true
  fsdp_offload_params: false
  fsdp_cpu_ram_efficient_loading: false
  fsdp_state_dict_type: FULL_STATE_DICT
mixed_precision: bf16
num_machines: 1
machine_rank: 0
num_processes: 2
use_cpu: false
"""


def main(steps: int) -> int:
    """Train and compare in a home of their own; gives 1 where two processes learn otherwise."""
    gpu = devices_here() != (CPU,)
    with tempfile.TemporaryDirectory(prefix="two-gpus-") as place:
        os.environ |= {"RAGOPT_HOME": place, "HF_HUB_OFFLINE": "1"}
        base = Path(place) / "mistral-shaped"
        # In a process of its own, whose memory on the GPU is free again when it ends.
        writing = multiprocessing.get_context("spawn").Process(
            target=write_model, args=(base, MIDDLE if gpu else SMALL)
        )
        writing.start()
        writing.join()
        assert writing.exitcode == 0, "the model could not be written"
        splits: Any = {"train": made_examples(LONGEST), "validation": [], "test": []}
        DataSetStore().add(DataSetRecord("", "rows", "", "text", 0.0, {}), splits)
        return compare(lora(base, steps), qlora(base, steps), Path(place), gpu)


def compare(whole: TrainingConfig, quantised: TrainingConfig, place: Path, gpu: bool) -> int:
    """Run all, those in one process side by side, and print how far they are apart."""
    alone = finished({"LoRA, one process": whole, "QLoRA, one process": quantised})
    of_whole, of_quantised = alone.values()
    far = [
        distance("LoRA, two processes", split(whole), of_whole),
        distance("QLoRA, two processes", split(quantised), of_quantised),
    ]
    if gpu:
        launched = by_accelerate(whole, place / "ddp.yml", DDP)
        far.append(distance("LoRA, accelerate with DDP", launched, of_whole))
        distance(
            "LoRA, accelerate with FSDP", by_accelerate(whole, place / "fsdp.yml", FSDP), of_whole
        )
    within = all(each is not None and each <= TOLERANCE for each in far)
    print(f"DDP within {TOLERANCE} of one process: {'yes' if within else 'NO'}")
    return int(not within)


def lora(base: Path, steps: int) -> TrainingConfig:
    """Give LoRA in bf16 without randomness, in one process."""
    config = preset("reference-0").config
    return replace(
        config, base=str(base), samples=(), quantization=Quantization(),
        data=replace(config.data, set="rows", validation=0),
        lora=replace(config.lora, lora_dropout=0.0, modules_to_save=()),
        training=replace(
            config.training, max_steps=steps, gradient_accumulation_steps=1, eval_steps=0,
            save_steps=0, max_length=LONGEST, dtype="bf16", learning_rate=LEARNING_RATE,
        ),
    )  # fmt: skip


def qlora(base: Path, steps: int) -> TrainingConfig:
    """Give QLoRA with a trained output layer, otherwise the same."""
    config = preset("reference-0").config
    trained = replace(config.lora, lora_dropout=0.0)
    return replace(lora(base, steps), quantization=config.quantization, lora=trained)


def split(config: TrainingConfig) -> TrainingConfig:
    """Share the batch between two processes."""
    schedule = replace(config.training, per_device_train_batch_size=1)
    return replace(config, training=schedule, num_processes=2)


def by_accelerate(config: TrainingConfig, file: Path, text: str) -> TrainingConfig:
    """Have accelerate start the two processes, as a file says."""
    file.write_text(text, encoding="utf-8")
    return replace(split(config), num_processes=1, accelerate_config=str(file))


def distance(name: str, config: TrainingConfig, alone: Sequence[Mapping[str, Any]]) -> float | None:
    """Run, and print and give how far its losses are from those in one process at most."""
    (points,) = finished({name: config}).values()
    if not points or len(points) != len(alone):
        return None
    far: float = max(abs(a["loss"] - b["loss"]) for a, b in zip(points, alone, strict=True))
    print(f"{name}: largest distance from one process {far:.5f}", flush=True)
    return far


def finished(configs: Mapping[str, TrainingConfig]) -> dict[str, list[dict[str, Any]]]:
    """Run jobs side by side, as far as there are devices; gives their points, none if they failed."""
    began = time.monotonic()
    jobs = {name: start_training(config) for name, config in configs.items()}
    while any(job.state == "running" for job in jobs.values()):
        time.sleep(POLL_SECONDS)
    found = {name: points_of(job) for name, job in jobs.items()}
    for name, job in jobs.items():
        tell(name, job, found[name])
    print(f"  ({time.monotonic() - began:.0f} s)", flush=True)
    return {name: found[name] if job.state == "finished" else [] for name, job in jobs.items()}


def tell(name: str, job: Job, points: Sequence[Mapping[str, Any]]) -> None:
    """Print why a run failed, if it did, and its figures as far as it came."""
    if job.state != "finished":
        log = job.log_file.read_text(errors="replace").splitlines()[-LOG_LINES:]
        print(f"{name}: {job.state}. {job.reason}\n" + "\n".join(log), flush=True)
    if len(points) < 2:
        return
    speeds = [each["tokens_per_second"] or 0.0 for each in points[1:]]
    memory = points[-1]["gpu_bytes"] or points[-1]["host_bytes"]
    curve = " ".join(f"{each['loss']:.4f}" for each in points)
    print(f"{name}: {statistics.median(speeds):,.0f} tokens/s, {memory / 2**30:.2f} GiB")
    print(f"  {curve}", flush=True)


def points_of(job: Job) -> list[dict[str, Any]]:
    """Give the points of a run's curves."""
    if not job.folder.events_file.is_file():
        return []
    lines = job.folder.events_file.read_text().splitlines()
    return [event for line in lines if (event := json.loads(line))["type"] == "train"]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=30)
    sys.exit(main(parser.parse_args().steps))
