"""What a GGUF header says of a model's shape and arithmetic, against config.json or another header.

Where a key is missing, what llama.cpp takes in its place is compared.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ragopt_tui.models.inspection import read_json
from ragopt_tui.verification.report import Finding, Outcome
from ragopt_tui.verification.structure.sources import GgufTensors
from ragopt_tui.verification.structure.vocabulary import Fields, value

_ARCHITECTURES = {
    "mistral": ("llama", "mistral3"), "mixtral": ("llama",), "gemma3_text": ("gemma3",),
    "cohere": ("command-r",), "qwen2_moe": ("qwen2moe",), "qwen3_moe": ("qwen3moe",),
    "granitemoe": ("granitemoe",), "gpt_neox": ("gptneox",), "gpt_bigcode": ("starcoder",),
    "RefinedWeb": ("falcon",), "RefinedWebModel": ("falcon",),
}  # fmt: skip
_OF_THE_FILE = ("general.", "split.", "quantize.", "GGUF.")
_NEAR = 1e-4
_DEFAULT_THETA = 10000.0
_FALCON_CONTEXT = 2048


@dataclass(frozen=True, slots=True)
class Config:
    """config.json as transformers reads it, with one spelling for each thing."""

    values: Mapping[str, Any]
    rope: Mapping[str, Any]

    @classmethod
    def read(cls, folder: Path) -> Config:
        """Read a folder's config.json, as it stands where transformers does not know the model."""
        from transformers import AutoConfig

        raw = read_json(folder / "config.json")
        raw |= raw.get("text_config") or {}
        try:
            known = AutoConfig.from_pretrained(folder, trust_remote_code=False).get_text_config()
            values = {key: v for key, v in raw.items() if v is not None}
            values = known.to_dict() | values
        except (ValueError, KeyError, OSError, AttributeError):
            values = raw
        rope = values.get("rope_parameters") or values.get("rope_scaling") or {}
        rope = dict(rope.get("full_attention") or rope)
        if "type" in rope:
            rope.setdefault("rope_type", rope.pop("type"))
        if values.get("rope_theta") is not None:
            rope.setdefault("rope_theta", values["rope_theta"])
        for key in ("partial_rotary_factor", "original_max_position_embeddings"):
            if values.get(key) is not None:
                rope.setdefault(key, values[key])
        return cls(values, rope)

    def get(self, *names: str) -> Any:  # noqa: ANN401 - a value of JSON
        """Give the first of several spellings that is there."""
        return next((self.values[n] for n in names if self.values.get(n) is not None), None)

    @property
    def head_width(self) -> int:
        """How many numbers a head has."""
        heads = int(self.get("num_attention_heads", "n_head") or 1)
        return int(self.get("head_dim") or int(self.get("hidden_size", "n_embd") or 0) // heads)


def check_against_headers(child: Fields, parent: Fields) -> list[Finding]:
    """Compare with the header of the GGUF file that a child was quantised from."""
    names = {key for key in (*child, *parent) if not key.startswith((*_OF_THE_FILE, "tokenizer."))}
    different: dict[str, dict[str, list[Any]]] = {}
    for key in sorted({*names, "general.architecture"}):
        got, wanted = value(child, key), value(parent, key)
        if not _near(got, wanted):
            different.setdefault(_topic(key), {})[key] = [got, wanted]
    checks = ["metadata.architecture", "metadata.shape", "metadata.rope", "metadata.window",
              "metadata.norm", "metadata.context", "metadata.experts"]  # fmt: skip
    return [
        _finding(check, different.get(check, {}))
        for check in [*checks, *sorted(set(different) - set(checks))]
    ]


def _topic(key: str) -> str:
    part = key.partition(".")[2]
    if key == "general.architecture":
        return "metadata.architecture"
    if "rope" in part:
        return "metadata.rope"
    if "sliding_window" in part:
        return "metadata.window"
    if "epsilon" in part:
        return "metadata.norm"
    if part == "context_length":
        return "metadata.context"
    if "expert" in part:
        return "metadata.experts"
    if part in _SHAPES.values() or part == "attention.value_length":
        return "metadata.shape"
    return "metadata.other"


_SHAPES = {
    "num_hidden_layers": "block_count",
    "hidden_size": "embedding_length",
    "intermediate_size": "feed_forward_length",
    "num_attention_heads": "attention.head_count",
    "num_key_value_heads": "attention.head_count_kv",
    "head_dim": "attention.key_length",
    "vocab_size": "vocab_size",
}


def check_against_config(child: Fields, tensors: GgufTensors, config: Config) -> list[Finding]:
    """Compare with a Hugging Face folder's config.json."""
    architecture = str(value(child, "general.architecture") or "")

    def said(name: str) -> Any:  # noqa: ANN401 - any value of a header
        return value(child, f"{architecture}.{name}")

    rope = _rope(said, tensors, config, architecture)
    return [
        _architecture(architecture, config),
        _finding("metadata.shape", _shape(said, config, architecture)),
        rope,
        _finding("metadata.norm", _norm(said, config)),
        _context(said("context_length"), config, architecture),
        _window(said("attention.sliding_window"), said("context_length"), config),
        _finding("metadata.experts", _pairs(said, config, {
            "num_local_experts": "expert_count", "num_experts": "expert_count",
            "n_routed_experts": "expert_count", "num_experts_per_tok": "expert_used_count",
        })),
        _finding("metadata.other", _other(said, config, architecture)),
    ]  # fmt: skip


def _architecture(got: str, config: Config) -> Finding:
    kind = str(config.get("model_type") or "")
    right = _ARCHITECTURES.get(kind, (kind,))
    evidence = {"got": got, "wanted": list(right)}
    if got in right:
        return Finding("metadata.architecture", "passed", f"The architecture is {got}.")
    if got.replace("-", "").replace("_", "") == kind.replace("-", "").replace("_", ""):
        return Finding("metadata.architecture", "passed", f"The architecture is {got}.")
    known = kind in _ARCHITECTURES or kind in (
        "llama",
        "qwen2",
        "qwen3",
        "gemma",
        "gemma2",
        "phi3",
        "falcon",
    )
    outcome: Outcome = "failed" if known else "not compared"
    sentence = f"The architecture is {got}, config.json says {kind or 'nothing'}."
    return Finding("metadata.architecture", outcome, sentence, evidence=evidence)


def _shape(said: Any, config: Config, architecture: str) -> dict[str, list[Any]]:  # noqa: ANN401
    heads = int(config.get("num_attention_heads", "n_head") or 1)
    hidden = int(config.get("hidden_size", "n_embd") or 0)
    wanted: dict[str, Any] = {
        "block_count": config.get("num_hidden_layers", "n_layer", "num_layers"),
        "embedding_length": hidden or None,
        "feed_forward_length": config.get("ffn_hidden_size", "intermediate_size", "n_inner"),
        "attention.head_count": heads,
        "attention.head_count_kv": _key_heads(config, heads),
        "attention.key_length": config.head_width or None,
        "attention.value_length": config.head_width or None,
    }
    if architecture == "falcon":
        wanted["feed_forward_length"] = wanted["feed_forward_length"] or 4 * hidden
    otherwise = {
        "attention.head_count_kv": said("attention.head_count"),
        "attention.key_length": (said("embedding_length") or 0) // max(said("attention.head_count") or 1, 1)
        if isinstance(said("attention.head_count"), int) else None,
        "attention.value_length": None,
    }  # fmt: skip
    otherwise["attention.value_length"] = otherwise["attention.key_length"]
    off: dict[str, list[Any]] = {}
    for key, right in wanted.items():
        got = said(key)
        got = otherwise.get(key) if got is None else got
        # MoE and hybrid models have a list, one number for each layer: shapes of tensors tell.
        if right is None or isinstance(got, list) or isinstance(right, list):
            continue
        if got != right:
            off[key] = [got, right]
    vocabulary = said("vocab_size")
    if vocabulary is not None and vocabulary != config.get("vocab_size"):
        off["vocab_size"] = [vocabulary, config.get("vocab_size")]
    return off


def _key_heads(config: Config, heads: int) -> int:
    if config.get("model_type") == "falcon":
        if config.get("new_decoder_architecture"):
            return int(config.get("num_kv_heads", "n_head_kv") or heads)
        return 1 if config.values.get("multi_query", True) else heads
    return int(config.get("num_key_value_heads") or heads)


def _norm(said: Any, config: Config) -> dict[str, list[Any]]:  # noqa: ANN401
    off: dict[str, list[Any]] = {}
    for names, key in (
        (("rms_norm_eps", "norm_eps"), "attention.layer_norm_rms_epsilon"),
        (("layer_norm_epsilon", "layer_norm_eps"), "attention.layer_norm_epsilon"),
    ):
        right = config.get(*names)
        if right is not None and not _near(said(key), right):
            off[key] = [said(key), right]
    return off


def _context(got: object, config: Config, architecture: str) -> Finding:
    wanted = config.get("max_position_embeddings", "n_positions")
    if architecture == "falcon":
        wanted = got if wanted is None or got == _FALCON_CONTEXT else wanted
    if wanted is None or got == wanted:
        return Finding(
            "metadata.context", "passed", f"The context length is {got}, as in config.json."
        )
    short = isinstance(got, int) and got < wanted
    sentence = f"The context length is {got}, config.json says {wanted}."
    return Finding(
        "metadata.context", "degraded" if short else "failed", sentence,
        float(got) if isinstance(got, int) else None, float(wanted),
        {"keys": {"context_length": [got, wanted]}},
    )  # fmt: skip


def _window(got: object, context: object, config: Config) -> Finding:
    """Compare the sliding window; one as long as the context changes nothing."""
    window = config.get("sliding_window")
    kinds = config.get("layer_types")
    if config.values.get("use_sliding_window") is False:
        window = None
    if isinstance(kinds, list) and "sliding_attention" not in kinds:
        window = None
    limit = config.get("max_position_embeddings") or context
    if isinstance(window, int) and isinstance(limit, int) and window >= limit:
        window = None
    got_window = got if isinstance(got, int) and got > 0 else None
    if isinstance(got_window, int) and isinstance(limit, int) and got_window >= limit:
        got_window = None
    if got_window == window:
        said = (
            f"The sliding window is {window} tokens."
            if window
            else "No sliding window limits attention."
        )
        return Finding("metadata.window", "passed", said)
    sentence = (
        f"Attention reaches back {_tokens(got_window)}, by config.json {_tokens(window)}: beyond "
        "the shorter of them the model is another."
    )
    # llama.cpp knows no window in some architectures: within it, the model is the same.
    outcome: Outcome = "degraded" if got_window is None else "failed"
    return Finding(
        "metadata.window", outcome, sentence,
        evidence={"keys": {"attention.sliding_window": [got_window, window]}},
    )  # fmt: skip


def _tokens(window: object) -> str:
    return "to the start" if window is None else f"{window} tokens"


def _other(said: Any, config: Config, architecture: str) -> dict[str, list[Any]]:  # noqa: ANN401
    pairs = {
        "attn_logit_softcapping": "attn_logit_softcapping",
        "final_logit_softcapping": "final_logit_softcapping",
        "logit_scale": "logit_scale",
        "embedding_multiplier": "embedding_scale",
        "residual_multiplier": "residual_scale",
        "logits_scaling": "logit_scale",
    }
    return _pairs(said, config, pairs)


def _pairs(said: Any, config: Config, keys: Mapping[str, str]) -> dict[str, list[Any]]:  # noqa: ANN401
    return {
        key: [said(key), config.get(name)]
        for name, key in keys.items()
        if config.get(name) is not None and not _near(said(key), config.get(name))
    }


def _rope(said: Any, tensors: GgufTensors, config: Config, architecture: str) -> Finding:  # noqa: ANN401
    """Compare the angles by which both turn each pair of numbers, and what scales them."""
    off: dict[str, list[Any]] = {}
    theta = said("rope.freq_base")
    wanted_theta = config.rope.get("rope_theta")
    if wanted_theta is not None and not _near(
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
    return _finding("metadata.rope", off, {"type": kind, "scaling lost": lost})


def _scaling(said: Any, tensors: GgufTensors, config: Config, kind: str) -> dict[str, list[Any]]:  # noqa: ANN401
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
    if not _near(factor, right) and (got != "none" or wanted != "none"):
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
            if config.rope.get(name) is not None and not _near(said(key), config.rope[name]):
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


def _longrope(said: Any, tensors: GgufTensors, config: Config) -> dict[str, list[Any]]:  # noqa: ANN401
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
        if got_factor is not None and not _near(got_factor, right):
            off["rope.scaling.attn_factor"] = [got_factor, right]
    return off


def _few(values: torch.Tensor) -> list[float]:
    return [round(float(v), 4) for v in values[:4]]


def _near(got: Any, wanted: Any) -> bool:  # noqa: ANN401 - values of two headers
    if isinstance(got, (int, float)) and isinstance(wanted, (int, float)):
        return abs(float(got) - float(wanted)) <= _NEAR * max(abs(float(wanted)), 1e-12)
    return bool(got == wanted)


def _finding(
    check: str, off: Mapping[str, list[Any]], more: Mapping[str, Any] | None = None
) -> Finding:
    what = check.partition(".")[2]
    if not off:
        return Finding(check, "passed", _PASSED.get(what, "Everything else is the parent's."))
    key, (got, wanted) = next(iter(off.items()))
    others = f", and {len(off) - 1} more" if len(off) > 1 else ""
    sentence = f"{key} is {_said(got)}, the parent's is {_said(wanted)}{others}."
    return Finding(check, "failed", sentence, evidence={"keys": dict(off), **(more or {})})


_PASSED = {
    "architecture": "The architecture is the parent's.",
    "shape": "Layers, heads and widths are the parent's.",
    "rope": "Positions are turned by the parent's angles.",
    "norm": "The epsilon of its norms is the parent's.",
    "experts": "Experts are the parent's.",
    "context": "The context length is the parent's.",
    "window": "The sliding window is the parent's.",
}


def _said(what: object) -> str:
    return "not set" if what is None else str(what)[:60]
