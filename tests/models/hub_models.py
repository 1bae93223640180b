"""Small models as they lie on a hub: whole folders, adapters and GGUF files, with their bytes."""

from __future__ import annotations

import json
import struct
from pathlib import Path

WIDTH, WORDS = 8, 16
_QUERY = "model.layers.0.self_attn.q_proj"


def safetensors(tensors: dict[str, tuple[int, ...]], fill: bytes = b"\x00\x3f") -> bytes:
    """Give a safetensors file of bf16 tensors of these shapes."""
    header: dict[str, object] = {}
    offset = 0
    for name, shape in tensors.items():
        size = 2
        for length in shape:
            size *= length
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + fill * (offset // 2)


def folder_model(words: int = WORDS) -> dict[str, bytes]:
    """Give the files of a causal language model; `words` makes it larger."""
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": WIDTH,
        "vocab_size": words,
        "max_position_embeddings": 64,
    }
    return {
        "config.json": json.dumps(config).encode(),
        "tokenizer.json": b'{"version": "1.0", "model": {"type": "BPE"}}',
        "chat_template.jinja": b"{{ messages }}",
        "README.md": b"---\nlicense: apache-2.0\n---\n# Tiny\n",
        "model.safetensors": safetensors(
            {
                "model.embed_tokens.weight": (words, WIDTH),
                f"{_QUERY}.weight": (WIDTH, WIDTH),
                "lm_head.weight": (words, WIDTH),
            }
        ),
        "pytorch_model.bin": b"pickle",
        "modeling_tiny.py": b"raise SystemExit",
    }


def adapter_model(base: str) -> dict[str, bytes]:
    """Give the files of a LoRA adapter of rank 2 with a trained head, for `folder_model`."""
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base,
        "r": 2,
        "lora_alpha": 4,
        "lora_dropout": 0.05,
        "target_modules": ["q_proj"],
        "modules_to_save": ["lm_head"],
    }
    tensors = {
        f"base_model.model.{_QUERY}.lora_A.weight": (2, WIDTH),
        f"base_model.model.{_QUERY}.lora_B.weight": (WIDTH, 2),
        "base_model.model.lm_head.weight": (WORDS, WIDTH),
    }
    return {
        "adapter_config.json": json.dumps(config).encode(),
        "adapter_model.safetensors": safetensors(tensors),
        "README.md": b"---\nlicense: mit\n---\n[More Information Needed]\n",
    }


def written(folder: Path, files: dict[str, bytes]) -> Path:
    """Write files into a folder, and give it."""
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder
