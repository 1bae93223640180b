"""Faults of converting and quantising for which no cause was made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType, dequantize
from gguf import quantize as in_blocks

from ragopt_tui.conversion.quantisations import quantisation
from ragopt_tui.conversion.quantize import quantize
from ragopt_tui.jobs.events import Reporter
from tests.verification.chains import Chain
from tests.verification.injecting import (
    LLAMA,
    LONG,
    TIED,
    Case,
    case_of,
    fault,
    gguf_case,
)
from tests.verification.rewriting import (
    Arrays,
    Fields,
    changed,
    copy_gguf,
    rows,
    weights_of,
)


@fault("the base converted in place of the merged model", LLAMA, "no-op merge", "another adapter")
def _base_converted(chain: Chain, folder: Path) -> Case:
    healthy = chain.gguf
    base = weights_of(chain.base)
    names = {"q_proj": "attn_q", "k_proj": "attn_k", "v_proj": "attn_v", "o_proj": "attn_output",
             "gate_proj": "ffn_gate", "up_proj": "ffn_up", "down_proj": "ffn_down"}  # fmt: skip

    def of_base(arrays: Arrays) -> None:
        for name, tensor in base.items():
            parts = name.split(".")
            if len(parts) < 6 or parts[-2] not in names:
                continue
            values = tensor.float().numpy()
            if parts[-2] in ("q_proj", "k_proj"):
                shape = (values.shape[0] // 64, 2, 32, values.shape[1])
                values = values.reshape(shape).swapaxes(1, 2).reshape(values.shape)
            target = f"blk.{parts[2]}.{names[parts[-2]]}.weight"
            changed(arrays, target, lambda _, values=values: values)

    path = copy_gguf(healthy, folder / healthy.name, of_base)
    adapter = chain.record("adapter0")
    return Case(chain.record("gguf", path), adapter, chain.record("base"))


@fault("a layer dropped", LLAMA, "missing tensors", "wrong shape in header")
def _dropped(chain: Chain, folder: Path) -> Case:
    return gguf_case(
        chain, folder, lambda arrays: {n: a for n, a in arrays.items() if not n.startswith("blk.1.")},
        lambda f: f.update({"llama.block_count": 1}),
    )  # fmt: skip


@fault("a layer repeated", LLAMA, "repeated layer")
def _repeated(chain: Chain, folder: Path) -> Case:
    return gguf_case(
        chain, folder,
        lambda a: {n: a[n.replace("blk.1.", "blk.0.")] for n in a},
    )  # fmt: skip


@fault("a bit flipped in a block's scale", LONG, "damaged rows", "damaged columns", "NaN weights")
def _bit(chain: Chain, folder: Path) -> Case:
    def flip(arrays: Arrays) -> None:
        data, kind = arrays["blk.1.ffn_up.weight"]
        data = data.copy()
        data[17, 1] ^= 0x20
        arrays["blk.1.ffn_up.weight"] = (data, kind)

    return gguf_case(chain, folder, flip, step="quantised")


@fault("no blank before text", LLAMA, "wrong leading blank")
def _blank(chain: Chain, folder: Path) -> Case:
    key = "tokenizer.ggml.add_space_prefix"
    return gguf_case(chain, folder, fields=lambda f: f.update({key: False}))


@fault("heads of keys exchanged", LLAMA, "moved rows", "permuted q/k")
def _heads(chain: Chain, folder: Path) -> Case:
    order = [*range(64, 128), *range(64)]

    def exchange(arrays: Arrays) -> None:
        for layer in range(2):
            rows(arrays, f"blk.{layer}.attn_k.weight", order)

    return gguf_case(chain, folder, exchange, step="quantised")


@fault("a sliding window out of nowhere", "phi3", "wrong sliding window")
def _window(chain: Chain, folder: Path) -> Case:
    key = "phi3.attention.sliding_window"
    return gguf_case(chain, folder, fields=lambda f: f.update({key: 64}))


@fault(
    "biases of queries in another order",
    "qwen2 tied",
    "moved values",
)
def _biases(chain: Chain, folder: Path) -> Case:
    def reorder(arrays: Arrays) -> None:
        for layer in range(2):
            changed(arrays, f"blk.{layer}.attn_q.bias", lambda values: values[::-1].copy())

    return gguf_case(chain, folder, reorder)


@fault(
    "quantised from the base in place of the merged model", LLAMA, "quantised from another model"
)
def _base_quantised(chain: Chain, folder: Path) -> Case:
    case = _base_converted(chain, folder)
    quantised = folder / chain.quantised.name
    report = Reporter(folder / "events.jsonl")
    quantize(Path(str(case.child.variant.path)), quantised, quantisation(chain.recipe.to), report)
    return case_of(chain, "quantised", quantised)


@fault("values permuted as queries are", LLAMA, "moved rows", "permuted q/k")
def _values_permuted(chain: Chain, folder: Path) -> Case:
    order = [head * 64 + half * 32 + i for head in range(2) for i in range(32) for half in (0, 1)]

    def permute(arrays: Arrays) -> None:
        for layer in range(2):
            rows(arrays, f"blk.{layer}.attn_v.weight", order)

    return gguf_case(chain, folder, permute)


@fault("tokens in another order everywhere but in the weights", LLAMA, "swapped token ids")
def _shifted_tokens(chain: Chain, folder: Path) -> Case:
    def shift(fields: Fields) -> None:
        for key in ("tokens", "scores", "token_type"):
            values = fields[f"tokenizer.ggml.{key}"]
            fields[f"tokenizer.ggml.{key}"] = [*values[:300], values[-1], *values[300:-1]]

    return gguf_case(chain, folder, fields=shift)


@fault("wrong kind of tokenizer", LLAMA, "wrong kind of tokenizer")
def _tokenizer_kind(chain: Chain, folder: Path) -> Case:
    return gguf_case(chain, folder, fields=lambda f: f.update({"tokenizer.ggml.model": "gpt2"}))


@fault("a context shorter than trained", LLAMA, "wrong context length")
def _context(chain: Chain, folder: Path) -> Case:
    return gguf_case(chain, folder, fields=lambda f: f.update({"llama.context_length": 128}))


@fault("zeroed norm", LLAMA, "lost norms")
def _zero_norm(chain: Chain, folder: Path) -> Case:
    def zero(arrays: Arrays) -> None:
        changed(arrays, "blk.1.ffn_norm.weight", lambda values: values * 0)

    return gguf_case(chain, folder, zero)


@fault("queries scaled by a temperature", TIED, "scaled weights")
def _temperature(chain: Chain, folder: Path) -> Case:
    def scale(arrays: Arrays) -> None:
        for layer in range(2):
            changed(arrays, f"blk.{layer}.attn_q_norm.weight", lambda values: values * 1.4)

    return gguf_case(chain, folder, scale)


@fault("one byte of the vocabulary changed", TIED, "another vocabulary", "swapped token ids")
def _third_token(chain: Chain, folder: Path) -> Case:
    def spoil(fields: Fields) -> None:
        fields["tokenizer.ggml.tokens"][350] += "x"

    return gguf_case(chain, folder, fields=spoil)


@fault("merges in another order", TIED, "other merges")
def _third_merges(chain: Chain, folder: Path) -> Case:
    def reverse(fields: Fields) -> None:
        fields["tokenizer.ggml.merges"] = fields["tokenizer.ggml.merges"][::-1]

    return gguf_case(chain, folder, fields=reverse)


@fault("fewer heads of keys in the header", LLAMA, "wrong shape in header")
def _third_heads(chain: Chain, folder: Path) -> Case:
    key = "llama.attention.head_count_kv"
    return gguf_case(chain, folder, fields=lambda f: f.update({key: 1}))


@fault("quantised twice over", LLAMA, "coarser values", "quantised from another model")
def _third_twice(chain: Chain, folder: Path) -> Case:
    def coarse(arrays: Arrays) -> None:
        for name, (_, kind) in list(arrays.items()):
            if kind == GGMLQuantizationType.BF16:
                changed(arrays, name, _through_q4)

    rough = copy_gguf(chain.gguf, folder / "rough.gguf", coarse)
    target = folder / chain.quantised.name
    report = Reporter(folder / "events.jsonl")
    quantize(rough, target, quantisation(chain.recipe.to), report)
    return case_of(chain, "quantised", target)


def _through_q4(values: np.ndarray) -> np.ndarray:
    kind = GGMLQuantizationType.Q4_0
    restored: np.ndarray = dequantize(in_blocks(values.astype(np.float32), kind), kind)
    return restored
