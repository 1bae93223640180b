"""Tiny Hugging Face models with a real tokenizer and chat template, to be compared with each other."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from tests.verification.chains import RECIPES, edit_json, make_base

Edit = Callable[[dict[str, torch.Tensor]], object]


def tiny_model(folder: Path) -> Path:
    """Write a Llama of 384 tokens, width 256 and two layers, with tokenizer and template."""
    return make_base(folder, RECIPES["llama"])


def changed_copy(source: Path, target: Path, edit: Edit | None = None) -> Path:
    """Copy a model; `edit` may change its tensors in place."""
    shutil.copytree(source, target)
    for file in sorted(target.glob("*.safetensors")) if edit else ():
        tensors = load_file(file)
        assert edit is not None
        edit(tensors)
        save_file(tensors, file, {"format": "pt"})
    return target


def with_template(folder: Path, template: str) -> Path:
    """Give a model's folder another chat template, or none with ""."""
    (folder / "chat_template.jinja").unlink(missing_ok=True)
    edit_json(
        folder / "tokenizer_config.json",
        lambda values: (
            {k: v for k, v in values.items() if k != "chat_template"}
            | ({"chat_template": template} if template else {})
        ),
    )
    return folder
