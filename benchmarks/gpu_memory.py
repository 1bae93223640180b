"""The memory estimate against what a Mistral-7B-shaped model takes on a GPU.

usage: python -m benchmarks.gpu_memory [FOLDER [--small]]

Writes a model with random weights into FOLDER (15 GB, a new one if there is none), then loads it
in a process of its own for each precision and context, fills the context with a prompt, and
prints estimate, measured and their ratio. Measured is what nvidia-smi says that is in use, less
what was before the process: the driver's part and what PyTorch keeps count. `--small` tries the
script with a tiny shape; without a GPU the growth of the process is measured.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from ragopt_tui.models.machine import this_machine
from ragopt_tui.models.memory import MemoryNeed, measured, size_text
from ragopt_tui.models.model_files import ModelFiles
from ragopt_tui.models.variant import builtin_variants

CONTEXTS = (2048, 16384)
PRECISIONS = ("bf16", "nf4")
ANSWER_TOKENS = 16
LARGE = {
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "vocab_size": 32768,
}
SMALL = {
    "hidden_size": 256,
    "intermediate_size": 512,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 64,
    "vocab_size": 32768,
}


def main(folder: Path, small: bool) -> None:
    """Write the model if it is not there, and measure each precision and context."""
    command = [sys.executable, "-m", "benchmarks.gpu_memory"]
    if not (folder / "config.json").is_file():
        # PyTorch gives all of the GPU's memory back only when its process ends.
        shape = ["--small"] if small else []
        subprocess.run([*command, "--write", str(folder), *shape], check=True)
    for precision in PRECISIONS:
        for context in CONTEXTS:
            measuring = ["--measure", str(folder), precision, str(context)]
            subprocess.run([*command, *measuring], check=True)


def write_model(folder: Path, shape: dict[str, int]) -> None:
    """Write random bfloat16 weights of a Mistral shape, with the built-in model's tokenizer."""
    import torch
    from transformers import MistralConfig, MistralForCausalLM

    device = "cuda" if torch.cuda.is_available() else "cpu"
    config = MistralConfig(**shape, max_position_embeddings=32768, sliding_window=None)  # type: ignore[arg-type]
    torch.set_default_dtype(torch.bfloat16)
    with torch.device(device):
        model: Any = MistralForCausalLM(config)
    model.save_pretrained(folder, max_shard_size="4GB")
    tokenizer = next(v.path for v in builtin_variants() if v.id == "builtin")
    assert tokenizer is not None
    for file in (*tokenizer.glob("tokenizer*"), *tokenizer.glob("*.jinja")):
        shutil.copy(file, folder)


def measure(folder: Path, precision: Any, context: int) -> None:  # noqa: ANN401 - from the command line
    """Load, fill the context, and print one row."""
    from ragopt_tui.chat.backends.loading import LoadPlan, load_backend

    files, machine = ModelFiles(folder), this_machine()
    need = measured(files, precision, machine).need(context)
    before = used()
    backend = load_backend(LoadPlan(files, files.written(), context, precision=precision))
    loaded = used() - before
    words = context
    while (count := len(backend.prompt_tokens(asked(words)))) > context - ANSWER_TOKENS:
        words -= max((count - context + ANSWER_TOKENS) // 2, 1)
    for _ in backend.stream(asked(words), ANSWER_TOKENS, lambda: False):
        pass
    print_row(precision, context, count, need, used() - before, loaded)


def asked(words: int) -> list[dict[str, str]]:
    """Give a conversation of about that many tokens."""
    return [{"role": "user", "content": "was " * words}]


def print_row(
    precision: str, context: int, tokens: int, need: MemoryNeed, taken: int, loaded: int
) -> None:
    """Print estimate and measurement, and as JSON what they are made of."""
    print(
        f"{precision} at {context}: estimate {size_text(need.total)}, "
        f"measured {size_text(taken)}, ratio {need.total / taken:.3f}"
    )
    parts = {"weights": need.weights, "cache": need.cache, "overhead": need.overhead}
    print("  " + json.dumps(parts | {"loaded": loaded, "prompt": tokens} | allocated()), flush=True)


def used() -> int:
    """Give the bytes in use on the GPU as nvidia-smi sees it, or by this process without a GPU."""
    import psutil  # type: ignore[import-untyped]

    gpus = this_machine().gpus
    return gpus[0].total - gpus[0].free if gpus else int(psutil.Process().memory_info().rss)


def allocated() -> dict[str, int]:
    """Give what PyTorch's allocator handed out at most, and what it holds."""
    import torch

    if not torch.cuda.is_available():
        return {}
    return {
        "peak_allocated": torch.cuda.max_memory_allocated(),
        "reserved": torch.cuda.memory_reserved(),
    }


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        measure(Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
    elif sys.argv[1:2] == ["--write"]:
        write_model(Path(sys.argv[2]), SMALL if "--small" in sys.argv else LARGE)
    elif len(sys.argv) > 1:
        main(Path(sys.argv[1]), "--small" in sys.argv)
    else:
        with tempfile.TemporaryDirectory() as new:
            main(Path(new) / "model", small=False)
