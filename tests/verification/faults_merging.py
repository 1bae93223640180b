"""Faults of merging."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from ragopt_tui.conversion.adapted_model import Adapter
from ragopt_tui.conversion.nf4 import Nf4
from tests.verification.chains import Chain, edit_json, make_adapter, make_base, record
from tests.verification.injecting import (
    LLAMA,
    LONG,
    TIED,
    Case,
    fault,
    merged_anew,
    merged_case,
    remerged,
)
from tests.verification.rewriting import (
    Weights,
    copy_folder,
    weights_of,
)


@fault("no-op merge", LLAMA, "no-op merge")
def _no_op(chain: Chain, folder: Path) -> Case:
    return merged_case(chain, folder, lambda weights: weights_of(chain.base))


@fault("half merge: one layer", LLAMA, "half merge")
def _half(chain: Chain, folder: Path) -> Case:
    base = weights_of(chain.base)
    return merged_case(
        chain, folder, lambda w: {n: base[n] if "layers.1." in n else t for n, t in w.items()}
    )


@fault("half merge: feed-forward left out", LLAMA, "half merge")
def _half_mlp(chain: Chain, folder: Path) -> Case:
    base = weights_of(chain.base)
    return merged_case(
        chain, folder, lambda w: {n: base[n] if "mlp" in n else t for n, t in w.items()}
    )


@fault("lost head of an untied base", LONG, "lost head")
def _lost_head(chain: Chain, folder: Path) -> Case:
    head = weights_of(chain.base)["lm_head.weight"]
    return merged_case(chain, folder, lambda w: w | {"lm_head.weight": head})


@fault("lost head of a tied base", TIED, "lost head")
def _lost_tied_head(chain: Chain, folder: Path) -> Case:
    def without(weights: Weights) -> None:
        del weights["lm_head.weight"]

    return merged_case(chain, folder, without, tie_word_embeddings=True)


@fault("head kept but tied", TIED, "wrong tie")
def _tied(chain: Chain, folder: Path) -> Case:
    return merged_case(chain, folder, tie_word_embeddings=True)


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
    return merged_case(chain, folder, pack, quantization_config=method)


@fault("merged in 4 bits and written out again", LLAMA, "rounded to 4 bits")
def _in_place(chain: Chain, folder: Path) -> Case:
    return merged_case(
        chain, folder, lambda w: {n: Nf4().rounded(t) if "proj" in n else t for n, t in w.items()}
    )


@fault("fp16 overflow in merging", LLAMA, "fp16 overflow")
def _overflow(chain: Chain, folder: Path) -> Case:
    name = "model.layers.0.mlp.down_proj.weight"

    def large(weights: Weights) -> None:
        weights[name][3, :7] = 90_000.0

    base = copy_folder(chain.base, folder / "base", large)
    case = merged_anew(chain, folder, base, [Adapter(chain.adapters[0])])
    path = folder / "narrow"
    copy_folder(folder / "child", path, lambda w: {n: t.half() for n, t in w.items()})
    own = record("base", "base", base, "")
    return replace(case, child=chain.record("merged", path), base=own)


@fault("NaN in a tensor", LLAMA, "NaN weights")
def _nan(chain: Chain, folder: Path) -> Case:
    def poison(weights: Weights) -> None:
        weights["model.layers.1.self_attn.o_proj.weight"][5] = torch.nan

    return merged_case(chain, folder, poison)


@fault("resized vocabulary", LLAMA, "resized vocabulary")
def _resized(chain: Chain, folder: Path) -> Case:
    def widen(weights: Weights) -> None:
        for name in ("model.embed_tokens.weight", "lm_head.weight"):
            weights[name] = torch.cat([weights[name], torch.zeros(16, 256, dtype=torch.bfloat16)])

    return merged_case(chain, folder, widen, vocab_size=400)


@fault("swapped token ids", LLAMA, "swapped token ids")
def _swapped(chain: Chain, folder: Path) -> Case:
    case = merged_case(chain, folder)

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
    case = merged_case(chain, folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(chain.base / name, folder / "child" / name)
    return replace(case, parent=record("adapter0", "adapter", adapter, "base"))


@fault("wrong template in the folder", LLAMA, "wrong template")
def _folder_template(chain: Chain, folder: Path) -> Case:
    case = merged_case(chain, folder)
    text = "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}{% endfor %}"
    (folder / "child" / "chat_template.jinja").write_text(text)
    return case


@fault("missing template in the folder", LLAMA, "missing template")
def _no_folder_template(chain: Chain, folder: Path) -> Case:
    case = merged_case(chain, folder)
    (folder / "child" / "chat_template.jinja").unlink(missing_ok=True)
    edit_json(
        folder / "child" / "tokenizer_config.json",
        lambda v: {key: value for key, value in v.items() if key != "chat_template"},
    )
    return case


@fault("rsLoRA scale ignored", LLAMA, "ignored rsLoRA scale")
def _rslora(chain: Chain, folder: Path) -> Case:
    return remerged(chain, folder, use_rslora=False)


@fault("alpha pattern ignored", LONG, "ignored alpha pattern")
def _alpha(chain: Chain, folder: Path) -> Case:
    return remerged(chain, folder, alpha_pattern={})


@fault("rank pattern ignored in the scale", "qwen2 untied yarn", "ignored rank pattern")
def _rank(chain: Chain, folder: Path) -> Case:
    # v_proj has rank 4 in place of 8: a scale by the default rank is half of its own.
    alphas = json.loads((chain.adapters[0] / "adapter_config.json").read_text())["alpha_pattern"]
    return remerged(chain, folder, alpha_pattern=alphas | {"v_proj": 6})


@fault("DoRA magnitudes ignored", "mistral dora", "ignored DoRA magnitudes")
def _dora(chain: Chain, folder: Path) -> Case:
    adapter = folder / "adapter"
    shutil.copytree(chain.adapters[0], adapter)
    file = adapter / "adapter_model.safetensors"
    save_file({n: t for n, t in load_file(file).items() if "magnitude" not in n}, file)
    edit_json(adapter / "adapter_config.json", lambda values: values | {"use_dora": False})
    return merged_anew(chain, folder, chain.base, [Adapter(adapter)])


@fault("merged twice", LLAMA, "merged twice")
def _twice(chain: Chain, folder: Path) -> Case:
    adapter = Adapter(chain.adapters[0], 2.0)
    return merged_anew(chain, folder, chain.base, [adapter])


@fault("one of two adapters left out", "llama of two adapters", "adapter left out", "half merge")
def _left_out(chain: Chain, folder: Path) -> Case:
    return merged_anew(chain, folder, chain.base, [Adapter(chain.adapters[0], 0.5)])


@fault("weights of adapters ignored", "llama of two adapters", "wrong adapter weight")
def _weights(chain: Chain, folder: Path) -> Case:
    return merged_anew(chain, folder, chain.base, [Adapter(each) for each in chain.adapters])


@fault("another revision of the base", LLAMA, "wrong base")
def _revision(chain: Chain, folder: Path) -> Case:
    torch.manual_seed(3)

    def trained_on(weights: Weights) -> None:
        for tensor in weights.values():
            if tensor.dim() > 1:
                tensor.add_(0.1 * tensor.std() * torch.randn_like(tensor))

    base = copy_folder(chain.base, folder / "base", trained_on)
    return merged_anew(chain, folder, base, [Adapter(chain.adapters[0])])


@fault("another base altogether", LLAMA, "wrong base")
def _other_base(chain: Chain, folder: Path) -> Case:
    base = make_base(folder / "base", chain.recipe, seed=7)
    return merged_anew(chain, folder, base, [Adapter(chain.adapters[0])])


@fault("another checkpoint of the adapter", LLAMA, "another adapter")
def _checkpoint(chain: Chain, folder: Path) -> Case:
    other = make_adapter(folder / "other", chain.base, 5, chain.recipe.adapters[0])
    return merged_anew(chain, folder, chain.base, [Adapter(other)])


@fault("wrong rope theta in config.json", LLAMA, "wrong rope theta")
def _config_theta(chain: Chain, folder: Path) -> Case:
    return merged_case(
        chain, folder, rope_parameters={"rope_type": "default", "rope_theta": 500000.0}
    )


@fault("rope scaling lost in config.json", LONG, "lost rope scaling")
def _config_scaling(chain: Chain, folder: Path) -> Case:
    return merged_case(
        chain, folder, rope_parameters={"rope_type": "default", "rope_theta": 10000.0}
    )


@fault("wrong EOS in the folder", LLAMA, "wrong EOS")
def _folder_eos(chain: Chain, folder: Path) -> Case:
    case = merged_case(chain, folder)
    edit_json(folder / "child" / "tokenizer_config.json", lambda v: v | {"eos_token": "<unk>"})
    return case
