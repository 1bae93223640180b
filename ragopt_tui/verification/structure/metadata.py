"""What a GGUF header says of a model's shape and arithmetic, against config.json or another header.

Where a key is missing, what llama.cpp takes in its place is compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ragopt_tui.verification.report import Finding, Outcome
from ragopt_tui.verification.structure.config import Config, near
from ragopt_tui.verification.structure.rope import compare_rope
from ragopt_tui.verification.structure.sources import GgufTensors
from ragopt_tui.verification.structure.vocabulary import Fields, value

_ARCHITECTURES = {
    "mistral": ("llama", "mistral3"), "mixtral": ("llama",), "gemma3_text": ("gemma3",),
    "cohere": ("command-r",), "qwen2_moe": ("qwen2moe",), "qwen3_moe": ("qwen3moe",),
    "granitemoe": ("granitemoe",), "gpt_neox": ("gptneox",), "gpt_bigcode": ("starcoder",),
    "RefinedWeb": ("falcon",), "RefinedWebModel": ("falcon",),
}  # fmt: skip
_OF_THE_FILE = ("general.", "split.", "quantize.", "GGUF.")
_FALCON_CONTEXT = 2048


def check_against_headers(child: Fields, parent: Fields) -> list[Finding]:
    """Compare with the header of the GGUF file that a child was quantised from."""
    names = {key for key in (*child, *parent) if not key.startswith((*_OF_THE_FILE, "tokenizer."))}
    different: dict[str, dict[str, list[Any]]] = {}
    for key in sorted({*names, "general.architecture"}):
        got, wanted = value(child, key), value(parent, key)
        if not near(got, wanted):
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

    off, scaling = compare_rope(said, tensors, config)
    return [
        _architecture(architecture, config),
        _finding("metadata.shape", _shape(said, config, architecture)),
        _finding("metadata.rope", off, scaling),
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
        if right is not None and not near(said(key), right):
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
        if config.get(name) is not None and not near(said(key), config.get(name))
    }


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
