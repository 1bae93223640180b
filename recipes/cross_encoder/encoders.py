"""The two encoders that score pairs, to be trained: BERT's (MiniLM) and MPNet's.

Both take (batch, length) ids of MiniLM's vocabulary, the length of each sequence and where its
second part begins, and give (batch,) logits read off the first token.
"""

from __future__ import annotations

import math
from pathlib import Path

import torch
import torch.nn.functional as functional
from safetensors.torch import load_file
from torch import nn

CLS, SEP, UNKNOWN = 101, 102, 100


class PairEncoder(nn.Module):
    """A transformer encoder with a linear head of one output on the first token."""

    def __init__(
        self,
        width: int,
        heads: int,
        layers: int,
        words: int,
        positions: int,
        epsilon: float,
        *,
        relative: bool,
    ) -> None:
        super().__init__()
        self.words = nn.Embedding(words, width)
        self.positions = nn.Embedding(positions, width)
        self.types = None if relative else nn.Embedding(2, width)
        self.norm = nn.LayerNorm(width, epsilon)
        self.layers = nn.ModuleList(Layer(width, heads, epsilon) for _ in range(layers))
        self.relative = nn.Embedding(32, heads) if relative else None
        self.head = nn.Linear(width, 1)
        self.dropout = 0.1

    def forward(
        self, ids: torch.Tensor, lengths: torch.Tensor, second: torch.Tensor
    ) -> torch.Tensor:
        length = ids.shape[1]
        at = torch.arange(length, device=ids.device)
        inside = at < lengths[:, None]
        if self.types is None:
            states = self.words(_mpnet_ids(ids, inside)) + self.positions.weight[2 : length + 2]
        else:
            states = self.words(ids) + self.positions.weight[:length]
            states = states + self.types((at >= second[:, None]).long() * inside)
        states = functional.dropout(self.norm(states), self.dropout, self.training)
        bias = torch.zeros(inside.shape, device=ids.device).masked_fill(~inside, -1e4)[
            :, None, None
        ]
        if self.relative is not None:
            bias = bias + self.relative(_buckets(length, ids.device)).permute(2, 0, 1)[None]
        bias = bias.to(torch.bfloat16 if torch.is_autocast_enabled() else states.dtype)
        for layer in self.layers:
            states = layer(states, bias, self.dropout)
        return self.head(functional.dropout(states[:, 0], self.dropout, self.training))[:, 0]


class Layer(nn.Module):
    """Self-attention and feed-forward with a layer norm after each, as BERT has them."""

    def __init__(self, width: int, heads: int, epsilon: float) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.attention_norm = nn.LayerNorm(width, epsilon)
        self.wide = nn.Linear(width, 4 * width)
        self.narrow = nn.Linear(4 * width, width)
        self.norm = nn.LayerNorm(width, epsilon)

    def forward(self, states: torch.Tensor, bias: torch.Tensor, dropout: float) -> torch.Tensor:
        batch, length, width = states.shape
        query, key, value = (
            self.qkv(states).view(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        )
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        mixed = self.out(mixed.transpose(1, 2).reshape(batch, length, width))
        states = self.attention_norm(states + functional.dropout(mixed, dropout, self.training))
        wide = self.narrow(functional.gelu(self.wide(states)))
        return self.norm(states + functional.dropout(wide, dropout, self.training))


def minilm(file: Path, layers: int) -> PairEncoder:
    """all-MiniLM-L6-v2 with an untrained head, all six layers or every second one."""
    weights = load_file(file)
    for n in range(layers):
        kept = f"encoder.layer.{n * 6 // layers}."
        for name in [name for name in weights if name.startswith(kept)]:
            weights[name.replace(kept, f"encoder.layer.{n}.")] = weights[name]
    model = PairEncoder(384, 12, layers, 30522, 512, 1e-12, relative=False)
    names = {
        "q": "attention.self.query",
        "k": "attention.self.key",
        "v": "attention.self.value",
        "out": "attention.output.dense",
        "attention_norm": "attention.output.LayerNorm",
        "wide": "intermediate.dense",
        "narrow": "output.dense",
        "norm": "output.LayerNorm",
    }
    return _filled(model, weights, names, types=weights["embeddings.token_type_embeddings.weight"])


def mpnet(file: Path) -> PairEncoder:
    """all-mpnet-base-v2 with an untrained head."""
    weights = {name: tensor.float() for name, tensor in load_file(file).items()}
    model = PairEncoder(768, 12, 12, 30527, 514, 1e-5, relative=True)
    names = {
        "q": "attention.attn.q",
        "k": "attention.attn.k",
        "v": "attention.attn.v",
        "out": "attention.attn.o",
        "attention_norm": "attention.LayerNorm",
        "wide": "intermediate.dense",
        "narrow": "output.dense",
        "norm": "output.LayerNorm",
    }
    return _filled(
        model, weights, names, relative=weights["encoder.relative_attention_bias.weight"]
    )


def quantise(model: PairEncoder) -> dict[str, torch.Tensor]:
    """Give the weights but for word embeddings, matrices in 8 bits with a scale for each row."""
    quantised: dict[str, torch.Tensor] = {}
    for name, tensor in model.state_dict().items():
        if name == "words.weight":
            continue
        if tensor.ndim == 2 and tensor.numel() > 100_000:
            scale = tensor.float().abs().amax(1, keepdim=True) / 127
            quantised[f"{name}.codes"] = torch.round(tensor.float() / scale).to(torch.int8)
            quantised[f"{name}.scales"] = scale
        else:
            quantised[name] = tensor.float().contiguous()
    return quantised


def restore(model: PairEncoder, quantised: dict[str, torch.Tensor]) -> None:
    """Put quantised weights back into a model, word embeddings as they are."""
    state = {name: t for name, t in quantised.items() if not name.endswith((".codes", ".scales"))}
    for name in (name.removesuffix(".codes") for name in quantised if name.endswith(".codes")):
        state[name] = quantised[f"{name}.codes"].float() * quantised[f"{name}.scales"]
    state["words.weight"] = model.words.weight.detach()
    model.load_state_dict(state)


def _filled(
    model: PairEncoder,
    weights: dict[str, torch.Tensor],
    names: dict[str, str],
    **tables: torch.Tensor,
) -> PairEncoder:
    state = {
        "words.weight": weights["embeddings.word_embeddings.weight"],
        "positions.weight": weights["embeddings.position_embeddings.weight"],
        **{f"{name}.weight": table for name, table in tables.items()},
        "head.weight": model.head.weight.detach(),
        "head.bias": model.head.bias.detach(),
    }
    for kind in ("weight", "bias"):
        state[f"norm.{kind}"] = weights[f"embeddings.LayerNorm.{kind}"]
        for n in range(len(model.layers)):
            at = f"encoder.layer.{n}."
            state[f"layers.{n}.qkv.{kind}"] = torch.cat(
                [weights[f"{at}{names[p]}.{kind}"] for p in "qkv"]
            )
            for name in ("out", "attention_norm", "wide", "narrow", "norm"):
                state[f"layers.{n}.{name}.{kind}"] = weights[f"{at}{names[name]}.{kind}"]
    model.load_state_dict(state)
    return model


def _mpnet_ids(ids: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
    """MPNet's vocabulary is BERT's moved by four, with special tokens of its own."""
    moved = ids + 4
    moved = torch.where(ids == CLS, 0, moved)
    moved = torch.where(ids == SEP, 2, moved)
    moved = torch.where(ids == UNKNOWN, 3, moved)
    return torch.where(inside, moved, 1)


def _buckets(length: int, device: torch.device) -> torch.Tensor:
    """Relative positions in 32 buckets, exact up to 7, logarithmic up to 128 (T5, MPNet)."""
    at = torch.arange(length, device=device)
    distance = at[:, None] - at[None]  # query minus key
    ahead = (distance < 0).long() * 16
    distance = distance.abs()
    far = 8 + (torch.log(distance.clamp(min=1) / 8) / math.log(128 / 8) * 8).long()
    return ahead + torch.where(distance < 8, distance, far.clamp(max=15))
