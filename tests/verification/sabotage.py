"""Faults that happen to models on their way, each put into a healthy chain."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gguf import GGMLQuantizationType, dequantize
from gguf import quantize as in_blocks
from safetensors.torch import load_file, save_file

from ragopt_tui.conversion.adapted_model import Adapter
from ragopt_tui.conversion.merge import merge
from ragopt_tui.conversion.nf4 import Nf4
from ragopt_tui.conversion.quantisations import quantisation
from ragopt_tui.conversion.quantize import quantize
from ragopt_tui.jobs.events import Reporter
from ragopt_tui.models.record import VariantRecord
from tests.verification.chains import Chain, edit_json, make_adapter, make_base, record
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

LLAMA, TIED, GEMMA, LONG = (
    "llama", "qwen3 tied head", "gemma tied", "llama with a trained head and long context",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Case:
    """What is verified against what."""

    child: VariantRecord
    parent: VariantRecord
    base: VariantRecord
    others: tuple[VariantRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault: how it is put into a chain, in an empty folder, and the causes that name it."""

    name: str
    chain: str
    inject: Callable[[Chain, Path], Case]
    right: tuple[str, ...]


FAULTS: list[Fault] = []
Inject = Callable[[Chain, Path], Case]


def fault(name: str, chain: str, *right: str) -> Callable[[Inject], Inject]:
    """Note a way to inject a fault, and the names of the causes that are right for it."""

    def note(inject: Inject) -> Inject:
        FAULTS.append(Fault(name, chain, inject, right))
        return inject

    return note


def healthy(chain: Chain, step: str) -> Case:
    """Give a step of a chain as it is."""
    return _case(chain, step, chain.path(step))


def _case(chain: Chain, step: str, child: Path) -> Case:
    parent = {"merged": "adapter0", "gguf": "merged", "quantised": "gguf"}[step]
    others = tuple(chain.record(f"adapter{n}") for n in range(1, len(chain.adapters)))
    base = chain.record("base")
    return Case(chain.record(step, child), chain.record(parent), base, others)


def _merged(
    chain: Chain,
    folder: Path,
    weights: Callable[[Weights], Weights | None] | None = None,
    **config: Any,
) -> Case:
    return _case(chain, "merged", copy_folder(chain.merged, folder / "child", weights, config))


def _gguf(
    chain: Chain,
    folder: Path,
    tensors: Callable[[Arrays], Arrays | None] | None = None,
    fields: Callable[[Fields], None] | None = None,
    step: str = "gguf",
) -> Case:
    source = chain.path(step)
    return _case(chain, step, copy_gguf(source, folder / source.name, tensors, fields))


def _remerged(chain: Chain, folder: Path, **adapter_config: Any) -> Case:
    """Merge with another configuration of the adapter than it was trained with."""
    adapter = folder / "adapter"
    shutil.copytree(chain.adapters[0], adapter)
    edit_json(adapter / "adapter_config.json", lambda values: values | adapter_config)
    return _merged_anew(chain, folder, chain.base, [Adapter(adapter)])


def _merged_anew(chain: Chain, folder: Path, base: Path, adapters: list[Adapter]) -> Case:
    child = folder / "child"
    child.mkdir()
    merge(base, adapters, child, lambda done, total: None)
    return _case(chain, "merged", child)


# ---- merging


@fault("no-op merge", LLAMA, "no-op merge")
def _no_op(chain: Chain, folder: Path) -> Case:
    return _merged(chain, folder, lambda weights: weights_of(chain.base))


@fault("half merge: one layer", LLAMA, "half merge")
def _half(chain: Chain, folder: Path) -> Case:
    base = weights_of(chain.base)
    return _merged(
        chain, folder, lambda w: {n: base[n] if "layers.1." in n else t for n, t in w.items()}
    )


@fault("half merge: feed-forward left out", LLAMA, "half merge")
def _half_mlp(chain: Chain, folder: Path) -> Case:
    base = weights_of(chain.base)
    return _merged(chain, folder, lambda w: {n: base[n] if "mlp" in n else t for n, t in w.items()})


@fault("lost head of an untied base", LONG, "lost head")
def _lost_head(chain: Chain, folder: Path) -> Case:
    head = weights_of(chain.base)["lm_head.weight"]
    return _merged(chain, folder, lambda w: w | {"lm_head.weight": head})


@fault("lost head of a tied base", TIED, "lost head")
def _lost_tied_head(chain: Chain, folder: Path) -> Case:
    def without(weights: Weights) -> None:
        del weights["lm_head.weight"]

    return _merged(chain, folder, without, tie_word_embeddings=True)


@fault("head kept but tied", TIED, "wrong tie")
def _tied(chain: Chain, folder: Path) -> Case:
    return _merged(chain, folder, tie_word_embeddings=True)


@fault("4-bit tensors left behind", LLAMA, "4-bit residue")
def _residue(chain: Chain, folder: Path) -> Case:
    from bitsandbytes import functional

    def pack(weights: Weights) -> Weights:
        packed: Weights = {}
        for name, tensor in weights.items():
            if "proj" in name:
                values, state = functional.quantize_4bit(tensor, quant_type="nf4")
                packed |= {name: values, f"{name}.absmax": state.absmax}
            else:
                packed[name] = tensor
        return packed

    method = {"quant_method": "bitsandbytes", "load_in_4bit": True}
    return _merged(chain, folder, pack, quantization_config=method)


@fault("merged in 4 bits and written out again", LLAMA, "rounded to 4 bits")
def _in_place(chain: Chain, folder: Path) -> Case:
    return _merged(
        chain, folder, lambda w: {n: Nf4().rounded(t) if "proj" in n else t for n, t in w.items()}
    )


@fault("fp16 overflow in merging", LLAMA, "fp16 overflow")
def _overflow(chain: Chain, folder: Path) -> Case:
    name = "model.layers.0.mlp.down_proj.weight"

    def large(weights: Weights) -> None:
        weights[name][3, :7] = 90_000.0

    base = copy_folder(chain.base, folder / "base", large)
    case = _merged_anew(chain, folder, base, [Adapter(chain.adapters[0])])
    path = folder / "narrow"
    copy_folder(folder / "child", path, lambda w: {n: t.half() for n, t in w.items()})
    own = record("base", "base", base, "")
    return replace(case, child=chain.record("merged", path), base=own)


@fault("NaN in a tensor", LLAMA, "NaN weights")
def _nan(chain: Chain, folder: Path) -> Case:
    def poison(weights: Weights) -> None:
        weights["model.layers.1.self_attn.o_proj.weight"][5] = torch.nan

    return _merged(chain, folder, poison)


@fault("resized vocabulary", LLAMA, "resized vocabulary")
def _resized(chain: Chain, folder: Path) -> Case:
    def widen(weights: Weights) -> None:
        for name in ("model.embed_tokens.weight", "lm_head.weight"):
            weights[name] = torch.cat([weights[name], torch.zeros(16, 256, dtype=torch.bfloat16)])

    return _merged(chain, folder, widen, vocab_size=400)


@fault("swapped token ids", LLAMA, "swapped token ids")
def _swapped(chain: Chain, folder: Path) -> Case:
    case = _merged(chain, folder)

    def swap(values: dict[str, Any]) -> dict[str, Any]:
        vocabulary = values["model"]["vocab"]
        one, other = "▁revenue", "▁profit"
        vocabulary[one], vocabulary[other] = vocabulary[other], vocabulary[one]
        return values

    edit_json(folder / "child" / "tokenizer.json", swap)
    return case


@fault("stale tokenizer", LLAMA, "stale tokenizer")
def _stale(chain: Chain, folder: Path) -> Case:
    adapter = folder / "adapter"
    shutil.copytree(chain.adapters[0], adapter)

    def trained(values: dict[str, Any]) -> dict[str, Any]:
        token = {"special": True, "single_word": False, "lstrip": False, "rstrip": False}
        name = next(t for t, n in values["model"]["vocab"].items() if n == 380)
        values["added_tokens"].append({"id": 380, "content": name, "normalized": False, **token})
        return values

    edit_json(adapter / "tokenizer.json", trained)
    case = _merged(chain, folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(chain.base / name, folder / "child" / name)
    return replace(case, parent=record("adapter0", "adapter", adapter, "base"))


@fault("wrong template in the folder", LLAMA, "wrong template")
def _folder_template(chain: Chain, folder: Path) -> Case:
    case = _merged(chain, folder)
    text = "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}{% endfor %}"
    (folder / "child" / "chat_template.jinja").write_text(text)
    return case


@fault("missing template in the folder", LLAMA, "missing template")
def _no_folder_template(chain: Chain, folder: Path) -> Case:
    case = _merged(chain, folder)
    (folder / "child" / "chat_template.jinja").unlink(missing_ok=True)
    edit_json(
        folder / "child" / "tokenizer_config.json",
        lambda v: {key: value for key, value in v.items() if key != "chat_template"},
    )
    return case


@fault("rsLoRA scale ignored", LLAMA, "ignored rsLoRA scale")
def _rslora(chain: Chain, folder: Path) -> Case:
    return _remerged(chain, folder, use_rslora=False)


@fault("alpha pattern ignored", LONG, "ignored alpha pattern")
def _alpha(chain: Chain, folder: Path) -> Case:
    return _remerged(chain, folder, alpha_pattern={})


@fault("rank pattern ignored in the scale", "qwen2 untied yarn", "ignored rank pattern")
def _rank(chain: Chain, folder: Path) -> Case:
    # v_proj has rank 4 in place of 8: a scale by the default rank is half of its own.
    alphas = json.loads((chain.adapters[0] / "adapter_config.json").read_text())["alpha_pattern"]
    return _remerged(chain, folder, alpha_pattern=alphas | {"v_proj": 6})


@fault("DoRA magnitudes ignored", "mistral dora", "ignored DoRA magnitudes")
def _dora(chain: Chain, folder: Path) -> Case:
    adapter = folder / "adapter"
    shutil.copytree(chain.adapters[0], adapter)
    file = adapter / "adapter_model.safetensors"
    save_file({n: t for n, t in load_file(file).items() if "magnitude" not in n}, file)
    edit_json(adapter / "adapter_config.json", lambda values: values | {"use_dora": False})
    return _merged_anew(chain, folder, chain.base, [Adapter(adapter)])


@fault("merged twice", LLAMA, "merged twice")
def _twice(chain: Chain, folder: Path) -> Case:
    adapter = Adapter(chain.adapters[0], 2.0)
    return _merged_anew(chain, folder, chain.base, [adapter])


@fault("one of two adapters left out", "llama of two adapters", "adapter left out", "half merge")
def _left_out(chain: Chain, folder: Path) -> Case:
    return _merged_anew(chain, folder, chain.base, [Adapter(chain.adapters[0], 0.5)])


@fault("weights of adapters ignored", "llama of two adapters", "wrong adapter weight")
def _weights(chain: Chain, folder: Path) -> Case:
    return _merged_anew(chain, folder, chain.base, [Adapter(each) for each in chain.adapters])


@fault("another revision of the base", LLAMA, "wrong base")
def _revision(chain: Chain, folder: Path) -> Case:
    torch.manual_seed(3)

    def trained_on(weights: Weights) -> None:
        for tensor in weights.values():
            if tensor.dim() > 1:
                tensor.add_(0.1 * tensor.std() * torch.randn_like(tensor))

    base = copy_folder(chain.base, folder / "base", trained_on)
    return _merged_anew(chain, folder, base, [Adapter(chain.adapters[0])])


@fault("another base altogether", LLAMA, "wrong base")
def _other_base(chain: Chain, folder: Path) -> Case:
    base = make_base(folder / "base", chain.recipe, seed=7)
    return _merged_anew(chain, folder, base, [Adapter(chain.adapters[0])])


@fault("another checkpoint of the adapter", LLAMA, "another adapter")
def _checkpoint(chain: Chain, folder: Path) -> Case:
    other = make_adapter(folder / "other", chain.base, 5, chain.recipe.adapters[0])
    return _merged_anew(chain, folder, chain.base, [Adapter(other)])


@fault("wrong rope theta in config.json", LLAMA, "wrong rope theta")
def _config_theta(chain: Chain, folder: Path) -> Case:
    return _merged(chain, folder, rope_parameters={"rope_type": "default", "rope_theta": 500000.0})


@fault("rope scaling lost in config.json", LONG, "lost rope scaling")
def _config_scaling(chain: Chain, folder: Path) -> Case:
    return _merged(chain, folder, rope_parameters={"rope_type": "default", "rope_theta": 10000.0})


@fault("wrong EOS in the folder", LLAMA, "wrong EOS")
def _folder_eos(chain: Chain, folder: Path) -> Case:
    case = _merged(chain, folder)
    edit_json(folder / "child" / "tokenizer_config.json", lambda v: v | {"eos_token": "<unk>"})
    return case


# ---- converting


@fault("unpermuted q and k", LLAMA, "unpermuted q/k")
def _unpermuted(chain: Chain, folder: Path) -> Case:
    merged = weights_of(chain.merged)

    def plain(arrays: Arrays) -> None:
        for layer in range(2):
            for part in "qk":
                own = merged[f"model.layers.{layer}.self_attn.{part}_proj.weight"].float().numpy()
                changed(arrays, f"blk.{layer}.attn_{part}.weight", lambda _, own=own: own)

    return _gguf(chain, folder, plain)


@fault("q and k permuted where they must not be", TIED, "permuted q/k")
def _permuted(chain: Chain, folder: Path) -> Case:
    order = [head * 64 + half * 32 + i for head in range(4) for i in range(32) for half in (0, 1)]

    def permute(arrays: Arrays) -> None:
        for layer in range(2):
            rows(arrays, f"blk.{layer}.attn_q.weight", order)
            rows(arrays, f"blk.{layer}.attn_k.weight", order[:128])

    return _gguf(chain, folder, permute)


@fault("wrong rope theta", LLAMA, "wrong rope theta")
def _theta(chain: Chain, folder: Path) -> Case:
    return _gguf(chain, folder, fields=lambda f: f.update({"llama.rope.freq_base": 1000000.0}))


@fault("rope scaling lost", LONG, "lost rope scaling")
def _scaling(chain: Chain, folder: Path) -> Case:
    return _gguf(
        chain, folder, lambda arrays: {n: a for n, a in arrays.items() if n != "rope_freqs.weight"}
    )


@fault("wrong epsilon of norms", LLAMA, "wrong norm epsilon")
def _epsilon(chain: Chain, folder: Path) -> Case:
    key = "llama.attention.layer_norm_rms_epsilon"
    return _gguf(chain, folder, fields=lambda f: f.update({key: 0.1}))


@fault("norms without their 1", GEMMA, "norms without their 1")
def _norms(chain: Chain, folder: Path) -> Case:
    def less(arrays: Arrays) -> None:
        for name in arrays:
            if name.endswith("norm.weight"):
                changed(arrays, name, lambda values: values - 1)

    return _gguf(chain, folder, less)


@fault("double BOS", LLAMA, "double BOS")
def _double_bos(chain: Chain, folder: Path) -> Case:
    parent = folder / "parent"
    shutil.copytree(chain.merged, parent)
    edit_json(parent / "tokenizer.json", lambda v: v | {"post_processor": None})
    edit_json(parent / "tokenizer_config.json", lambda v: v | {"add_bos_token": False})
    return replace(_gguf(chain, folder), parent=record("merged", "merged", parent, "adapter0"))


@fault("missing BOS", LLAMA, "missing BOS")
def _missing_bos(chain: Chain, folder: Path) -> Case:
    return _gguf(chain, folder, fields=lambda f: f.update({"tokenizer.ggml.add_bos_token": False}))


@fault("wrong template", LLAMA, "wrong template")
def _template(chain: Chain, folder: Path) -> Case:
    text = (
        "{{ bos_token }}{% for m in messages %}<|{{ m['role'] }}|> {{ m['content'] }}{% endfor %}"
    )
    return _gguf(chain, folder, fields=lambda f: f.update({"tokenizer.chat_template": text}))


@fault("missing template", LLAMA, "missing template")
def _no_template(chain: Chain, folder: Path) -> Case:
    return _gguf(chain, folder, fields=lambda f: f.update({"tokenizer.chat_template": None}))


@fault("wrong EOS", LLAMA, "wrong EOS")
def _eos(chain: Chain, folder: Path) -> Case:
    return _gguf(chain, folder, fields=lambda f: f.update({"tokenizer.ggml.eos_token_id": 5}))


@fault("missing scores", LLAMA, "missing scores")
def _scores(chain: Chain, folder: Path) -> Case:
    return _gguf(
        chain, folder, fields=lambda f: f.update({"tokenizer.ggml.scores": [-1000.0] * 384})
    )


@fault("tokens exchanged in the file", LLAMA, "swapped token ids")
def _tokens(chain: Chain, folder: Path) -> Case:
    def swap(fields: Fields) -> None:
        tokens = fields["tokenizer.ggml.tokens"]
        tokens[300], tokens[310] = tokens[310], tokens[300]

    return _gguf(chain, folder, fields=swap)


@fault("wrong pre-tokenizer", TIED, "wrong pre-tokenizer")
def _pre(chain: Chain, folder: Path) -> Case:
    return _gguf(chain, folder, fields=lambda f: f.update({"tokenizer.ggml.pre": "default"}))


@fault("special tokens marked as text", TIED, "wrong token types")
def _types(chain: Chain, folder: Path) -> Case:
    return _gguf(chain, folder, fields=lambda f: f.update({"tokenizer.ggml.token_type": [1] * 384}))


@fault("truncated file", LLAMA, "truncated file")
def _truncated(chain: Chain, folder: Path) -> Case:
    source = chain.gguf
    target = folder / source.name
    target.write_bytes(source.read_bytes()[: source.stat().st_size * 2 // 3])
    return _case(chain, "gguf", target)


@fault("output layer left out", LLAMA, "lost head")
def _no_output(chain: Chain, folder: Path) -> Case:
    return _gguf(
        chain, folder, lambda arrays: {n: a for n, a in arrays.items() if n != "output.weight"}
    )


@fault("layers exchanged", LLAMA, "exchanged layers")
def _layers(chain: Chain, folder: Path) -> Case:
    def exchange(arrays: Arrays) -> Arrays:
        other = {"blk.0.": "blk.1.", "blk.1.": "blk.0."}
        return {other.get(n[:6], n[:6]) + n[6:]: a for n, a in arrays.items()}

    return _gguf(chain, folder, exchange)


@fault("gate and up exchanged", LLAMA, "exchanged tensors")
def _gate(chain: Chain, folder: Path) -> Case:
    def exchange(arrays: Arrays) -> None:
        for layer in range(2):
            gate, up = f"blk.{layer}.ffn_gate.weight", f"blk.{layer}.ffn_up.weight"
            arrays[gate], arrays[up] = arrays[up], arrays[gate]

    return _gguf(chain, folder, exchange)


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

    case = _gguf(chain, folder, narrow, lambda f: f.update({"general.file_type": 1}))
    child = replace(case.child, made={"step": "convert", "of": "merged", "output": "F16"})
    return replace(case, child=child, parent=record("merged", "merged", parent, "adapter0"))


def _with(values: np.ndarray, row: int, count: int, value: float) -> np.ndarray:
    values = values.copy()
    values[row, :count] = value
    return values


# ---- quantising


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
    return _case(chain, "quantised", path)


@fault("rows shuffled within a matrix", LLAMA, "moved rows")
def _rows(chain: Chain, folder: Path) -> Case:
    order = list(np.random.default_rng(1).permutation(256))
    return _gguf(chain, folder, lambda a: rows(a, "blk.1.ffn_down.weight", order), step="quantised")


@fault("another adapter's file", LLAMA, "another model", "another adapter", "other v")
def _other_file(chain: Chain, folder: Path) -> Case:
    torch.manual_seed(8)

    def other(arrays: Arrays) -> None:
        for name in arrays:
            if name.startswith("blk.") and "norm" not in name:
                changed(arrays, name, _replaced)

    case = _gguf(chain, folder, other)
    return case


def _replaced(values: np.ndarray) -> np.ndarray:
    return torch.randn(values.shape).numpy() * values.std()


# ---- faults that no cause was made for


@fault("the adapter's layers shifted by one", LLAMA, "misplaced change")
def _shifted(chain: Chain, folder: Path) -> Case:
    adapter = folder / "adapter"
    shutil.copytree(chain.adapters[0], adapter)
    file = adapter / "adapter_model.safetensors"
    other = {"layers.0.": "layers.1.", "layers.1.": "layers.0."}
    tensors = {}
    for name, tensor in load_file(file).items():
        key = "layers.0." if "layers.0." in name else "layers.1."
        tensors[name.replace(key, other[key])] = tensor
    save_file(tensors, file)
    return _merged_anew(chain, folder, chain.base, [Adapter(adapter)])


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
    return _gguf(
        chain, folder, lambda arrays: {n: a for n, a in arrays.items() if not n.startswith("blk.1.")},
        lambda f: f.update({"llama.block_count": 1}),
    )  # fmt: skip


@fault("a layer repeated", LLAMA, "repeated layer")
def _repeated(chain: Chain, folder: Path) -> Case:
    return _gguf(
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

    return _gguf(chain, folder, flip, step="quantised")


@fault("no blank before text", LLAMA, "wrong leading blank")
def _blank(chain: Chain, folder: Path) -> Case:
    key = "tokenizer.ggml.add_space_prefix"
    return _gguf(chain, folder, fields=lambda f: f.update({key: False}))


@fault("changes transposed", LLAMA, "transposed change")
def _transposed(chain: Chain, folder: Path) -> Case:
    base = weights_of(chain.base)

    def turn(weights: Weights) -> None:
        for name, tensor in weights.items():
            if name in base and tensor.dim() == 2 and tensor.shape[0] == tensor.shape[1]:
                weights[name] = base[name] + (tensor - base[name]).T

    return _merged(chain, folder, turn)


@fault("heads of keys exchanged", LLAMA, "moved rows", "permuted q/k")
def _heads(chain: Chain, folder: Path) -> Case:
    order = [*range(64, 128), *range(64)]

    def exchange(arrays: Arrays) -> None:
        for layer in range(2):
            rows(arrays, f"blk.{layer}.attn_k.weight", order)

    return _gguf(chain, folder, exchange, step="quantised")


@fault("a sliding window out of nowhere", "phi3", "wrong sliding window")
def _window(chain: Chain, folder: Path) -> Case:
    key = "phi3.attention.sliding_window"
    return _gguf(chain, folder, fields=lambda f: f.update({key: 64}))


@fault("one file of the folder from an earlier merge", LLAMA, "mixed files")
def _mixed(chain: Chain, folder: Path) -> Case:
    other = make_adapter(folder / "other", chain.base, 5, chain.recipe.adapters[0])
    _merged_anew(chain, folder, chain.base, [Adapter(other)])
    target = folder / "mixed"
    shutil.copytree(chain.merged, target)
    shard = sorted(target.glob("*.safetensors"))[1]
    shutil.copyfile(folder / "child" / shard.name, shard)
    return _case(chain, "merged", target)


@fault(
    "biases of queries in another order",
    "qwen2 tied",
    "moved values",
)
def _biases(chain: Chain, folder: Path) -> Case:
    def reorder(arrays: Arrays) -> None:
        for layer in range(2):
            changed(arrays, f"blk.{layer}.attn_q.bias", lambda values: values[::-1].copy())

    return _gguf(chain, folder, reorder)


@fault(
    "quantised from the base in place of the merged model", LLAMA, "quantised from another model"
)
def _base_quantised(chain: Chain, folder: Path) -> Case:
    case = _base_converted(chain, folder)
    quantised = folder / chain.quantised.name
    report = Reporter(folder / "events.jsonl")
    quantize(Path(str(case.child.variant.path)), quantised, quantisation(chain.recipe.to), report)
    return _case(chain, "quantised", quantised)


@fault("values permuted as queries are", LLAMA, "moved rows", "permuted q/k")
def _values_permuted(chain: Chain, folder: Path) -> Case:
    order = [head * 64 + half * 32 + i for head in range(2) for i in range(32) for half in (0, 1)]

    def permute(arrays: Arrays) -> None:
        for layer in range(2):
            rows(arrays, f"blk.{layer}.attn_v.weight", order)

    return _gguf(chain, folder, permute)


@fault("only half of the ranks merged", LLAMA, "another adapter", "wrong scale")
def _half_rank(chain: Chain, folder: Path) -> Case:
    adapter = folder / "adapter"
    shutil.copytree(chain.adapters[0], adapter)
    file = adapter / "adapter_model.safetensors"
    tensors = load_file(file)
    for name in tensors:
        if "lora_A" in name:
            tensors[name][4:] = 0
    save_file(tensors, file)
    return _merged_anew(chain, folder, chain.base, [Adapter(adapter)])


@fault("a scale that no mistake explains", LLAMA, "wrong scale")
def _odd_scale(chain: Chain, folder: Path) -> Case:
    return _merged_anew(chain, folder, chain.base, [Adapter(chain.adapters[0], 0.77)])


@fault(
    "trained embeddings kept, but in the base's rows for some tokens",
    LONG,
    "another head",
    "changed token rows",
)
def _some_rows(chain: Chain, folder: Path) -> Case:
    base = weights_of(chain.base)["lm_head.weight"]

    def mix(weights: Weights) -> None:
        weights["lm_head.weight"][100:120] = base[100:120]

    return _merged(chain, folder, mix)


@fault("tokens in another order everywhere but in the weights", LLAMA, "swapped token ids")
def _shifted_tokens(chain: Chain, folder: Path) -> Case:
    def shift(fields: Fields) -> None:
        for key in ("tokens", "scores", "token_type"):
            values = fields[f"tokenizer.ggml.{key}"]
            fields[f"tokenizer.ggml.{key}"] = [*values[:300], values[-1], *values[300:-1]]

    return _gguf(chain, folder, fields=shift)


@fault("wrong kind of tokenizer", LLAMA, "wrong kind of tokenizer")
def _tokenizer_kind(chain: Chain, folder: Path) -> Case:
    return _gguf(chain, folder, fields=lambda f: f.update({"tokenizer.ggml.model": "gpt2"}))


@fault("a context shorter than trained", LLAMA, "wrong context length")
def _context(chain: Chain, folder: Path) -> Case:
    return _gguf(chain, folder, fields=lambda f: f.update({"llama.context_length": 128}))


@fault("zeroed norm", LLAMA, "lost norms")
def _zero_norm(chain: Chain, folder: Path) -> Case:
    def zero(arrays: Arrays) -> None:
        changed(arrays, "blk.1.ffn_norm.weight", lambda values: values * 0)

    return _gguf(chain, folder, zero)


@fault("queries scaled by a temperature", TIED, "scaled weights")
def _temperature(chain: Chain, folder: Path) -> Case:
    def scale(arrays: Arrays) -> None:
        for layer in range(2):
            changed(arrays, f"blk.{layer}.attn_q_norm.weight", lambda values: values * 1.4)

    return _gguf(chain, folder, scale)


@fault("nine tenths of DoRA's change", "mistral dora", "wrong scale")
def _third_dora(chain: Chain, folder: Path) -> Case:
    base = weights_of(chain.base)

    def smaller(weights: Weights) -> None:
        for name, tensor in weights.items():
            weights[name] = (base[name] + 0.9 * (tensor - base[name]).float()).to(tensor.dtype)

    return _merged(chain, folder, smaller)


@fault(
    "embedding of the base under a trained one", "qwen3 untied embedding and head", "lost embedding"
)
def _third_embedding(chain: Chain, folder: Path) -> Case:
    name = "model.embed_tokens.weight"
    return _merged(chain, folder, lambda w: w | {name: weights_of(chain.base)[name]})


@fault("heads of attention's output exchanged", LLAMA, "moved columns")
def _third_columns(chain: Chain, folder: Path) -> Case:
    order = [*range(128, 256), *range(128)]

    def exchange(weights: Weights) -> None:
        name = "model.layers.0.self_attn.o_proj.weight"
        weights[name] = weights[name][:, order]

    return _merged(chain, folder, exchange)


@fault("one byte of the vocabulary changed", TIED, "another vocabulary", "swapped token ids")
def _third_token(chain: Chain, folder: Path) -> Case:
    def spoil(fields: Fields) -> None:
        fields["tokenizer.ggml.tokens"][350] += "x"

    return _gguf(chain, folder, fields=spoil)


@fault("merges in another order", TIED, "other merges")
def _third_merges(chain: Chain, folder: Path) -> Case:
    def reverse(fields: Fields) -> None:
        fields["tokenizer.ggml.merges"] = fields["tokenizer.ggml.merges"][::-1]

    return _gguf(chain, folder, fields=reverse)


@fault("fewer heads of keys in the header", LLAMA, "wrong shape in header")
def _third_heads(chain: Chain, folder: Path) -> Case:
    key = "llama.attention.head_count_kv"
    return _gguf(chain, folder, fields=lambda f: f.update({key: 1}))


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
    return _case(chain, "quantised", target)


def _through_q4(values: np.ndarray) -> np.ndarray:
    kind = GGMLQuantizationType.Q4_0
    restored: np.ndarray = dequantize(in_blocks(values.astype(np.float32), kind), kind)
    return restored


@fault("norms of two places exchanged", LLAMA, "exchanged tensors")
def _third_norms(chain: Chain, folder: Path) -> Case:
    def exchange(weights: Weights) -> None:
        for layer in range(2):
            one = f"model.layers.{layer}.input_layernorm.weight"
            other = f"model.layers.{layer}.post_attention_layernorm.weight"
            weights[one], weights[other] = weights[other], weights[one]

    return _merged(chain, folder, exchange)


@fault("generation that ends at another token", LLAMA, "wrong EOS")
def _third_generation(chain: Chain, folder: Path) -> Case:
    case = _merged(chain, folder)
    edit_json(folder / "child" / "generation_config.json", lambda v: v | {"eos_token_id": 7})
    return case


@fault("attention's biases left out", "qwen2 untied yarn", "lost biases")
def _third_biases(chain: Chain, folder: Path) -> Case:
    return _merged(
        chain, folder, lambda w: {n: 0 * t if n.endswith("bias") else t for n, t in w.items()}
    )


@fault(
    "an original context that was forgotten",
    "qwen2 untied yarn",
    "wrong rope scaling",
    "lost rope scaling",
)
def _third_context(chain: Chain, folder: Path) -> Case:
    rope = {"rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0,
            "original_max_position_embeddings": 512}  # fmt: skip
    return _merged(chain, folder, rope_parameters=rope)
