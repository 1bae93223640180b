"""A transformer encoder that gives one number for a pair of texts, as plain torch.

It runs the layers of BERT (Devlin et al., 2019: token types, positions) or of MPNet (Song et al.,
2020: relative positions), told apart by their weights. Weights may be stored in 8 bits with a
scale for each row: `NAME.codes` times `NAME.scales` is `NAME`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as functional

from ragopt_tui.knowledge.linear import Linear, in_bytes, linear_of, multiplies_bytes

_HEADS = 12
_WORDS = "words.weight"
_RELATIVE = "relative.weight"
_MPNET_FIRST_POSITION = 2
_DEEPEST_IN_BYTES = 6
"""Over more layers the errors of 8 bits add up: another sentence may be quoted."""


class PairEncoder:
    """(batch, length) token ids and their mask to (batch,) logits, read off the first token."""

    def __init__(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Take prepared weights on one device."""
        self.is_mpnet = _RELATIVE in weights
        self._weights = weights
        self._dtype = weights["norm.weight"].dtype
        self._width = len(weights["norm.weight"])
        self._epsilon = 1e-5 if self.is_mpnet else 1e-12
        count = sum(name.endswith(".qkv.bias") for name in weights)
        self._layers = [self._layer(f"layers.{number}.") for number in range(count)]
        self._head = linear_of(weights, "head")

    def __call__(self, ids: torch.Tensor, mask: torch.Tensor, second_from: int) -> torch.Tensor:
        """Encode pairs; the second text begins at token `second_from`, `mask` is True at tokens."""
        length = ids.shape[1]
        first = _MPNET_FIRST_POSITION if self.is_mpnet else 0
        states = self._words(ids)
        states = states + self._weights["positions.weight"][first : first + length]
        bias = torch.zeros(1, dtype=self._dtype, device=ids.device)
        if self.is_mpnet:
            near = self._weights[_RELATIVE][_distances(length, ids.device)]
            bias = near.permute(2, 0, 1)[None]
        else:
            is_second = (torch.arange(length, device=ids.device) >= second_from) & mask
            states = states + self._weights["types.weight"][is_second.long()]
        bias = torch.where(mask[:, None, None], bias, torch.full_like(bias, -1e4))
        states = self._norm("norm", states)
        for layer in self._layers[:-1]:
            states = layer(states, bias)
        return self._head(self._layers[-1].of_first(states, bias))[:, 0, 0]

    def _words(self, ids: torch.Tensor) -> torch.Tensor:
        codes = self._weights.get(f"{_WORDS}.codes")
        if codes is None:
            return self._weights[_WORDS][ids].to(self._dtype)
        return (codes[ids] * self._weights[f"{_WORDS}.scales"][ids]).to(self._dtype)

    def _layer(self, at: str) -> _Layer:
        return _Layer(
            mixing=linear_of(self._weights, f"{at}qkv"),
            out=linear_of(self._weights, f"{at}out"),
            attention_norm=partial(self._norm, f"{at}attention_norm"),
            wide=linear_of(self._weights, f"{at}wide"),
            narrow=linear_of(self._weights, f"{at}narrow"),
            norm=partial(self._norm, f"{at}norm"),
        )

    def _norm(self, name: str, states: torch.Tensor) -> torch.Tensor:
        weight, bias = self._weights[f"{name}.weight"], self._weights[f"{name}.bias"]
        return functional.layer_norm(states, (self._width,), weight, bias, self._epsilon)


@dataclass(frozen=True, slots=True)
class _Layer:
    """Its `mixing` gives query, key and value side by side."""

    mixing: Linear
    out: Linear
    attention_norm: Callable[[torch.Tensor], torch.Tensor]
    wide: Linear
    narrow: Linear
    norm: Callable[[torch.Tensor], torch.Tensor]

    def __call__(self, states: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        """Give the next states of all tokens."""
        batch, length, _ = states.shape
        split = self.mixing(states).view(batch, length, 3, _HEADS, -1)
        query, key, value = split.permute(2, 0, 3, 1, 4)
        return self._attended(states, query, key, value, bias)

    def of_first(self, states: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        """Give the next state of the first token alone, (batch, 1, width)."""
        batch, length, width = states.shape
        first = states[:, :1]
        query = self.mixing.part(0, width)(first).view(batch, 1, _HEADS, -1).transpose(1, 2)
        others = self.mixing.part(width, 3 * width)(states)
        key, value = others.view(batch, length, 2, _HEADS, -1).permute(2, 0, 3, 1, 4)
        return self._attended(first, query, key, value, bias[:, :, :1])

    def _attended(
        self,
        states: torch.Tensor,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        bias: torch.Tensor,
    ) -> torch.Tensor:
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        states = self.attention_norm(states + self.out(mixed.transpose(1, 2).flatten(2)))
        return self.norm(states + self.narrow(functional.gelu(self.wide(states))))


def prepared(
    stored: Mapping[str, torch.Tensor], dtype: torch.dtype, device: torch.device
) -> dict[str, torch.Tensor]:
    """Give stored weights as they are computed with on a device; word embeddings as they are.

    Where the machine is fastest so, the layers' weights have 8 bits and the states float32, unless
    there are many layers; else `dtype` is everything's.
    """
    depth = sum(name.endswith(".qkv.bias") for name in stored)
    bytewise = depth <= _DEEPEST_IN_BYTES and multiplies_bytes(device)
    weights: dict[str, torch.Tensor] = {}
    for name in dict.fromkeys(n.removesuffix(".codes").removesuffix(".scales") for n in stored):
        codes, scales = f"{name}.codes", f"{name}.scales"
        is_matrix = name.startswith("layers.") and name.endswith(".weight") and "norm" not in name
        if name == _WORDS:
            weights |= {n: stored[n].to(device) for n in (name, codes, scales) if n in stored}
        elif bytewise and is_matrix:
            halves = (stored[codes], stored[scales]) if codes in stored else in_bytes(stored[name])
            weights[codes], weights[scales] = halves
        else:
            whole = stored[codes].float() * stored[scales] if codes in stored else stored[name]
            weights[name] = whole.to(device, torch.float32 if bytewise else dtype)
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
