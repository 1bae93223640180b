"""Inspecting a Hugging Face folder."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from ragopt_tui.errors import RagoptError
from ragopt_tui.models.inspection import (
    Inspection,
    NotAModel,
    has_chat_template,
    licence_of,
    listed_files,
    pickled,
    pickled_only,
    plain,
    read_json,
)
from ragopt_tui.models.record import ModelFacts
from ragopt_tui.models.safetensors_header import StoredTensor, read_safetensors_header

INDEX_FILE = "model.safetensors.index.json"
_WRITERS = ("CausalLM", "LMHeadModel", "ConditionalGeneration")
_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "spiece.model", "vocab.json", "vocab.txt")
_DTYPES = {"BF16": "bf16", "F16": "fp16", "F32": "fp32", "F64": "fp64", "I8": "int8", "U8": "int8"}
_DTYPES |= {"F8_E4M3": "fp8", "F8_E5M2": "fp8"}
_QUANT_STATE = (".absmax", ".quant_map", ".nested_absmax", ".nested_quant_map", ".SCB")


def inspect_folder(folder: Path) -> Inspection:
    """Inspect a folder with config.json; raises NotAModel as `inspect`."""
    try:
        config = read_json(folder / "config.json")
    except RagoptError as error:
        files = listed_files(folder, [])
        return Inspection("base", folder, folder.name, ModelFacts(), files, error.message)
    architecture = _architecture(folder, config)
    tensors: dict[str, StoredTensor] = {}
    weights: list[Path] = []
    problem = ""
    try:
        weights = weight_files(folder)
        tensors = stored_tensors(weights)
    except NotAModel:
        raise
    except RagoptError as error:
        problem = error.message
    if not problem and not any((folder / name).is_file() for name in _TOKENIZERS):
        problem = f"{folder} has no tokenizer."
    facts = _facts(folder, config, architecture, tensors)
    return Inspection("base", folder, folder.name, facts, listed_files(folder, weights), problem)


def weight_files(folder: Path) -> list[Path]:
    """Give the weight files of a model, those of its index included that are missing.

    Raises NotAModel if it has none, or only pickled ones, and RagoptError if its index is damaged.
    """
    index = folder / INDEX_FILE
    if index.is_file():
        shards = read_json(index).get("weight_map")
        if not isinstance(shards, dict) or not all(isinstance(s, str) for s in shards.values()):
            raise RagoptError(f"{index} cannot be read: it has no weight map.")
        names = sorted(set(shards.values()))
        outside = [name for name in names if Path(name).name != name]
        if outside:
            raise RagoptError(f"{index} names a file outside of its folder: {outside[0]}.")
        return [folder / name for name in names]
    if (folder / "model.safetensors").is_file():
        return [folder / "model.safetensors"]
    if pickled(folder):
        raise pickled_only(folder)
    raise NotAModel(f"{folder} has no weights: no model.safetensors is in it.")


def stored_tensors(weights: list[Path]) -> dict[str, StoredTensor]:
    """Read the headers of all weight files; raises RagoptError if one is missing or damaged."""
    tensors: dict[str, StoredTensor] = {}
    for file in weights:
        if not file.is_file():
            raise RagoptError(f"{file.parent} lacks {file.name}, one of its weight files.")
        tensors |= read_safetensors_header(file).tensors
    return tensors


def stored_dtype(tensors: dict[str, StoredTensor]) -> str:
    """Give the number format in which most bytes are stored."""
    sizes: Counter[str] = Counter()
    for tensor in tensors.values():
        sizes[tensor.dtype] += tensor.end - tensor.start
    most = sizes.most_common(1)[0][0] if sizes else ""
    return _DTYPES.get(most, most.lower())


def _architecture(folder: Path, config: dict[str, Any]) -> str:
    names = config.get("architectures")
    architectures = [str(name) for name in names] if isinstance(names, list) else []
    if architectures and not any(word in name for name in architectures for word in _WRITERS):
        raise NotAModel(
            f"{folder} holds a {plain(architectures[0])}, which does not write text.",
            "Give a causal language model.",
        )
    return plain(architectures[0] if architectures else config.get("model_type"))


def _facts(
    folder: Path, config: dict[str, Any], architecture: str, tensors: dict[str, StoredTensor]
) -> ModelFacts:
    text = config.get("text_config")
    merged = config | (text if isinstance(text, dict) else {})
    quantisation = _quantisation(config)
    return ModelFacts(
        format="safetensors",
        architecture=architecture,
        dtype=stored_dtype(tensors),
        quantisation=quantisation,
        parameters=_parameters(tensors, quantisation),
        context_tokens=_whole(merged.get("max_position_embeddings")),
        vocabulary=_whole(merged.get("vocab_size")),
        own_chat_template=has_chat_template(folder),
        licence=licence_of(folder),
    )


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _quantisation(config: dict[str, Any]) -> str:
    values = config.get("quantization_config")
    if not isinstance(values, dict):
        return ""
    if values.get("load_in_4bit"):
        return plain(values.get("bnb_4bit_quant_type")) or "nf4"
    if values.get("load_in_8bit"):
        return "int8"
    return plain(values.get("quant_method")) or "unknown"


def _parameters(tensors: dict[str, StoredTensor], quantisation: str) -> int | None:
    """Count the parameters; None where a quantisation packs them in a way unknown here."""
    if not tensors or quantisation not in ("", "nf4", "fp4", "int8", "fp8"):
        return None
    packed = 2 if quantisation in ("nf4", "fp4") else 1
    return sum(
        tensor.count * (packed if tensor.dtype == "U8" else 1)
        for name, tensor in tensors.items()
        if not name.endswith(_QUANT_STATE) and ".quant_state." not in name
    )
