"""A GGUF file as the reader of the gguf package sees it, which llama.cpp's own tools use."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from gguf import GGUFReader

_TOKENS = "tokenizer.ggml.tokens"


def problem_for_reader(file: Path) -> str:
    """Say why the reader cannot read a file, or which token it has twice; "" if all is well.

    llama.cpp ends its whole process at a token that is there twice.
    """
    try:
        reader = GGUFReader(file)
        field = reader.fields.get(_TOKENS)
        tokens = [bytes(field.parts[at]) for at in field.data] if field else []
    except Exception as error:  # noqa: BLE001 - the reader raises whatever a damaged file provokes
        return f"the gguf reader cannot read {file}: {type(error).__name__}: {error}"
    twice = next((text for text, times in Counter(tokens).items() if times > 1), None)
    if twice is None:
        return ""
    return f"{file} has the token {twice.decode('utf-8', errors='replace')!r} twice"
