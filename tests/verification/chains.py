"""Chains from an adapter to a quantised GGUF, of tiny models whose predictions differ by context."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock
from peft import LoraConfig, get_peft_model
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    FalconConfig,
    Gemma2Config,
    GemmaConfig,
    LlamaConfig,
    MistralConfig,
    Phi3Config,
    Qwen2Config,
    Qwen3Config,
)

from ragopt_tui.conversion.adapted_model import Adapter
from ragopt_tui.conversion.convert import convert_model
from ragopt_tui.conversion.converter import Converter
from ragopt_tui.conversion.merge import merge
from ragopt_tui.conversion.nf4 import Nf4
from ragopt_tui.conversion.quantisations import OutputType, quantisation
from ragopt_tui.conversion.quantize import quantize
from ragopt_tui.jobs.events import Reporter
from ragopt_tui.models.inspection import inspect
from ragopt_tui.models.record import VariantRecord
from ragopt_tui.models.variant import Variant, VariantKind
from tests.conversion.made_tokenizers import (
    VOCABULARY,
    byte_level_tokenizer,
    checkout_that_knows,
    sentencepiece_tokenizer,
)

TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'assistant' %} {{ m['content'] }}"
    "{{ eos_token }}{% else %}[{{ m['role'] }}] {{ m['content'] }} [/{{ m['role'] }}]{% endif %}"
    "{% endfor %}"
)
SMALL: dict[str, Any] = {
    "hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 2, "vocab_size": VOCABULARY,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 512,
    "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": None,
}  # fmt: skip
ENDS = {"bos_token_id": None, "eos_token_id": 0}
LLAMA3 = {
    "rope_type": "llama3", "rope_theta": 10000.0, "factor": 8.0, "low_freq_factor": 1.0,
    "high_freq_factor": 4.0, "original_max_position_embeddings": 64,
}  # fmt: skip
YARN = {
    "rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0,
    "original_max_position_embeddings": 128,
}  # fmt: skip
_LIKELY = 0.03
LINEAR = {"rope_type": "linear", "rope_theta": 10000.0, "factor": 2.0}


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a chain is made; `adapters` are options of LoRA, one set for each adapter."""

    config: Any
    adapters: tuple[dict[str, Any], ...]
    output: OutputType = "BF16"
    to: str = "Q8_0"
    dtype: torch.dtype = torch.bfloat16
    weights: tuple[float, ...] = (1.0,)
    onto: str = "original"
    tokenizer: str = "sentencepiece"


class Chain:
    """A chain whose steps are made when they are first asked for, by the program itself."""

    def __init__(self, name: str, folder: Path, converter: Path) -> None:
        self.recipe, self.folder = RECIPES[name], folder
        self._converter = converter
        weights = self.recipe.weights
        ids = [[f"adapter{number}", weight] for number, weight in enumerate(weights)]
        onto, output, to = self.recipe.onto, self.recipe.output, self.recipe.to
        self.made: dict[str, dict[str, Any]] = {
            "merged": {"step": "merge", "adapters": ids, "onto": onto, "base": "base"},
            "gguf": {"step": "convert", "of": "merged", "output": output},
            "quantised": {"step": "quantise", "of": "gguf", "to": to, "importance": ""},
        }

    @cached_property
    def base(self) -> Path:
        """The base's folder."""
        return self._made_once("base", lambda folder: make_base(folder, self.recipe))

    @cached_property
    def adapters(self) -> tuple[Path, ...]:
        """The adapters' folders."""
        base = self.base
        return tuple(
            self._made_once(f"adapter{n}", lambda f, n=n, o=o: make_adapter(f, base, n, o))  # type: ignore[misc]
            for n, o in enumerate(self.recipe.adapters)
        )

    @cached_property
    def merged(self) -> Path:
        """The merged model's folder."""
        pairs = zip(self.adapters, self.recipe.weights, strict=True)
        chosen = [Adapter(adapter, weight) for adapter, weight in pairs]
        onto = Nf4() if self.recipe.onto == "nf4" else None

        def make(folder: Path) -> None:
            folder.mkdir()
            merge(self.base, chosen, folder, lambda done, total: None, onto=onto)

        return self._made_once("merged", make)

    @cached_property
    def gguf(self) -> Path:
        """The GGUF file in 16 or 32 bits."""
        merged, output, kind = self.merged, self.recipe.output, self.recipe.tokenizer

        def make(file: Path) -> None:
            known = Converter(self._converter, "")
            if kind in ("qwen2", "falcon"):
                checkout = self.folder / "llama.cpp"
                known = Converter(
                    checkout_that_knows(self._converter, merged, kind, checkout), "checkout"
                )
            convert_model(known, merged, file, output, self._report)

        return self._made_once(f"model-{output}.gguf", make)

    @cached_property
    def quantised(self) -> Path:
        """The quantised GGUF file."""
        gguf, to = self.gguf, quantisation(self.recipe.to)
        return self._made_once(
            f"model-{to.name}.gguf", lambda file: quantize(gguf, file, to, self._report)
        )

    def _made_once(self, name: str, make: Callable[[Path], object]) -> Path:
        """Make a step, unless another process of the same tests did."""
        target, aside = self.folder / name, self.folder / f"aside-{name}"
        with FileLock(self.folder / f"{name}.lock"):
            if not target.exists():
                make(aside)
                aside.rename(target)
        return target

    @property
    def _report(self) -> Reporter:
        return Reporter(self.folder / "events.jsonl")

    def path(self, name: str) -> Path:
        """Give where a step's result lies: `base`, `adapter0`, `merged`, `gguf` or `quantised`."""
        if name.startswith("adapter"):
            return self.adapters[int(name.removeprefix("adapter"))]
        path: Path = getattr(self, name)
        return path

    def record(self, name: str, path: Path | None = None) -> VariantRecord:
        """Give a step's record; `path` is where its files are, if elsewhere."""
        kinds: dict[str, VariantKind] = {
            "base": "base", "merged": "merged", "gguf": "gguf", "quantised": "gguf",
        }  # fmt: skip
        parents = {"merged": "adapter0", "gguf": "merged", "quantised": "gguf"}
        return record(
            name, kinds.get(name, "adapter"), path or self.path(name), parents.get(name, "base"),
            self.made.get(name),
        )  # fmt: skip


def record(
    id: str, kind: VariantKind, path: Path, parent: str, made: dict[str, Any] | None = None
) -> VariantRecord:
    """Give a variant's record as the library would hold it."""
    found = inspect(path)
    variant = Variant(id, id, kind, path, False, parent="" if id == "base" else parent)
    return VariantRecord(variant, found.facts, files=found.files, made=made)


def _llama(**options: Any) -> LlamaConfig:
    return LlamaConfig(**(SMALL | {"tie_word_embeddings": False} | options))


QV = {"target_modules": ["q_proj", "v_proj"]}
ALL = {
    "target_modules": ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
}
HEAD = {"modules_to_save": ["lm_head"]}
RECIPES: dict[str, Recipe] = {
    "llama": Recipe(_llama(), ({**ALL, "use_rslora": True},), "BF16", "Q4_K_M"),
    "qwen3 tied head": Recipe(
        Qwen3Config(**(SMALL | ENDS), head_dim=64, tie_word_embeddings=True), ({**QV, **HEAD},),
        "F16", "Q6_K", tokenizer="qwen2",
    ),
    "gemma tied": Recipe(
        GemmaConfig(**SMALL, head_dim=64), ({"target_modules": ["q_proj", "down_proj"]},), "F16", "Q8_0",
        tokenizer="gemma",
    ),
    "phi3": Recipe(
        Phi3Config(**SMALL, tie_word_embeddings=False, original_max_position_embeddings=512),
        ({"target_modules": ["qkv_proj", "o_proj"]},), "BF16", "Q5_K_M",
    ),
    "llama with a trained head and long context": Recipe(
        _llama(rope_parameters=LLAMA3), ({**QV, **HEAD, "alpha_pattern": {"v_proj": 24}},), "F16",
        "Q8_0",
    ),
    "mistral dora": Recipe(
        MistralConfig(**SMALL, tie_word_embeddings=False, sliding_window=None),
        ({**QV, "use_dora": True},), "BF16", "Q6_K",
    ),
    "qwen2 tied": Recipe(
        Qwen2Config(**(SMALL | ENDS), tie_word_embeddings=True), (ALL,), "F16", "Q5_K_M",
        tokenizer="qwen2",
    ),
    "qwen2 untied yarn": Recipe(
        Qwen2Config(**(SMALL | ENDS), tie_word_embeddings=False, rope_parameters=YARN),
        ({**QV, "rank_pattern": {"v_proj": 4}, "alpha_pattern": {"layers.1.self_attn.q_proj": 32}},),
        "BF16", "Q8_0", tokenizer="qwen2",
    ),
    "qwen3 untied embedding and head": Recipe(
        Qwen3Config(**(SMALL | ENDS), head_dim=64, tie_word_embeddings=False),
        ({**QV, "modules_to_save": ["embed_tokens", "lm_head"]},), "BF16", "Q4_K_M",
        tokenizer="qwen2",
    ),
    "gemma2": Recipe(
        Gemma2Config(**SMALL, head_dim=64, query_pre_attn_scalar=64), (QV,), "F16", "Q8_0",
        tokenizer="gemma",
    ),
    "falcon": Recipe(
        FalconConfig(
            hidden_size=256, num_hidden_layers=2, num_attention_heads=4, vocab_size=VOCABULARY, **ENDS
        ),
        ({"target_modules": ["query_key_value", "dense"]},), "BF16", "Q8_0", tokenizer="falcon",
    ),
    "mistral onto nf4": Recipe(
        MistralConfig(**SMALL, tie_word_embeddings=False, sliding_window=None), (ALL,), "BF16",
        "Q4_K_M", onto="nf4",
    ),
    "llama of two adapters": Recipe(
        _llama(), (QV, {"target_modules": ["v_proj", "o_proj"]}), "F16", "Q6_K", weights=(0.5, 1.5)
    ),
    "llama in half precision, linear scaling": Recipe(
        _llama(rope_parameters=LINEAR), (ALL,), "F16", "Q5_K_M", torch.float16
    ),
    "llama tied with rslora patterns": Recipe(
        _llama(tie_word_embeddings=True),
        ({**QV, "use_rslora": True, "rank_pattern": {"q_proj": 16}},), "BF16", "Q8_0",
    ),
    "qwen3 in full precision": Recipe(
        Qwen3Config(**(SMALL | ENDS), head_dim=64, tie_word_embeddings=False), (ALL,), "F32", "Q4_K_M",
        torch.float32, tokenizer="qwen2",
    ),
}  # fmt: skip


def make_base(folder: Path, recipe: Recipe, seed: int = 1) -> Path:
    """Write a model whose attention and output layer are far from uniform, with its tokenizer."""
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(recipe.config, dtype=torch.float32)
    enliven(model)
    model.to(recipe.dtype).save_pretrained(folder, max_shard_size="2MB")
    if recipe.tokenizer in ("qwen2", "falcon"):
        byte_level_tokenizer(folder, recipe.tokenizer)
    else:
        sentencepiece_tokenizer(folder, space_first=recipe.tokenizer != "gemma")
        begin_with_bos(folder)
    begins = recipe.tokenizer not in ("qwen2", "falcon")
    template = TEMPLATE if begins else TEMPLATE.removeprefix("{{ bos_token }}")
    edit_json(folder / "tokenizer_config.json", lambda values: values | {"chat_template": template})
    return folder


def enliven(model: Any) -> None:
    """Give weights the size that training gives them: new ones predict every token alike.

    Each token makes one other likely, by about e^5, and what stands before changes by how much.
    """
    embedding, head = model.get_input_embeddings(), model.get_output_embeddings()
    layers = model.config.num_hidden_layers
    with torch.no_grad():
        for name, module in model.named_modules():
            if module is head:
                continue
            if isinstance(module, torch.nn.Linear):
                module.weight.normal_(std=module.in_features**-0.5)
                if name.endswith(("o_proj", "down_proj", "dense", "dense_4h_to_h")):
                    module.weight.mul_(1.2 * layers**-0.5)
                if module.bias is not None:
                    module.bias.normal_(std=0.1)
            elif isinstance(module, torch.nn.Embedding):
                module.weight.normal_()
            elif "Norm" in type(module).__name__ and getattr(module, "weight", None) is not None:
                module.weight.add_(0.1 * torch.randn_like(module.weight))
        if head.weight is embedding.weight:
            # Gemma multiplies embeddings by the root of their width, and adds 1 to norms.
            scaled = "gemma" in model.config.model_type
            embedding.weight.mul_(_LIKELY if scaled else 1.0)
            if not scaled:
                last = getattr(model.base_model, "norm", None) or model.base_model.ln_f
                last.weight.mul_(_LIKELY)
        else:
            following = embedding.weight[torch.randperm(len(embedding.weight))]
            head.weight.copy_(_LIKELY * (following + 0.3 * torch.randn_like(following)))


def begin_with_bos(folder: Path) -> None:
    """Have a tokenizer put BOS first, as those of Llama and Gemma do."""

    def with_bos(values: dict[str, Any]) -> dict[str, Any]:
        special, text = (
            {"SpecialToken": {"id": "<s>", "type_id": 0}},
            {"Sequence": {"id": "A", "type_id": 0}},
        )
        second = {"Sequence": {"id": "B", "type_id": 1}}
        values["post_processor"] = {
            "type": "TemplateProcessing", "single": [special, text], "pair": [special, text, second],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}},
        }  # fmt: skip
        return values

    edit_json(folder / "tokenizer.json", with_bos)
    edit_json(
        folder / "tokenizer_config.json",
        lambda v: v | {"add_bos_token": True, "add_eos_token": False},
    )


def make_adapter(folder: Path, base: Path, number: int, options: dict[str, Any]) -> Path:
    """Write an adapter that changes its modules by about a tenth, with the tokenizer, as training does."""
    torch.manual_seed(10 + number)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    values: dict[str, Any] = {"r": 8, "lora_alpha": 12}
    adapted = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **(values | options)))
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if "magnitude" in name:
                parameter.mul_(1 + 0.1 * torch.randn_like(parameter))
            elif "lora_" in name:
                width = max(parameter.shape)
                parameter.normal_(std=width**-0.5 if "lora_A" in name else 0.02)
            elif "modules_to_save" in name:
                parameter.add_(torch.randn_like(parameter) * 0.2 * parameter.std())
    adapted.save_pretrained(folder)
    AutoTokenizer.from_pretrained(base).save_pretrained(folder)
    return folder


def edit_json(file: Path, edit: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Rewrite a JSON file."""
    file.write_text(json.dumps(edit(json.loads(file.read_text()))), encoding="utf-8")
