"""What the built-in encoders share: tokenizer, device, number format, batches of token ids."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer

_BATCH_TEXTS = 32
_LEAST_FILLED = 0.8
"""A text shorter than this share of a batch's longest begins another batch."""


def whole_tokenizer(folder: Path) -> Tokenizer:
    """Load a folder's tokenizer so that it neither cuts texts off nor pads them."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def best_device() -> torch.device:
    """Give the GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def fast_dtype() -> torch.dtype:
    """Give bfloat16 where this machine computes in it (nearly twice as fast), else float32."""
    if torch.cuda.is_available():
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    native = capabilities.get("avx512_bf16") or capabilities.get("amx_bf16")
    return torch.bfloat16 if native else torch.float32


def batches_of_like_length(sequences: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """Give the rows of `sequences` in batches, longest first, so that little is padded."""
    order = sorted(range(len(sequences)), key=lambda row: -len(sequences[row]))
    batch: list[int] = []
    for row in order:
        shortest = _LEAST_FILLED * len(sequences[batch[0]]) if batch else 0
        if len(batch) == _BATCH_TEXTS or len(sequences[row]) < shortest:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def padded(
    sequences: Sequence[Sequence[int]], device: torch.device, padding: int = 0
) -> tuple[torch.Tensor, torch.Tensor]:
    """Give token ids (batch, longest), padded behind, and the mask that is True at tokens."""
    longest = max(map(len, sequences))
    ids = torch.tensor([[*s, *[padding] * (longest - len(s))] for s in sequences], device=device)
    lengths = torch.tensor([len(s) for s in sequences], device=device)
    return ids, torch.arange(longest, device=device) < lengths[:, None]
