"""The measures of a language model that its memory follows from, read without loading it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ragopt_tui.errors import RagoptError
from ragopt_tui.models.gguf_header import GgufHeader
from ragopt_tui.models.inspection import read_json

_NO_CACHE = ("linear_attention", "mamba", "recurrent", "conv")


@dataclass(frozen=True, slots=True)
class ModelShape:
    """Widths are numbers per token; `windows` has for each layer how many tokens it keeps at most,
    None for all of them and 0 for a layer that keeps none."""

    heads: int
    hidden: int
    intermediate: int
    vocabulary: int
    key_width: int
    value_width: int
    """Of the keys and the values that one layer keeps of one token."""

    head_width: int
    windows: tuple[int | None, ...]
    context_tokens: int | None
    tied_head: bool = False

    @property
    def layers(self) -> int:
        """How many layers the model has."""
        return len(self.windows)

    def cached_numbers(self, tokens: int) -> int:
        """Give how many numbers all layers keep of a conversation of `tokens`."""
        kept = sum(tokens if window is None else min(tokens, window) for window in self.windows)
        return kept * (self.key_width + self.value_width)


def shape_of_folder(folder: Path) -> ModelShape:
    """Read config.json; raises RagoptError if it is not there or lacks a measure."""
    file = folder / "config.json"
    config = read_json(file)
    try:
        return shape_of_config(config | (config.get("text_config") or {}))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RagoptError(
            f"{file} does not say how large the model is ({error}).", "Get the model again."
        ) from error


def shape_of_gguf(header: GgufHeader) -> ModelShape:
    """Take the measures of a GGUF header; raises ValueError if one is missing.

    llama.cpp keeps the whole context in layers with a sliding window too.
    """
    values = header.values
    architecture = values.get("general.architecture")

    def number(name: str, otherwise: int | None = None) -> int:
        value = values.get(f"{architecture}.{name}", otherwise)
        if not isinstance(value, int) or value < 0:
            raise ValueError(f"its header has no {architecture}.{name}")
        return value

    heads, hidden = number("attention.head_count", 1), number("embedding_length")
    kept_heads = number("attention.head_count_kv", heads)
    key = number("attention.key_length", hidden // max(heads, 1))
    return ModelShape(
        heads=heads,
        hidden=hidden,
        intermediate=number("feed_forward_length", 4 * hidden),
        vocabulary=header.lengths.get("tokenizer.ggml.tokens", 0),
        key_width=kept_heads * key,
        value_width=kept_heads * number("attention.value_length", key),
        head_width=key,
        windows=(None,) * number("block_count"),
        context_tokens=number("context_length", 0) or None,
    )


def shape_of_config(config: Mapping[str, Any]) -> ModelShape:
    """Take the measures of a config.json; raises KeyError, ValueError or TypeError without them."""
    heads = int(_first(config, "num_attention_heads", "n_head", "n_heads", "num_heads"))
    hidden = int(_first(config, "hidden_size", "n_embd", "d_model"))
    width = int(config.get("head_dim") or hidden // heads)
    kept_heads = int(config.get("num_key_value_heads") or heads)
    key, value = kept_heads * width, kept_heads * width
    if config.get("kv_lora_rank"):
        key = heads * int(config["qk_nope_head_dim"] + config["qk_rope_head_dim"])
        value = heads * int(config["v_head_dim"])
    elif config.get("multi_query") and not config.get("new_decoder_architecture"):
        key = value = width
    context = config.get("max_position_embeddings") or config.get("n_positions")
    return ModelShape(
        heads=heads,
        hidden=hidden,
        intermediate=int(config.get("intermediate_size") or config.get("n_inner") or 4 * hidden),
        vocabulary=int(config["vocab_size"]),
        key_width=key,
        value_width=value,
        head_width=width,
        windows=_windows(config),
        context_tokens=int(context) if context else None,
        tied_head=bool(config.get("tie_word_embeddings", False)),
    )


def _windows(config: Mapping[str, Any]) -> tuple[int | None, ...]:
    layers = int(_first(config, "num_hidden_layers", "n_layer", "n_layers", "num_layers"))
    window = config.get("sliding_window")
    if config.get("use_sliding_window") is False:
        window = None
    kinds = config.get("layer_types")
    if not isinstance(kinds, list):
        return (window,) * layers
    kept = {"sliding_attention": window, "chunked_attention": config.get("attention_chunk_size")}
    return tuple(
        0 if str(kind).startswith(_NO_CACHE) else kept.get(str(kind)) for kind in kinds[:layers]
    )


def _first(config: Mapping[str, Any], *names: str) -> Any:  # noqa: ANN401 - a value of JSON
    for name in names:
        if config.get(name) is not None:
            return config[name]
    raise KeyError(names[0])
