"""How positions are turned: rotary embeddings of a GGUF header against those of config.json."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

from ragopt_tui.verification.structure.config import Config, near
from ragopt_tui.verification.structure.sources import GgufTensors

_DEFAULT_THETA = 10000.0

Said = Callable[[str], Any]


def compare_rope(
    said: Said, tensors: GgufTensors, config: Config
) -> tuple[dict[str, list[Any]], dict[str, Any]]:
    """Compare the angles by which both turn each pair of numbers, and what scales them.

    `said` gives a key of the header. Gives what differs, child's and parent's value by key, and
    what kind of scaling there is.
    """
    off: dict[str, list[Any]] = {}
    theta = said("rope.freq_base")
    wanted_theta = config.rope.get("rope_theta")
    if wanted_theta is not None and not near(
        _DEFAULT_THETA if theta is None else theta, wanted_theta
    ):
        off["rope.freq_base"] = [theta, wanted_theta]
    partial = float(config.rope.get("partial_rotary_factor") or 1.0)
    turned, wanted_turned = said("rope.dimension_count"), int(config.head_width * partial)
    if (
        wanted_turned
        and (turned or said("attention.key_length") or config.head_width) != wanted_turned
    ):
        off["rope.dimension_count"] = [turned, wanted_turned]
    kind = str(config.rope.get("rope_type") or "default").lower()
    if kind in ("su", "longrope"):
        off |= _longrope(said, tensors, config)
    elif kind == "llama3":
        off |= _llama3(tensors, config, wanted_turned or config.head_width)
    else:
        off |= _scaling(said, tensors, config, kind)
    lost = kind != "default" and any(
        "scaling" in key or "factors" in key or "freqs" in key for key in off
    )
    return off, {"type": kind, "scaling lost": lost}


def _scaling(said: Said, tensors: GgufTensors, config: Config, kind: str) -> dict[str, list[Any]]:
    """Compare linear and YaRN scaling (arXiv:2309.00071), and that there is none where none is."""
    off: dict[str, list[Any]] = {}
    got = str(said("rope.scaling.type") or "none")
    wanted = kind if kind in ("linear", "yarn") else "none"
    if kind == "dynamic":
        return off
    if got != wanted:
        off["rope.scaling.type"] = [got, wanted]
    factor = float(said("rope.scaling.factor") or 1.0)
    right = float(config.rope.get("factor") or 1.0) if wanted != "none" else 1.0
    if not near(factor, right) and (got != "none" or wanted != "none"):
        off["rope.scaling.factor"] = [factor, right]
    if wanted == "yarn":
        original = config.rope.get("original_max_position_embeddings")
        if original is not None and said("rope.scaling.original_context_length") != original:
            key = "rope.scaling.original_context_length"
            off[key] = [said(key), original]
        for name, key in (
            ("attention_factor", "rope.scaling.yarn_attn_factor"),
            ("beta_fast", "rope.scaling.yarn_beta_fast"),
            ("beta_slow", "rope.scaling.yarn_beta_slow"),
        ):
            if config.rope.get(name) is not None and not near(said(key), config.rope[name]):
                off[key] = [said(key), config.rope[name]]
    if "rope_freqs.weight" in tensors.shapes:
        values = tensors.read("rope_freqs.weight")
        if not torch.allclose(values, torch.ones_like(values)):
            off["rope_freqs.weight"] = ["scaled", "nothing"]
    return off


def _llama3(tensors: GgufTensors, config: Config, width: int) -> dict[str, list[Any]]:
    """Compare the factors of Llama 3's scaling with its formula (Llama 3.1's reference code)."""
    rope, name = config.rope, "rope_freqs.weight"
    if name not in tensors.shapes:
        return {name: [None, "factors"]}
    theta = float(rope.get("rope_theta") or _DEFAULT_THETA)
    factor = float(rope.get("factor") or 8.0)
    low, high = (
        float(rope.get("low_freq_factor") or 1.0),
        float(rope.get("high_freq_factor") or 4.0),
    )
    original = float(rope.get("original_max_position_embeddings") or 8192)
    powers = torch.arange(0, width, 2, dtype=torch.float64) / width
    length = 2 * math.pi * theta**powers
    smooth = ((original / length - low) / (high - low)).clamp(0, 1)
    wanted = 1 / ((1 - smooth) / factor + smooth)
    got = tensors.read(name).double()
    if got.shape == wanted.shape and torch.allclose(got, wanted, rtol=1e-3):
        return {}
    return {name: [_few(got), _few(wanted)]}


def _longrope(said: Said, tensors: GgufTensors, config: Config) -> dict[str, list[Any]]:
    """Compare LongRoPE's factors and the size it gives attention (arXiv:2402.13753)."""
    off: dict[str, list[Any]] = {}
    for which in ("long", "short"):
        name = f"rope_factors_{which}.weight"
        wanted = torch.tensor(config.rope.get(f"{which}_factor") or [], dtype=torch.float64)
        if name not in tensors.shapes:
            off[name] = [None, _few(wanted)]
            continue
        got = tensors.read(name).double()
        if got.shape != wanted.shape or not torch.allclose(got, wanted, rtol=1e-3):
            off[name] = [_few(got), _few(wanted)]
    original = config.rope.get("original_max_position_embeddings")
    key = "rope.scaling.original_context_length"
    if original is not None and said(key) != original:
        off[key] = [said(key), original]
    whole = config.get("max_position_embeddings")
    if original and whole and whole > original:
        right = config.rope.get("attention_factor") or math.sqrt(
            1 + math.log(whole / original) / math.log(original)
        )
        got_factor = said("rope.scaling.attn_factor")
        if got_factor is not None and not near(got_factor, right):
            off["rope.scaling.attn_factor"] = [got_factor, right]
    return off


def _few(values: torch.Tensor) -> list[float]:
    return [round(float(v), 4) for v in values[:4]]
