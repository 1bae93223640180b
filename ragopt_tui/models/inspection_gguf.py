"""Inspecting a GGUF file, whole or split, or an adapter in that format."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from ragopt_tui.errors import RagoptError
from ragopt_tui.models.ggml_types import FILE_TYPES
from ragopt_tui.models.gguf_header import GgufHeader, GgufTensor, read_gguf
from ragopt_tui.models.inspection import Inspection, NotAModel, plain
from ragopt_tui.models.record import LoraFacts, ModelFacts, VariantFile

_PART = re.compile(r"(?P<stem>.+)-(?P<part>\d{5})-of-(?P<parts>\d{5})\.gguf", re.IGNORECASE)
_NO_WRITERS = ("bert", "clip", "t5encoder", "whisper")


def inspect_gguf(file: Path) -> Inspection:
    """Inspect a GGUF file; any part of a split one stands for the whole.

    Raises NotAModel as `inspect`.
    """
    if file.suffix.lower() != ".gguf":
        raise NotAModel(
            f"{file} is not a model: a .gguf file or a Hugging Face folder was expected.",
            "Give the folder that holds config.json, or a .gguf file.",
        )
    with file.open("rb") as stream:
        if stream.read(4) != b"GGUF":
            raise NotAModel(
                f"{file} is not a GGUF file: it does not begin with the letters GGUF.",
                "Fetch or convert it again.",
            )
    parts = gguf_parts(file)
    first, name = parts[0], _name(parts[0])
    files = tuple(VariantFile(part.name, part.stat().st_size) for part in parts if part.is_file())
    try:
        headers = _headers(parts)
    except RagoptError as error:
        return Inspection("gguf", first, name, ModelFacts(format="gguf"), files, error.message)
    header, tensors = headers[0], _joined(headers)
    _refuse_no_writer(first, header)
    lora = _lora(header, tensors) if header.values.get("general.type") == "adapter" else None
    problem = "" if tensors else f"{first} holds no weights."
    facts = _facts(header, tensors, lora)
    return Inspection("adapter" if lora else "gguf", first, name, facts, files, problem)


def gguf_parts(file: Path) -> list[Path]:
    """Give all parts of a GGUF file, whether they are there or not, the first one first."""
    named = _PART.fullmatch(file.name)
    if named is None:
        return [file]
    parts = int(named["parts"])
    suffix = file.suffix
    return [
        file.with_name(f"{named['stem']}-{part:05d}-of-{parts:05d}{suffix}")
        for part in range(1, parts + 1)
    ]


def _name(file: Path) -> str:
    named = _PART.fullmatch(file.name)
    return named["stem"] if named else file.stem


def _headers(parts: list[Path]) -> list[GgufHeader]:
    missing = [part for part in parts if not part.is_file()]
    if missing:
        raise RagoptError(
            f"{missing[0].parent} lacks {missing[0].name}, one of {len(parts)} parts."
        )
    headers = [read_gguf(part) for part in parts]
    promised = headers[0].values.get("split.count", 1)
    if promised not in (0, len(parts)):
        raise RagoptError(f"{parts[0]} is split into {promised} parts, by its name {len(parts)}.")
    tensors = headers[0].values.get("split.tensors.count")
    if tensors is not None and tensors != len(_joined(headers)):
        raise RagoptError(
            f"{parts[0]} is split with {tensors} tensors, its parts have {len(_joined(headers))}."
        )
    return headers


def _joined(headers: list[GgufHeader]) -> dict[str, GgufTensor]:
    return {name: tensor for header in headers for name, tensor in header.tensors.items()}


def _refuse_no_writer(file: Path, header: GgufHeader) -> None:
    architecture = plain(header.values.get("general.architecture"))
    kind = str(header.values.get("general.type", "model"))
    encodes = any(word in architecture for word in _NO_WRITERS)
    if kind not in ("model", "adapter") or encodes:
        what = architecture if kind in ("model", "adapter") else plain(kind)
        raise NotAModel(
            f"{file} holds a {what}, which does not write text.", "Give a causal language model."
        )


def _facts(
    header: GgufHeader, tensors: dict[str, GgufTensor], lora: LoraFacts | None
) -> ModelFacts:
    values = header.values
    architecture = plain(values.get("general.architecture"))
    context = values.get(f"{architecture}.context_length")
    return ModelFacts(
        format="gguf",
        architecture=architecture,
        quantisation=_quantisation(header, tensors),
        parameters=sum(tensor.count for tensor in tensors.values()),
        context_tokens=context if isinstance(context, int) else None,
        vocabulary=header.lengths.get("tokenizer.ggml.tokens"),
        own_chat_template=bool(values.get("tokenizer.chat_template")),
        licence=plain(values.get("general.license")),
        lora=lora,
    )


def _quantisation(header: GgufHeader, tensors: dict[str, GgufTensor]) -> str:
    named = header.values.get("general.file_type")
    if isinstance(named, int) and named in FILE_TYPES:
        return FILE_TYPES[named]
    sizes: Counter[str] = Counter()
    for tensor in tensors.values():
        sizes[tensor.type.name] += tensor.size
    return sizes.most_common(1)[0][0] if sizes else ""


def _lora(header: GgufHeader, tensors: dict[str, GgufTensor]) -> LoraFacts:
    alpha = header.values.get("adapter.lora.alpha", 0.0)
    ranks = [t.shape[1] for name, t in tensors.items() if name.endswith(".lora_a")]
    modules = {name.rsplit(".weight", 1)[0].rsplit(".", 1)[-1] for name in tensors}
    base = header.values.get("general.base_model.0.repo_url") or header.values.get(
        "general.base_model.0.name", ""
    )
    return LoraFacts(
        rank=max(ranks, default=0),
        alpha=float(alpha) if isinstance(alpha, int | float) else 0.0,
        target_modules=tuple(sorted(map(plain, modules))),
        base=plain(str(base).removeprefix("https://huggingface.co/")),
    )
