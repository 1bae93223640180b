"""Which tensors a GGUF file must hold for a Hugging Face model, and how their values are arranged.

Names are llama.cpp's own (gguf's tensor map). Arrangements follow from how llama.cpp computes:
architectures whose rotary embedding turns neighbouring pairs want rows of q and k interleaved,
where transformers turns halves; Gemma's norms are stored with their 1 added; Falcon's fused
q, k and v are put one behind the other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import gguf
import torch

from ragopt_tui.verification.structure.sources import AdaptedTensors, Tensors

_INTERLEAVED = frozenset(
    "llama arcee granite granitemoe smollm3 minicpm olmo xverse deci arctic mistral3".split()
)
_NORM_PLUS_ONE = frozenset("gemma gemma2 gemma3".split())
_PLAIN = frozenset(
    "qwen2 qwen2moe qwen3 qwen3moe phi3 gemma gemma2 gemma3 falcon starcoder2 stablelm olmo2 "
    "cohere2 command-r".split()
)
KNOWN = _INTERLEAVED | _PLAIN
"""Architectures whose arrangement is known; of others, what differs is not judged."""

_NOT_WRITTEN = (".attention.masked_bias", ".attention.bias", ".rotary_emb.inv_freq")
_EXPERT = re.compile(r"(?P<before>.*\.experts)\.(?P<number>\d+)\.(?P<part>\w+)\.weight")
ROPE_TENSORS = ("rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight")

Read = Callable[[], torch.Tensor]


@dataclass(frozen=True, slots=True)
class Expected:
    """One tensor that a file must hold: how to make it, and what else could lie in its place.

    `before` gives it without adapters; `arranged` the same values in other arrangements, by name.
    `optional` tensors need not be there.
    """

    shape: tuple[int, ...]
    read: Read
    before: Read | None = None
    arranged: Mapping[str, Read] = field(default_factory=dict)
    optional: bool = False
    kind: str = ""
    source: str = ""
    """The name in the parent."""


@dataclass(frozen=True, slots=True)
class Heads:
    """How the rows of attention are divided: heads of queries, and of keys and values."""

    queries: int
    keys: int

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Heads:
        """Take them from config.json's values."""
        queries = int(config.get("num_attention_heads") or config.get("n_head") or 1)
        if config.get("model_type") == "falcon":
            if config.get("new_decoder_architecture"):
                return cls(queries, int(config.get("num_kv_heads") or queries))
            return cls(queries, 1 if config.get("multi_query", True) else queries)
        return cls(queries, int(config.get("num_key_value_heads") or queries))


def same(parent: Tensors) -> dict[str, Expected]:
    """Give the tensors of a parent as they are, for a child of its own format."""
    adapted = parent if isinstance(parent, AdaptedTensors) else None
    return {
        name: Expected(
            shape,
            lambda name=name: parent.read(name),  # type: ignore[misc]
            _before(adapted, name),
            kind=parent.kind(name),
            source=name,
        )
        for name, shape in parent.shapes.items()
    }


def _before(adapted: AdaptedTensors | None, name: str) -> Read | None:
    if adapted is None or name not in adapted.changes:
        return None
    return lambda: adapted.before(name)


def in_gguf(
    parent: Tensors, architecture: str, config: Mapping[str, Any], present: Mapping[str, Any]
) -> tuple[dict[str, Expected], tuple[str, ...]]:
    """Give what a GGUF file must hold for a parent in Hugging Face's format.

    `present` are the names that it holds, which decide between forms that are equally right.
    The second value names tensors of the parent for which llama.cpp has no name.
    """
    layers = int(
        config.get("num_hidden_layers") or config.get("n_layer") or config.get("num_layers") or 0
    )
    found = {number: name for number, name in gguf.MODEL_ARCH_NAMES.items() if name == architecture}
    if not found:
        return {}, tuple(parent.shapes)
    names = gguf.get_tensor_name_map(next(iter(found)), layers)
    tied = bool(config.get("tie_word_embeddings", False))
    heads, wanted, unknown = Heads.of(config), {}, []
    experts: dict[str, dict[int, str]] = {}
    for name in parent.shapes:
        if name.endswith(_NOT_WRITTEN):
            continue
        if grouped := _EXPERT.fullmatch(name):
            key = f"{grouped['before']}.{grouped['part']}.weight"
            experts.setdefault(key, {})[int(grouped["number"])] = name
            continue
        target = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if target is None:
            unknown.append(name)
            continue
        optional = tied and target == "output.weight"
        wanted[target] = _arranged(parent, name, target, architecture, heads, optional)
    for key, members in experts.items():
        target = names.get_name(key, try_suffixes=(".weight",))
        if target is None:
            unknown.append(key)
        else:
            wanted[target] = _stacked(parent, [members[n] for n in sorted(members)])
    return _with_fused(wanted, present), tuple(unknown)


def _arranged(
    parent: Tensors, name: str, target: str, architecture: str, heads: Heads, optional: bool
) -> Expected:
    def make(read: Read, how: str) -> Read:
        return lambda: arrange(read(), how, heads)

    own: Read = lambda: parent.read(name)  # noqa: E731 - one of several readers
    adapted = parent if isinstance(parent, AdaptedTensors) else None
    before = _before(adapted, name)
    how = arrangement_of(target, architecture)
    known = architecture in KNOWN
    alternatives = {
        other: make(own, other)
        for other in possible_arrangements(target, architecture)
        if known and other != how
    }
    return Expected(
        parent.shapes[name],
        make(own, how),
        make(before, how) if before else None,
        alternatives,
        optional,
        parent.kind(name),
        name,
    )


def _stacked(parent: Tensors, names: list[str]) -> Expected:
    def read() -> torch.Tensor:
        return torch.stack([parent.read(name) for name in names])

    return Expected(
        (len(names), *parent.shapes[names[0]]), read, kind=parent.kind(names[0]), source=names[0]
    )


def _with_fused(wanted: dict[str, Expected], present: Mapping[str, Any]) -> dict[str, Expected]:
    """Put q, k and v together where a file holds them so."""
    for target in [name for name in present if ".attn_qkv." in name and name not in wanted]:
        parts = [target.replace("attn_qkv", f"attn_{part}") for part in "qkv"]
        if not all(part in wanted for part in parts):
            continue
        taken = [wanted.pop(part) for part in parts]
        rows = sum(part.shape[0] for part in taken)

        def read(taken: list[Expected] = taken) -> torch.Tensor:
            return torch.cat([part.read() for part in taken])

        wanted[target] = Expected((rows, *taken[0].shape[1:]), read, kind=taken[0].kind)
    return wanted


def arrangement_of(target: str, architecture: str) -> str:
    """Name the arrangement that llama.cpp wants of a tensor."""
    part = target.rsplit(".", 1)[0].split(".")[-1]
    if architecture in _INTERLEAVED and part in ("attn_q", "attn_k"):
        return "interleaved q" if part == "attn_q" else "interleaved k"
    if architecture in _NORM_PLUS_ONE and target.endswith("norm.weight"):
        return "plus one"
    if architecture == "falcon" and part == "attn_qkv":
        return "grouped"
    return "as it is"


def possible_arrangements(target: str, architecture: str) -> tuple[str, ...]:
    """Name the arrangements that are taken for one another."""
    part = target.rsplit(".", 1)[0].split(".")[-1]
    if part in ("attn_q", "attn_k"):
        which = part[-1]
        return ("as it is", f"interleaved {which}", f"interleaved {which} twice", f"parted {which}")
    if target.endswith("norm.weight"):
        return ("as it is", "plus one", "plus two")
    if part == "attn_qkv":
        return ("as it is", "grouped")
    return ("as it is",)


def arrange(tensor: torch.Tensor, how: str, heads: Heads) -> torch.Tensor:
    """Give a tensor in the arrangement of that name."""
    if how == "as it is":
        return tensor
    if how.startswith("plus"):
        return tensor.float() + (2 if how.endswith("two") else 1)
    if how == "grouped":
        return _grouped(tensor, heads)
    count = heads.queries if " q" in how else heads.keys
    if tensor.shape[0] % (2 * count):
        return tensor
    if how.startswith("parted"):
        return _halves(tensor, count)
    once = _interleaved(tensor, count)
    return _interleaved(once, count) if how.endswith("twice") else once


def _interleaved(tensor: torch.Tensor, heads: int) -> torch.Tensor:
    """Put the rows of the second half of each head between those of its first."""
    shape = (heads, 2, tensor.shape[0] // heads // 2, *tensor.shape[1:])
    return tensor.reshape(shape).swapaxes(1, 2).reshape(tensor.shape)


def _halves(tensor: torch.Tensor, heads: int) -> torch.Tensor:
    """Put each second row of a head behind the others: what undoes interleaving."""
    shape = (heads, tensor.shape[0] // heads // 2, 2, *tensor.shape[1:])
    return tensor.reshape(shape).swapaxes(1, 2).reshape(tensor.shape)


def _grouped(tensor: torch.Tensor, heads: Heads) -> torch.Tensor:
    """Put all queries first, then all keys, then all values (Falcon keeps them by groups)."""
    each = heads.queries // heads.keys + 2
    width = tensor.shape[0] // (heads.keys * each)
    if width * heads.keys * each != tensor.shape[0]:
        return tensor
    groups = tensor.reshape(heads.keys, each, width, *tensor.shape[1:])
    parts = (groups[:, :-2], groups[:, -2], groups[:, -1])
    return torch.cat([part.reshape(-1, *tensor.shape[1:]) for part in parts])
