"""The language model as plain torch, and its weights to and from a Hugging Face folder.

A Mistral decoder: 8 layers of width 512, 8 heads that share 4 keys and values, rotary positions.
"""

from __future__ import annotations

import lzma
import math
from pathlib import Path

import torch
import torch.nn.functional as functional
from safetensors.torch import load_file, save, save_file
from torch import nn

PLANE_PART = 15_000_000
WORDS, WIDTH, INNER, LAYERS, HEADS, KEYS, HEAD = 8192, 512, 1536, 8, 8, 4, 64


class Layer(nn.Module):
    """Attention and a gated feed-forward, each after an RMS norm and added to its input."""

    def __init__(self) -> None:
        super().__init__()
        self.q = nn.Linear(WIDTH, HEADS * HEAD, bias=False)
        self.k = nn.Linear(WIDTH, KEYS * HEAD, bias=False)
        self.v = nn.Linear(WIDTH, KEYS * HEAD, bias=False)
        self.o = nn.Linear(HEADS * HEAD, WIDTH, bias=False)
        self.gate = nn.Linear(WIDTH, INNER, bias=False)
        self.up = nn.Linear(WIDTH, INNER, bias=False)
        self.down = nn.Linear(INNER, WIDTH, bias=False)
        self.before_attention = nn.Parameter(torch.ones(WIDTH))
        self.before_inner = nn.Parameter(torch.ones(WIDTH))

    def forward(
        self, states: torch.Tensor, turns: tuple[torch.Tensor, torch.Tensor], mask: object
    ) -> torch.Tensor:
        batch, length, _ = states.shape
        normed = norm(states, self.before_attention)
        query, key, value = (
            part(normed).view(batch, length, -1, HEAD).transpose(1, 2)
            for part in (self.q, self.k, self.v)
        )
        query, key = turned(query, turns), turned(key, turns)
        mixed = attend(query, key, value, mask)
        states = states + self.o(mixed.transpose(1, 2).reshape(batch, length, -1))
        normed = norm(states, self.before_inner)
        return states + self.down(functional.silu(self.gate(normed)) * self.up(normed))


class LanguageModel(nn.Module):
    """(batch, length) tokens and their positions to (batch, length, WORDS) logits."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(WORDS, WIDTH)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))
        self.norm = nn.Parameter(torch.ones(WIDTH))
        self.head = nn.Linear(WIDTH, WORDS, bias=False)
        for name, weights in self.named_parameters():
            if weights.dim() == 2:
                small = math.sqrt(2 * LAYERS) if name.endswith(("o.weight", "down.weight")) else 1
                nn.init.normal_(weights, std=0.02 / small)
        speeds = 1.0 / (10000.0 ** (torch.arange(0, HEAD, 2).float() / HEAD))
        self.register_buffer("speeds", speeds, persistent=False)

    def forward(self, tokens: torch.Tensor, positions: torch.Tensor, mask: object) -> torch.Tensor:
        angles = positions.float()[:, :, None] * self.speeds
        angles = torch.cat((angles, angles), -1)[:, None]
        states = self.embedding(tokens)
        if states.is_cuda:
            states = states.bfloat16()
        turns = angles.cos().to(states.dtype), angles.sin().to(states.dtype)
        for layer in self.layers:
            states = layer(states, turns, mask)
        return self.head(norm(states, self.norm))


def norm(states: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """RMS norm, computed in float32."""
    whole = functional.rms_norm(states.float(), (states.shape[-1],), eps=1e-5)
    return whole.to(states.dtype) * weights.to(states.dtype)


def turned(states: torch.Tensor, turns: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    """Rotate queries or keys by their positions."""
    first, second = states.chunk(2, -1)
    return (states * turns[0] + torch.cat((-second, first), -1) * turns[1]).to(states.dtype)


def attend(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: object
) -> torch.Tensor:
    """Attention under a block mask on a GPU, a boolean mask elsewhere."""
    value = value.to(query.dtype)
    if query.is_cuda:
        from torch.nn.attention.flex_attention import flex_attention

        return flex_attention(query, key, value, block_mask=mask, enable_gqa=True)  # type: ignore[arg-type, return-value]
    return functional.scaled_dot_product_attention(query, key, value, mask, enable_gqa=True)  # type: ignore[arg-type]


_NAMES = {
    "q": "self_attn.q_proj",
    "k": "self_attn.k_proj",
    "v": "self_attn.v_proj",
    "o": "self_attn.o_proj",
    "gate": "mlp.gate_proj",
    "up": "mlp.up_proj",
    "down": "mlp.down_proj",
    "before_attention": "input_layernorm",
    "before_inner": "post_attention_layernorm",
}


def hugging_face_name(name: str) -> str:
    """Give the name that transformers' Mistral has for a weight of ours."""
    if name.startswith("layers."):
        _, number, part, *_ = name.split(".")
        return f"model.layers.{number}.{_NAMES[part]}.weight"
    return {
        "embedding.weight": "model.embed_tokens.weight",
        "head.weight": "lm_head.weight",
        "norm": "model.norm.weight",
    }[name]


def bf16_weights(model: nn.Module) -> dict[str, torch.Tensor]:
    """Give the weights in bf16 on the CPU under their Hugging Face names."""
    return {
        hugging_face_name(name): weights.detach().to("cpu", torch.bfloat16).contiguous()
        for name, weights in model.state_dict().items()
    }


def write_planes(weights: dict[str, torch.Tensor], folder: Path) -> None:
    """Write weights as byte planes that fit through a narrow door: `join_planes` reads them.

    The upper bytes of bf16 compress to less than half, the lower ones not at all.
    """
    stored = save(weights, metadata={"format": "pt"})
    low, high = stored[0::2], stored[1::2]
    (folder / "high.xz.part").write_bytes(lzma.compress(high, preset=1))
    for number, at in enumerate(range(0, len(low), PLANE_PART)):
        (folder / f"low-{number}.part").write_bytes(low[at : at + PLANE_PART])
    for part in folder.glob("*.part"):
        part.rename(part.with_suffix(""))


def join_planes(folder: Path, target: Path) -> None:
    """Write the safetensors file that `write_planes` took apart."""
    high = lzma.decompress((folder / "high.xz").read_bytes())
    low = b"".join(file.read_bytes() for file in sorted(folder.glob("low-*")))
    stored = bytearray(len(low) + len(high))
    stored[0::2], stored[1::2] = low, high
    target.write_bytes(stored)


def load_weights(model: nn.Module, folder: Path) -> None:
    """Read bf16 weights, or 8-bit ones with a scale for each row (`NAME.codes`, `NAME.scales`)."""
    stored: dict[str, torch.Tensor] = {}
    for file in sorted(folder.glob("*.safetensors")):
        stored |= load_file(file)
    state = {}
    for name in model.state_dict():
        key = hugging_face_name(name)
        if f"{key}.codes" in stored:
            state[name] = stored[f"{key}.codes"].float() * stored[f"{key}.scales"].float()
        else:
            state[name] = stored[key].float()
    model.load_state_dict(state)


def in_eight_bits(source: Path, target: Path) -> None:
    """Write weights with their matrices in 8 bits and a scale for each row, to send to a GPU."""
    kept: dict[str, torch.Tensor] = {}
    for file in sorted(source.glob("*.safetensors")):
        for name, tensor in load_file(file).items():
            if tensor.ndim == 2:
                scales = tensor.float().abs().amax(1, keepdim=True).clamp(min=1e-8) / 127
                kept[f"{name}.codes"] = torch.round(tensor.float() / scales).to(torch.int8)
                kept[f"{name}.scales"] = scales.half()
            else:
                kept[name] = tensor
    save_file(kept, target)
