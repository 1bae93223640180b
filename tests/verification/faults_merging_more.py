"""Faults of merging for which no cause was made."""

from __future__ import annotations

import shutil
from pathlib import Path

from safetensors.torch import load_file, save_file

from ragopt_tui.conversion.adapted_model import Adapter
from tests.verification.chains import Chain, edit_json, make_adapter
from tests.verification.injecting import (
    LLAMA,
    LONG,
    Case,
    case_of,
    fault,
    merged_anew,
    merged_case,
)
from tests.verification.rewriting import (
    Weights,
    weights_of,
)


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
    return merged_anew(chain, folder, chain.base, [Adapter(adapter)])


@fault("changes transposed", LLAMA, "transposed change")
def _transposed(chain: Chain, folder: Path) -> Case:
    base = weights_of(chain.base)

    def turn(weights: Weights) -> None:
        for name, tensor in weights.items():
            if name in base and tensor.dim() == 2 and tensor.shape[0] == tensor.shape[1]:
                weights[name] = base[name] + (tensor - base[name]).T

    return merged_case(chain, folder, turn)


@fault("one file of the folder from an earlier merge", LLAMA, "mixed files")
def _mixed(chain: Chain, folder: Path) -> Case:
    other = make_adapter(folder / "other", chain.base, 5, chain.recipe.adapters[0])
    merged_anew(chain, folder, chain.base, [Adapter(other)])
    target = folder / "mixed"
    shutil.copytree(chain.merged, target)
    shard = sorted(target.glob("*.safetensors"))[1]
    shutil.copyfile(folder / "child" / shard.name, shard)
    return case_of(chain, "merged", target)


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
    return merged_anew(chain, folder, chain.base, [Adapter(adapter)])


@fault("a scale that no mistake explains", LLAMA, "wrong scale")
def _odd_scale(chain: Chain, folder: Path) -> Case:
    return merged_anew(chain, folder, chain.base, [Adapter(chain.adapters[0], 0.77)])


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

    return merged_case(chain, folder, mix)


@fault("nine tenths of DoRA's change", "mistral dora", "wrong scale")
def _third_dora(chain: Chain, folder: Path) -> Case:
    base = weights_of(chain.base)

    def smaller(weights: Weights) -> None:
        for name, tensor in weights.items():
            weights[name] = (base[name] + 0.9 * (tensor - base[name]).float()).to(tensor.dtype)

    return merged_case(chain, folder, smaller)


@fault(
    "embedding of the base under a trained one", "qwen3 untied embedding and head", "lost embedding"
)
def _third_embedding(chain: Chain, folder: Path) -> Case:
    name = "model.embed_tokens.weight"
    return merged_case(chain, folder, lambda w: w | {name: weights_of(chain.base)[name]})


@fault("heads of attention's output exchanged", LLAMA, "moved columns")
def _third_columns(chain: Chain, folder: Path) -> Case:
    order = [*range(128, 256), *range(128)]

    def exchange(weights: Weights) -> None:
        name = "model.layers.0.self_attn.o_proj.weight"
        weights[name] = weights[name][:, order]

    return merged_case(chain, folder, exchange)


@fault("norms of two places exchanged", LLAMA, "exchanged tensors")
def _third_norms(chain: Chain, folder: Path) -> Case:
    def exchange(weights: Weights) -> None:
        for layer in range(2):
            one = f"model.layers.{layer}.input_layernorm.weight"
            other = f"model.layers.{layer}.post_attention_layernorm.weight"
            weights[one], weights[other] = weights[other], weights[one]

    return merged_case(chain, folder, exchange)


@fault("generation that ends at another token", LLAMA, "wrong EOS")
def _third_generation(chain: Chain, folder: Path) -> Case:
    case = merged_case(chain, folder)
    edit_json(folder / "child" / "generation_config.json", lambda v: v | {"eos_token_id": 7})
    return case


@fault("attention's biases left out", "qwen2 untied yarn", "lost biases")
def _third_biases(chain: Chain, folder: Path) -> Case:
    return merged_case(
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
    return merged_case(chain, folder, rope_parameters=rope)
