"""Tiny models of every format, written by the libraries that others write theirs with."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy
from gguf import GGUFWriter
from numpy.typing import NDArray
from safetensors.numpy import save_file

HIDDEN, WORDS, LAYERS = 8, 32, 2
Array = NDArray[Any]


def base_tensors(hidden: int = HIDDEN, words: int = WORDS) -> dict[str, Array]:
    tensors = {"model.embed_tokens.weight": (words, hidden), "lm_head.weight": (words, hidden)}
    for layer in range(LAYERS):
        tensors[f"model.layers.{layer}.self_attn.q_proj.weight"] = (hidden, hidden)
        tensors[f"model.layers.{layer}.mlp.down_proj.weight"] = (hidden, 2 * hidden)
    return {name: numpy.full(shape, 0.5, numpy.float16) for name, shape in tensors.items()}


def base_folder(folder: Path, hidden: int = HIDDEN, template: bool = True) -> Path:
    """Write a Hugging Face folder with one weight file."""
    describe_base(folder, template)
    save_file(base_tensors(hidden), folder / "model.safetensors")
    return folder


def split_folder(folder: Path) -> Path:
    """Write a Hugging Face folder with two weight files and their index."""
    describe_base(folder)
    tensors = base_tensors()
    names = sorted(tensors)
    weight_map = {}
    for part, own in enumerate((names[:3], names[3:]), 1):
        file = f"model-{part:05d}-of-00002.safetensors"
        save_file({name: tensors[name] for name in own}, folder / file)
        weight_map |= dict.fromkeys(own, file)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    return folder


def describe_base(folder: Path, template: bool = True) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "architectures": ["MistralForCausalLM"],
        "max_position_embeddings": 64,
        "vocab_size": WORDS,
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer.json").write_text("{}")
    (folder / "README.md").write_text("---\nlicense: apache-2.0\ntags: [x]\n---\n# Tiny\n")
    if template:
        (folder / "chat_template.jinja").write_text("{{ messages[0].content }}")


def adapter_folder(
    folder: Path, base: str, hidden: int = HIDDEN, config: Mapping[str, Any] | None = None
) -> Path:
    """Write a PEFT adapter with a trained head."""
    folder.mkdir(parents=True)
    values = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base,
        "r": 4,
        "lora_alpha": 8,
        "target_modules": ["q_proj", "down_proj"],
        "modules_to_save": ["lm_head"],
    }
    (folder / "adapter_config.json").write_text(json.dumps(values | dict(config or {})))
    tensors: dict[str, Array] = {}
    for layer in range(LAYERS):
        for module, out, inner in (
            ("self_attn.q_proj", hidden, hidden),
            ("mlp.down_proj", hidden, 2 * hidden),
        ):
            name = f"base_model.model.model.layers.{layer}.{module}"
            tensors[f"{name}.lora_A.weight"] = numpy.zeros((4, inner), numpy.float32)
            tensors[f"{name}.lora_B.weight"] = numpy.zeros((out, 4), numpy.float32)
    tensors["base_model.model.lm_head.weight"] = numpy.zeros((WORDS, hidden), numpy.float32)
    save_file(tensors, folder / "adapter_model.safetensors")
    return folder


def gguf_file(
    file: Path,
    *,
    template: bool = True,
    tokens: Sequence[str] = ("<s>", "</s>", "a", "b"),
    value: float = 0.5,
    architecture: str = "llama",
    parts: tuple[int, int] | None = None,
) -> Path:
    """Write a GGUF model with one F32 and one F16 tensor; `parts` are its number and their count."""
    file.parent.mkdir(parents=True, exist_ok=True)
    writer = GGUFWriter(file, architecture)
    writer.add_file_type(1)
    writer.add_context_length(64)
    writer.add_license("mit")
    writer.add_token_list(tokens)
    if template:
        writer.add_chat_template("{{ messages[0].content }}")
    if parts is not None:
        writer.add_uint16("split.no", parts[0])
        writer.add_uint16("split.count", parts[1])
        writer.add_int32("split.tensors.count", 2 * parts[1])
    number = 0 if parts is None else parts[0]
    writer.add_tensor(f"blk.{number}.attn_norm.weight", numpy.full(8, value, numpy.float32))
    writer.add_tensor(f"blk.{number}.attn_q.weight", numpy.full((8, 8), value, numpy.float16))
    return _written(writer, file)


def gguf_adapter(file: Path, hidden: int = 8) -> Path:
    """Write a LoRA adapter in GGUF format."""
    writer = GGUFWriter(file, "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 8.0)
    writer.add_tensor("blk.0.attn_q.weight.lora_a", numpy.zeros((4, hidden), numpy.float32))
    writer.add_tensor("blk.0.attn_q.weight.lora_b", numpy.zeros((hidden, 4), numpy.float32))
    return _written(writer, file)


def _written(writer: GGUFWriter, file: Path) -> Path:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file
