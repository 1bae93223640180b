"""Listing, filtering and finding among 300 variants, against a walk that reads the same files.

A third of the variants are Hugging Face folders in two weight files, a third adapters on them, a
third GGUF files. The baseline walks the library's folder and parses each variant.json; the store
also looks at every file of every variant and says what is wrong with it. Runs alternate; the median
and the fastest are printed, as other programs disturb the clock. Exits with 1 where the fastest
listing, lineage or finding takes more than 100 ms.

    python -m benchmarks.library [--variants N] [--rounds N]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy
from gguf import GGUFWriter
from safetensors.numpy import save_file

from ragopt_tui.models.record import Source
from ragopt_tui.models.store import VariantStore

LIMIT_MS = 100.0
QUERY = "model.layers.0.self_attn.q_proj"


def base(folder: Path) -> Path:
    """Write a small Hugging Face folder."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text('{"architectures": ["LlamaForCausalLM"]}')
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    for name in ("tokenizer.json", "tokenizer_config.json", "generation_config.json"):
        (folder / name).write_text("{}")
    tensors = {f"{QUERY}.weight": "a", "lm_head.weight": "b"}
    for name, part in tensors.items():
        save_file({name: numpy.zeros((4, 4), "f2")}, folder / f"model-{part}.safetensors")
    weight_map = {name: f"model-{part}.safetensors" for name, part in tensors.items()}
    index = json.dumps({"weight_map": weight_map})
    (folder / "model.safetensors.index.json").write_text(index)
    return folder


def adapter(folder: Path, named: str) -> Path:
    """Write a small adapter for the base of that name."""
    folder.mkdir(parents=True)
    config = {"peft_type": "LORA", "base_model_name_or_path": named, "r": 2}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    shapes = {"A": (2, 4), "B": (4, 2)}
    tensors = {
        f"base_model.model.{QUERY}.lora_{part}.weight": numpy.zeros(shape, "f4")
        for part, shape in shapes.items()
    }
    save_file(tensors, folder / "adapter_model.safetensors")
    return folder


def gguf(file: Path) -> Path:
    """Write a small GGUF file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    writer = GGUFWriter(file, "llama")
    writer.add_chat_template("{{ messages }}")
    writer.add_tensor("output.weight", numpy.zeros((4, 4), "f4"))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def fill(store: VariantStore, place: Path, count: int) -> None:
    """Add that many variants."""
    for number in range(count // 3):
        hub_id = f"org/model-{number}"
        store.add(base(place / f"model-{number}"), source=Source(hub_id))
        store.add(adapter(place / f"tuned-{number}", hub_id))
        store.add(gguf(place / "gguf" / f"model-{number}-Q4_K_M.gguf"))


def walk(folder: Path) -> int:
    """Read every variant.json below a folder, as bare as it can be done."""
    found = 0
    for place, _, files in os.walk(folder):
        if "variant.json" in files:
            json.loads(Path(place, "variant.json").read_bytes())
            found += 1
    return found


def measured(tasks: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Give the milliseconds of each run of each task; the tasks alternate."""
    times: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(rounds):
        for name, task in tasks.items():
            started = time.perf_counter()
            task()
            times[name].append((time.perf_counter() - started) * 1000)
    return times


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--variants", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        store = VariantStore(Path(place, "library"))
        fill(store, Path(place, "models"), options.variants)
        variants = store.variants()
        problems = sum(bool(variant.problem) for variant in variants)
        last = f"model-{options.variants // 3 - 1}-q"
        tasks: dict[str, Callable[[], object]] = {
            "walk": lambda: walk(store.folder.path),
            "list": store.variants,
            "lineage": store.lineage,
            "find by prefix": lambda: store.find(last),
            "find by id": lambda: store.find("tuned-0"),
            "filter the list": lambda: [v for v in variants if "tuned-1" in v.name.lower()],
        }
        times = measured(tasks, options.rounds)
    print(f"{len(variants)} variants, {problems} with a problem")
    walked = statistics.median(times["walk"])
    for name, each in times.items():
        median = statistics.median(each)
        ratio = f"{median / walked:5.2f} x the bare walk"
        print(f"{name:<16} median {median:8.2f} ms, fastest {min(each):7.2f} ms   {ratio}")
    slowest = max(min(times[name]) for name in ("list", "lineage", "find by prefix"))
    return 1 if slowest > LIMIT_MS else 0


if __name__ == "__main__":
    sys.exit(main())
