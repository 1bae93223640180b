"""Merging a Mistral-7B-shaped adapter: peak memory, and throughput beside copying the same files.

    python -m benchmarks.merging [LAYERS]

Random weights of 32 layers (14.5 GB; with LAYERS fewer) and an adapter of rank 16 on q, k, v, o
with a trained head are written to a temporary folder. The baseline copies the base with
`shutil.copyfile`; both end with fsync and are run twice, in turns; the better run of each counts.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel
from transformers import AutoModelForCausalLM, MistralConfig

from benchmarks.process_memory import Ran, run_measured
from ragopt_tui.conversion.tensor_files import Made, write_tensors

_SHARD_LAYERS = 8
_ROUNDS = 2


def main(arguments: list[str]) -> None:
    """Make the files, run both ways in turns, print memory and the ratio."""
    layers = int(arguments[0]) if arguments else 32
    with tempfile.TemporaryDirectory(prefix="merging-") as scratch:
        folder = Path(scratch)
        base, adapter = folder / "base", folder / "adapter"
        size = make_base(base, layers)
        make_adapter(adapter, base)
        print(f"base: {size / 1e9:.2f} GB in {len(list(base.glob('*.safetensors')))} files")
        copying, merging = [], []
        for _ in range(_ROUNDS):
            copying.append(copy(base, folder / "copy"))
            merging.append(merge_apart(base, adapter, folder / "merged"))
        copied, whole = min(copying), min(run.seconds for run, _ in merging)
        merged = min(seconds for _, seconds in merging)
        peak = max(run.resident for run, _ in merging)
        print(f"copying: {size / copied / 1e9:.2f} GB/s")
        print(f"merging: {size / merged / 1e9:.2f} GB/s")
        print(f"throughput ratio: {copied / merged:.2f}  (wanted: 0.70 or more)")
        print(f"ratio with the start of Python and PEFT: {copied / whole:.2f}")
        print(f"peak resident memory of merging: {peak / 1e9:.2f} GB  (wanted: below 2.5)")


def make_base(folder: Path, layers: int) -> int:
    """Write random weights shard by shard; gives their bytes."""
    folder.mkdir()
    config = MistralConfig(num_hidden_layers=layers, sliding_window=None)
    config.architectures = ["MistralForCausalLM"]
    config.save_pretrained(folder)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)  # type: ignore[no-untyped-call]
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    total = 0
    shards: dict[int, dict[str, Made]] = {}
    for name, shape in shapes.items():
        layer = int(name.split(".")[2]) // _SHARD_LAYERS if ".layers." in name else 0
        shards.setdefault(layer, {})[name] = Made(shape, torch.bfloat16, _random(shape))
    weight_map: dict[str, str] = {}
    for number, shard in shards.items():
        file = f"model-{number + 1:05}-of-{len(shards):05}.safetensors"
        total += sum(write_tensors(folder / file, shard, {"format": "pt"}))
        weight_map |= dict.fromkeys(shard, file)
    index = {"metadata": {"total_size": total}, "weight_map": weight_map}

    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return total


def _random(shape: tuple[int, ...]) -> Callable[[], torch.Tensor]:
    return lambda: torch.empty(shape, dtype=torch.bfloat16).normal_(std=0.02)


def make_adapter(folder: Path, base: Path) -> None:
    """Write an adapter like that of a QLoRA run with a trained head."""
    config = LoraConfig(
        r=16,
        lora_alpha=4,
        target_modules=["q_proj", "k_proj", "v_proj", "o_proj"],
        modules_to_save=["lm_head"],
        task_type="CAUSAL_LM",
    )
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(MistralConfig.from_pretrained(base))  # type: ignore[no-untyped-call]
    adapted = PeftModel(model, config, low_cpu_mem_usage=True)
    tensors = {}
    for name, parameter in adapted.named_parameters():
        if ".default" in name:
            key = name.replace(".modules_to_save.default", "").replace(".default", "")
            tensors[key] = Made(
                tuple(parameter.shape), torch.bfloat16, _random(tuple(parameter.shape))
            )
    folder.mkdir()
    config.save_pretrained(str(folder))
    sum(write_tensors(folder / "adapter_model.safetensors", tensors, {"format": "pt"}))


def copy(base: Path, target: Path) -> float:
    """Copy the weights; gives the seconds until they are on disk. The copy is deleted."""
    started = time.monotonic()
    target.mkdir()
    for file in base.glob("*.safetensors"):
        shutil.copyfile(file, target / file.name)
        with (target / file.name).open("rb") as stream:
            os.fsync(stream.fileno())
    seconds = time.monotonic() - started
    shutil.rmtree(target)
    return seconds


def merge_apart(base: Path, adapter: Path, target: Path) -> tuple[Ran, float]:
    """Merge in a process of its own; gives its time and memory, and the seconds of merging alone.

    What it makes is deleted.
    """
    target.mkdir()
    code = (
        "import sys, time; from pathlib import Path\n"
        "from ragopt_tui.conversion.adapted_model import Adapter\n"
        "from ragopt_tui.conversion.merge import merge\n"
        "base, adapter, target = map(Path, sys.argv[1:])\n"
        "started = time.monotonic()\n"
        "merge(base, [Adapter(adapter)], target, lambda done, total: None)\n"
        "(target / 'seconds').write_text(str(time.monotonic() - started))\n"
    )
    ran = run_measured([sys.executable, "-c", code, base, adapter, target])
    seconds = float((target / "seconds").read_text())
    shutil.rmtree(target)
    return ran, seconds


if __name__ == "__main__":
    main(sys.argv[1:])
