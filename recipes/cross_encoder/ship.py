"""Put trained weights where the program looks for them.

usage: python ship.py OUT MPNET.safetensors TARGET

The reader's word embeddings join it in 8 bits; files are kept under 50 MB each.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

LARGEST = 45_000_000


def main(trained: Path, mpnet: Path, target: Path) -> None:
    """Write `target/reader` and `target/skimmer`."""
    reader = load_file(trained / "reader.safetensors")
    words = load_file(mpnet)["embeddings.word_embeddings.weight"].float()
    scales = words.abs().amax(1, keepdim=True) / 127
    reader["words.weight.codes"] = torch.round(words / scales).to(torch.int8)
    reader["words.weight.scales"] = scales
    parts: list[dict[str, torch.Tensor]] = [{}]
    held = 0
    for name, tensor in sorted(reader.items()):
        size = tensor.numel() * tensor.element_size()
        if held + size > LARGEST:
            parts.append({})
            held = 0
        parts[-1][name] = tensor
        held += size
    for folder in ("reader", "skimmer"):
        (target / folder).mkdir(parents=True, exist_ok=True)
    for number, part in enumerate(parts, 1):
        name = f"model-{number:05}-of-{len(parts):05}.safetensors"
        save_file(part, target / "reader" / name)
    save_file(load_file(trained / "skimmer.safetensors"), target / "skimmer" / "model.safetensors")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
