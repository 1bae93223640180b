"""Faults of converting and quantising."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from gguf import GGMLQuantizationType
from gguf import quantize as in_blocks

from tests.verification.chains import Chain, edit_json, record
from tests.verification.injecting import (
    GEMMA,
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
    Weights,
    changed,
    copy_folder,
    copy_gguf,
    rows,
    weights_of,
)


@fault("unpermuted q and k", LLAMA, "unpermuted q/k")
def _unpermuted(chain: Chain, folder: Path) -> Case:
    merged = weights_of(chain.merged)

    def plain(arrays: Arrays) -> None:
        for layer in range(2):
            for part in "qk":
                own = merged[f"model.layers.{layer}.self_attn.{part}_proj.weight"].float().numpy()
                changed(arrays, f"blk.{layer}.attn_{part}.weight", lambda _, own=own: own)

    return gguf_case(chain, folder, plain)


@fault("q and k permuted where they must not be", TIED, "permuted q/k")
def _permuted(chain: Chain, folder: Path) -> Case:
    order = [head * 64 + half * 32 + i for head in range(4) for i in range(32) for half in (0, 1)]

    def permute(arrays: Arrays) -> None:
        for layer in range(2):
            rows(arrays, f"blk.{layer}.attn_q.weight", order)
            rows(arrays, f"blk.{layer}.attn_k.weight", order[:128])

    return gguf_case(chain, folder, permute)


@fault("wrong rope theta", LLAMA, "wrong rope theta")
def _theta(chain: Chain, folder: Path) -> Case:
    return gguf_case(chain, folder, fields=lambda f: f.update({"llama.rope.freq_base": 1000000.0}))


@fault("rope scaling lost", LONG, "lost rope scaling")
def _scaling(chain: Chain, folder: Path) -> Case:
    return gguf_case(
        chain, folder, lambda arrays: {n: a for n, a in arrays.items() if n != "rope_freqs.weight"}
    )


@fault("wrong epsilon of norms", LLAMA, "wrong norm epsilon")
def _epsilon(chain: Chain, folder: Path) -> Case:
    key = "llama.attention.layer_norm_rms_epsilon"
    return gguf_case(chain, folder, fields=lambda f: f.update({key: 0.1}))


@fault("norms without their 1", GEMMA, "norms without their 1")
def _norms(chain: Chain, folder: Path) -> Case:
    def less(arrays: Arrays) -> None:
        for name in arrays:
            if name.endswith("norm.weight"):
                changed(arrays, name, lambda values: values - 1)

    return gguf_case(chain, folder, less)


@fault("double BOS", LLAMA, "double BOS")
def _double_bos(chain: Chain, folder: Path) -> Case:
    parent = folder / "parent"
    shutil.copytree(chain.merged, parent)
    edit_json(parent / "tokenizer.json", lambda v: v | {"post_processor": None})
    edit_json(parent / "tokenizer_config.json", lambda v: v | {"add_bos_token": False})
    return replace(gguf_case(chain, folder), parent=record("merged", "merged", parent, "adapter0"))


@fault("missing BOS", LLAMA, "missing BOS")
def _missing_bos(chain: Chain, folder: Path) -> Case:
    return gguf_case(
        chain, folder, fields=lambda f: f.update({"tokenizer.ggml.add_bos_token": False})
    )


@fault("wrong template", LLAMA, "wrong template")
def _template(chain: Chain, folder: Path) -> Case:
    text = (
        "{{ bos_token }}{% for m in messages %}<|{{ m['role'] }}|> {{ m['content'] }}{% endfor %}"
    )
    return gguf_case(chain, folder, fields=lambda f: f.update({"tokenizer.chat_template": text}))


@fault("missing template", LLAMA, "missing template")
def _no_template(chain: Chain, folder: Path) -> Case:
    return gguf_case(chain, folder, fields=lambda f: f.update({"tokenizer.chat_template": None}))


@fault("wrong EOS", LLAMA, "wrong EOS")
def _eos(chain: Chain, folder: Path) -> Case:
    return gguf_case(chain, folder, fields=lambda f: f.update({"tokenizer.ggml.eos_token_id": 5}))


@fault("missing scores", LLAMA, "missing scores")
def _scores(chain: Chain, folder: Path) -> Case:
    return gguf_case(
        chain, folder, fields=lambda f: f.update({"tokenizer.ggml.scores": [-1000.0] * 384})
    )


@fault("tokens exchanged in the file", LLAMA, "swapped token ids")
def _tokens(chain: Chain, folder: Path) -> Case:
    def swap(fields: Fields) -> None:
        tokens = fields["tokenizer.ggml.tokens"]
        tokens[300], tokens[310] = tokens[310], tokens[300]

    return gguf_case(chain, folder, fields=swap)


@fault("wrong pre-tokenizer", TIED, "wrong pre-tokenizer")
def _pre(chain: Chain, folder: Path) -> Case:
    return gguf_case(chain, folder, fields=lambda f: f.update({"tokenizer.ggml.pre": "default"}))


@fault("special tokens marked as text", TIED, "wrong token types")
def _types(chain: Chain, folder: Path) -> Case:
    return gguf_case(
        chain, folder, fields=lambda f: f.update({"tokenizer.ggml.token_type": [1] * 384})
    )


@fault("truncated file", LLAMA, "truncated file")
def _truncated(chain: Chain, folder: Path) -> Case:
    source = chain.gguf
    target = folder / source.name
    target.write_bytes(source.read_bytes()[: source.stat().st_size * 2 // 3])
    return case_of(chain, "gguf", target)


@fault("output layer left out", LLAMA, "lost head")
def _no_output(chain: Chain, folder: Path) -> Case:
    return gguf_case(
        chain, folder, lambda arrays: {n: a for n, a in arrays.items() if n != "output.weight"}
    )


@fault("layers exchanged", LLAMA, "exchanged layers")
def _layers(chain: Chain, folder: Path) -> Case:
    def exchange(arrays: Arrays) -> Arrays:
        other = {"blk.0.": "blk.1.", "blk.1.": "blk.0."}
        return {other.get(n[:6], n[:6]) + n[6:]: a for n, a in arrays.items()}

    return gguf_case(chain, folder, exchange)


@fault("gate and up exchanged", LLAMA, "exchanged tensors")
def _gate(chain: Chain, folder: Path) -> Case:
    def exchange(arrays: Arrays) -> None:
        for layer in range(2):
            gate, up = f"blk.{layer}.ffn_gate.weight", f"blk.{layer}.ffn_up.weight"
            arrays[gate], arrays[up] = arrays[up], arrays[gate]

    return gguf_case(chain, folder, exchange)


@fault("fp16 overflow in converting", LLAMA, "fp16 overflow")
def _gguf_overflow(chain: Chain, folder: Path) -> Case:
    name = "blk.0.ffn_down.weight"

    def large(weights: Weights) -> None:
        weights["model.layers.0.mlp.down_proj.weight"][3, :7] = 90_000.0

    parent = copy_folder(chain.merged, folder / "parent", large)

    def narrow(arrays: Arrays) -> None:
        for each, (data, kind) in list(arrays.items()):
            if kind == GGMLQuantizationType.BF16:
                arrays[each] = (data, kind)
        changed(arrays, name, lambda values: _with(values, 3, 7, 90_000.0))
        for each, (data, kind) in list(arrays.items()):
            if kind == GGMLQuantizationType.BF16:
                values = (data.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
                with np.errstate(over="ignore"):
                    arrays[each] = (values.astype(np.float16), GGMLQuantizationType.F16)

    case = gguf_case(chain, folder, narrow, lambda f: f.update({"general.file_type": 1}))
    child = replace(case.child, made={"step": "convert", "of": "merged", "output": "F16"})
    return replace(case, child=child, parent=record("merged", "merged", parent, "adapter0"))


def _with(values: np.ndarray, row: int, count: int, value: float) -> np.ndarray:
    values = values.copy()
    values[row, :count] = value
    return values


@fault("wrong quantisation type", LLAMA, "wrong quantisation type")
def _kind(chain: Chain, folder: Path) -> Case:
    eight = GGMLQuantizationType.Q8_0

    def in_eight(arrays: Arrays) -> None:
        for name, (data, kind) in list(arrays.items()):
            if kind == GGMLQuantizationType.BF16:
                values = (data.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
                arrays[name] = (in_blocks(values, eight), eight)

    path = copy_gguf(
        chain.gguf,
        folder / chain.quantised.name,
        in_eight,
        lambda f: f.update({"general.file_type": 15}),
    )
    return case_of(chain, "quantised", path)


@fault("rows shuffled within a matrix", LLAMA, "moved rows")
def _rows(chain: Chain, folder: Path) -> Case:
    order = list(np.random.default_rng(1).permutation(256))
    return gguf_case(
        chain, folder, lambda a: rows(a, "blk.1.ffn_down.weight", order), step="quantised"
    )


@fault("another adapter's file", LLAMA, "another model", "another adapter", "other v")
def _other_file(chain: Chain, folder: Path) -> Case:
    torch.manual_seed(8)

    def other(arrays: Arrays) -> None:
        for name in arrays:
            if name.startswith("blk.") and "norm" not in name:
                changed(arrays, name, _replaced)

    case = gguf_case(chain, folder, other)
    return case


def _replaced(values: np.ndarray) -> np.ndarray:
    return torch.randn(values.shape).numpy() * values.std()
