"""Weights as a 4-bit base holds them, in full precision again.

A QLoRA adapter was trained against the rounded weights: merged into these it gives the model that
was trained, merged into the original ones only nearly.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True, slots=True)
class Nf4:
    """How the base was loaded in training: `bnb_4bit_use_double_quant`, and values a block."""

    double_quant: bool = True
    block_size: int = 64

    def rounded(self, weight: torch.Tensor) -> torch.Tensor:
        """Quantise a weight to NF4 and give what it is computed with, in its own dtype."""
        from bitsandbytes import functional

        packed, state = functional.quantize_4bit(
            weight,
            blocksize=self.block_size,
            compress_statistics=self.double_quant,
            quant_type="nf4",
        )
        restored: torch.Tensor = functional.dequantize_4bit(packed, state)
        return restored.to(weight.dtype)
