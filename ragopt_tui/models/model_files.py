"""Which weights a variant is made of: its base, and the adapter that lies on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ragopt_tui.errors import RagoptError
from ragopt_tui.models.variant import Variant

TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "chat_template.jinja",
    "chat_template.json",
)
"""The files of a Hugging Face folder by which text becomes tokens, templates of dialogues too."""


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """`base` is a Hugging Face folder or a GGUF file, `adapter` a PEFT folder or a GGUF adapter."""

    base: Path
    adapter: Path | None = None

    def written(self) -> tuple[int, int]:
        """Give when the weights of base and adapter were last written, in ns since 1970, else 0."""
        return _written(self.base), _written(self.adapter) if self.adapter else 0

    @property
    def gguf(self) -> bool:
        """Whether llama.cpp runs them; else transformers does."""
        return is_gguf(self.base)


def _written(path: Path) -> int:
    weights = path.glob("*.safetensors") if path.is_dir() else [path]
    return max((file.stat().st_mtime_ns for file in weights if file.is_file()), default=0)


def is_gguf(path: Path) -> bool:
    """Whether a path is that of a GGUF file."""
    return path.suffix.lower() == ".gguf"


def model_files(variant: Variant, find: Callable[[str], Variant]) -> ModelFiles:
    """Give the files of a variant that runs on this machine; `find` gives a variant by its id.

    Raises RagoptError if they are not there or do not go together, and what `find` raises.
    """
    path = variant.path
    if path is None:
        raise RagoptError(f"{variant.name} has no model files of its own.")
    if not path.exists():
        raise RagoptError(
            f"{variant.name} is gone: there is nothing at {path}.",
            "Put it back, or remove it from the library.",
        )
    if variant.kind != "adapter":
        return ModelFiles(path)
    if not variant.parent:
        raise RagoptError(
            f"The adapter {variant.name} needs its base model, which is not in the library.",
            "Add the base model, then add the adapter again.",
        )
    base = model_files(find(variant.parent), find)
    if base.adapter:
        raise RagoptError(f"The adapter {variant.name} lies on {variant.parent}, another adapter.")
    if is_gguf(path) != base.gguf:
        ours, theirs = ("GGUF", "Hugging Face") if is_gguf(path) else ("Hugging Face", "GGUF")
        raise RagoptError(
            f"The adapter {variant.name} has {ours} format, its base {base.base} {theirs} format.",
            f"Choose a base in {ours} format for it.",
        )
    return ModelFiles(base.base, path)
