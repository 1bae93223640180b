"""Score every line of packed cases with the skimmer, on a GPU.

usage: PYTHONPATH=recipes/cross_encoder:. python -m recipes.builtin_model.skim PACKED.npz SKIMMER.safetensors WORDS.safetensors LOGITS.npz

WORDS holds the built-in embedder's word embeddings as `words.weight`, which the skimmer shares.
"""

from __future__ import annotations

import sys

import numpy as np
import torch
from encoders import PairEncoder
from safetensors.torch import load_file

from recipes.cross_encoder.train import Packed, score_all


def main(packed: str, skimmer: str, words: str, target: str) -> None:
    """Write `logits`, float16 of (cases, lines), -1e4 where there is no line."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = PairEncoder(384, 12, 3, 30522, 512, 1e-12, relative=False)
    state = load_file(skimmer) | load_file(words)
    model.load_state_dict({name: tensor.float() for name, tensor in state.items()})
    logits = score_all(model.to(device).eval(), Packed.read(packed, device))
    np.savez_compressed(target, logits=logits.cpu().numpy().astype(np.float16))


if __name__ == "__main__":
    main(*sys.argv[1:])
