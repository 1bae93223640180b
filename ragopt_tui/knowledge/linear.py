"""Linear layers, with weights as they are or in 8 bits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, Self

import torch
import torch.nn.functional as functional

_INSTRUCTIONS = ("avx512_vnni", "avx_vnni", "amx_int8")
_LARGEST_CODE = 127


class Linear(Protocol):
    """(…, inputs) states to (…, outputs) in the states' own dtype."""

    def __call__(self, states: torch.Tensor) -> torch.Tensor:
        """Compute the layer."""

    def part(self, start: int, end: int) -> Self:
        """Give the layer that computes only some of the outputs."""


class PlainLinear:
    """`weight` is (outputs, inputs), `bias` (outputs,), both in the dtype of the states."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor) -> None:
        self._weight = weight
        self._bias = bias

    def __call__(self, states: torch.Tensor) -> torch.Tensor:
        """Compute the layer."""
        return functional.linear(states, self._weight, self._bias)

    def part(self, start: int, end: int) -> PlainLinear:
        """Give the layer that computes only some of the outputs."""
        return PlainLinear(self._weight[start:end], self._bias[start:end])


class ByteLinear:
    """Multiplies in 8 bits: weights with a scale for each output, states with one for each row.

    `codes` is int8 of shape (outputs, inputs), `scales` (outputs, 1), `bias` (outputs,); states are
    float32. One scale for all states would let a few large ones drown the others.
    """

    def __init__(self, codes: torch.Tensor, scales: torch.Tensor, bias: torch.Tensor) -> None:
        self._codes = codes
        self._scales = scales.float().reshape(-1)
        self._bias = bias.float()

    def __call__(self, states: torch.Tensor) -> torch.Tensor:
        """Compute the layer."""
        rows = states.reshape(-1, states.shape[-1])
        # Twenty times as fast as torch's infinity norm.
        largest = torch.maximum(rows.amax(1, keepdim=True), rows.amin(1, keepdim=True).neg_())
        scales = largest.clamp_(min=1e-9).div_(_LARGEST_CODE)
        codes = (rows / scales).round_().to(torch.int8)
        products = torch._int_mm(codes, self._codes.t()).float().mul_(scales)
        result = torch.addcmul(self._bias, products, self._scales)
        return result.view(*states.shape[:-1], -1)

    def part(self, start: int, end: int) -> ByteLinear:
        """Give the layer that computes only some of the outputs."""
        return ByteLinear(self._codes[start:end], self._scales[start:end], self._bias[start:end])


def linear_of(weights: Mapping[str, torch.Tensor], name: str) -> Linear:
    """Give a layer of stored weights: in 8 bits where `NAME.weight.codes` is among them."""
    bias = weights[f"{name}.bias"]
    codes = weights.get(f"{name}.weight.codes")
    if codes is None:
        return PlainLinear(weights[f"{name}.weight"], bias)
    return ByteLinear(codes, weights[f"{name}.weight.scales"], bias)


def in_bytes(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Give a weight (outputs, inputs) as int8 codes and a scale for each output, (outputs, 1)."""
    wide = weight.float()
    scales = wide.abs().amax(1, keepdim=True).clamp(min=1e-9) / _LARGEST_CODE
    return torch.round(wide / scales).to(torch.int8), scales


def multiplies_bytes(device: torch.device) -> bool:
    """Say whether 8 bits are the fastest here: a processor with instructions for their products.

    Without these, products of bytes are slower than those of floats, and may overflow.
    """
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    if device.type != "cpu" or not any(capabilities.get(name) for name in _INSTRUCTIONS):
        return False
    codes = torch.full((32, 64), -_LARGEST_CODE, dtype=torch.int8)
    try:
        products = torch._int_mm(codes, codes.t())
    except (AttributeError, RuntimeError):
        return False
    return bool((products == 64 * _LARGEST_CODE**2).all())
