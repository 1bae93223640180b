"""Loading a Hugging Face folder in a given precision, and its tokenizer."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig
from transformers.utils.logging import disable_progress_bar

from ragopt_tui.errors import RagoptError
from ragopt_tui.models.generation_settings import Precision
from ragopt_tui.models.machine import fast_bfloat16

# It would tell on import what else could be installed, and with each product that it is in float16.
logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
# In a log, a bar is what a process that is killed seems to have said last.
disable_progress_bar()  # type: ignore[no-untyped-call]

LOADING_ERRORS = (OSError, ValueError, KeyError, TypeError, ImportError, SafetensorError)
_DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json")


def load_model(folder: Path, precision: Precision) -> Any:  # noqa: ANN401 - each has its own class
    """Load the weights of `folder` onto the GPU if there is one, else into memory.

    `auto` is the precision they are stored in, except on a processor that is slow in it.
    Raises RagoptError if they do not load, or not all of them are there.
    """
    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except LOADING_ERRORS as error:
        raise cannot_load(folder, error) from error
    model = load_whole(
        folder,
        config=config,
        dtype=_DTYPES.get(precision) or _dtype(config),
        quantization_config=_quantisation(precision, _dtype(config)),
        device_map=_device_map(),
    )
    return model.eval()


def load_whole(folder: Path, **options: Any) -> Any:  # noqa: ANN401 - each has its own class
    """Load the weights of `folder` with `options` of transformers' `from_pretrained`.

    Raises RagoptError if they do not load, or not all of them are there.
    """
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            folder,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            output_loading_info=True,
            **options,
        )
    except LOADING_ERRORS as error:
        raise cannot_load(folder, error) from error
    model, info = loaded
    missing = sorted(map(str, info["missing_keys"] or info["mismatched_keys"]))
    if missing:
        raise RagoptError(
            f"{folder} lacks {len(missing)} of the model's weights, among them {missing[0]}.",
            "Get the model again.",
        )
    return model


def load_tokenizer(folder: Path) -> Any:  # noqa: ANN401 - each has its own class
    """Load the tokenizer of `folder`; raises RagoptError if it does not load."""
    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except LOADING_ERRORS as error:
        raise cannot_load(folder, error) from error


def has_tokenizer(folder: Path) -> bool:
    """Whether a folder brings a tokenizer of its own."""
    return any((folder / name).is_file() for name in _TOKENIZER_FILES)


def cannot_load(folder: Path, error: Exception) -> RagoptError:
    """Give the sentence for a folder that transformers or peft refuses, with their reason."""
    first_line = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
    return RagoptError(
        f"transformers cannot load {folder}: {first_line.rstrip('.')}.",
        "Check that the folder is complete and needs no code of its own.",
    )


def _quantisation(precision: Precision, dtype: torch.dtype) -> BitsAndBytesConfig | None:
    if precision == "int8":
        return BitsAndBytesConfig(load_in_8bit=True)  # type: ignore[no-untyped-call]
    if precision == "nf4":
        return BitsAndBytesConfig(  # type: ignore[no-untyped-call]
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=dtype,
        )
    return None


def _dtype(config: Any) -> torch.dtype:  # noqa: ANN401 - each model has its own class
    stored = getattr(config.get_text_config(), "dtype", None)
    if torch.cuda.is_available():
        return stored if isinstance(stored, torch.dtype) else torch.bfloat16
    return torch.bfloat16 if stored == torch.bfloat16 and fast_bfloat16() else torch.float32


def _device_map() -> str:
    if not torch.cuda.is_available():
        return "cpu"
    return "auto" if torch.cuda.device_count() > 1 else "cuda:0"
