"""A transformer encoder that gives one number for a pair of texts, as plain torch.

It runs the layers of BERT (Devlin et al., 2019: token types, positions) or of MPNet (Song et al.,
2020: relative positions), told apart by their weights. Weights may be stored in 8 bits with a
scale for each row: `NAME.codes` times `NAME.scales` is `NAME`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as functional

_HEADS = 12
_RELATIVE = "relative.weight"
_MPNET_FIRST_POSITION = 2


class PairEncoder:
    """(batch, length) token ids and their mask to (batch,) logits, read off the first token."""

    def __init__(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Take restored weights, all of one dtype on one device."""
        self.is_mpnet = _RELATIVE in weights
        self._weights = weights
        self._width = weights["words.weight"].shape[1]
        self._layers = sum(name.endswith(".qkv.bias") for name in weights)
        self._epsilon = 1e-5 if self.is_mpnet else 1e-12

    def __call__(self, ids: torch.Tensor, mask: torch.Tensor, second_from: int) -> torch.Tensor:
        """Encode pairs; the second text begins at token `second_from`, `mask` is True at tokens."""
        length = ids.shape[1]
        first = _MPNET_FIRST_POSITION if self.is_mpnet else 0
        states = self._weights["words.weight"][ids]
        states = states + self._weights["positions.weight"][first : first + length]
        bias = torch.zeros(1, dtype=states.dtype, device=ids.device)
        if self.is_mpnet:
            near = self._weights[_RELATIVE][_distances(length, ids.device)]
            bias = near.permute(2, 0, 1)[None]
        else:
            is_second = (torch.arange(length, device=ids.device) >= second_from) & mask
            states = states + self._weights["types.weight"][is_second.long()]
        bias = torch.where(mask[:, None, None], bias, torch.full_like(bias, -1e4))
        states = self._norm("norm", states)
        for layer in range(self._layers):
            states = self._layer(f"layers.{layer}.", states, bias)
        return self._linear("head", states[:, 0])[:, 0]

    def _layer(self, at: str, states: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        batch, length, _ = states.shape
        split = self._linear(f"{at}qkv", states).view(batch, length, 3, _HEADS, -1)
        query, key, value = split.permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        mixed = mixed.transpose(1, 2).reshape(batch, length, self._width)
        states = self._norm(f"{at}attention_norm", states + self._linear(f"{at}out", mixed))
        wide = functional.gelu(self._linear(f"{at}wide", states))
        return self._norm(f"{at}norm", states + self._linear(f"{at}narrow", wide))

    def _linear(self, name: str, states: torch.Tensor) -> torch.Tensor:
        weight, bias = self._weights[f"{name}.weight"], self._weights[f"{name}.bias"]
        return functional.linear(states, weight, bias)

    def _norm(self, name: str, states: torch.Tensor) -> torch.Tensor:
        weight, bias = self._weights[f"{name}.weight"], self._weights[f"{name}.bias"]
        return functional.layer_norm(states, (self._width,), weight, bias, self._epsilon)


def restored(
    stored: Mapping[str, torch.Tensor], dtype: torch.dtype, device: torch.device
) -> dict[str, torch.Tensor]:
    """Give stored weights as numbers: rows of `.codes` times their `.scales`, others as they are."""
    weights = {}
    for name, tensor in stored.items():
        if name.endswith(".codes"):
            scales = stored[f"{name.removesuffix('.codes')}.scales"]
            weights[name.removesuffix(".codes")] = (tensor.float() * scales).to(device, dtype)
        elif not name.endswith(".scales"):
            weights[name] = tensor.to(device, dtype)
    return weights


def _distances(length: int, device: torch.device) -> torch.Tensor:
    """Number how far apart positions are, (length, length), as T5 does (Raffel et al., 2020).

    16 numbers in each direction: exact up to 7, then logarithmic up to 128.
    """
    at = torch.arange(length, device=device)
    apart = at[:, None] - at[None]
    size = apart.abs()
    far = 8 + (torch.log(size.clamp(min=1) / 8) / math.log(128 / 8) * 8).long()
    return torch.where(size < 8, size, far.clamp(max=15)) + 16 * (apart < 0)
