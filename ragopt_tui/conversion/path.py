"""The path from a variant to a GGUF file: which variants have one, what is between, what it takes."""

from __future__ import annotations

from ragopt_tui.conversion.quantisations import OUTPUT_TYPES, OutputType, quantisation
from ragopt_tui.models.record import VariantRecord

_UNQUANTISED: dict[str, OutputType] = {"bf16": "BF16", "fp16": "F16", "fp32": "F32"}
_BITS = {"F32": 32.0, "F16": 16.0, "BF16": 16.0, "Q8_0": 8.5}
_ROOM = 1.05
_COMPARED = 2500 * 4
"""Bytes of predictions for each token of the vocabulary, while models are compared."""


def can_be_shipped(record: VariantRecord) -> bool:
    """Whether a variant can become a GGUF file in fewer bits without losing what it has lost before."""
    facts, kind = record.facts, record.variant.kind
    if record.variant.path is None or record.variant.problem:
        return False
    if kind == "gguf":
        return facts.quantisation in _UNQUANTISED.values() and facts.lora is None
    if kind == "adapter":
        return facts.format == "safetensors" and bool(record.variant.parent)
    return kind in ("base", "merged") and facts.format == "safetensors" and not facts.quantisation


def between(record: VariantRecord, to: str) -> OutputType:
    """Give what a model is converted to: `to`, if it can be, or what loses nothing."""
    for output in OUTPUT_TYPES:
        if output == to:
            return output
    return _UNQUANTISED.get(record.facts.dtype, "F16")


def steps_between(start: VariantRecord, model: VariantRecord, to: str) -> int:
    """Count the steps from a variant to a GGUF of type `to`.

    `model` is the base of an adapter, else `start` itself.
    """
    if start.variant.kind == "gguf":
        return int(start.facts.quantisation != to)
    merging = int(start.variant.kind == "adapter")
    return merging + 1 + int(between(model, to) != to)


def result_bytes(start: VariantRecord, model: VariantRecord, to: str) -> int:
    """Estimate the bytes of a variant as GGUF of type `to`, rather too many than too few.

    `model` is the base of an adapter, else `start` itself.
    """
    bits = _BITS[to] if to in _BITS else quantisation(to).bits
    return int((_parameters(model) + _added(start)) * bits / 8)


def _parameters(model: VariantRecord) -> int:
    """Give a model's parameters; where they are not known, those that its bytes hold in 16 bits."""
    return model.facts.parameters or model.bytes // 2


def _added(start: VariantRecord) -> int:
    """Give the most parameters that merging an adapter adds: its head, where the base has none."""
    lora = start.facts.lora
    return start.facts.parameters or 0 if lora is not None and lora.modules_to_save else 0


def bytes_needed(start: VariantRecord, model: VariantRecord, to: str, *, compared: bool) -> int:
    """Estimate the disk that the path takes at its widest, in bytes: all that stands between.

    `model` is the base of an adapter, else `start` itself. Steps that are `compared` with what
    they were made from keep predictions for a while.
    """
    total = result_bytes(start, model, to)
    if start.variant.kind == "adapter":
        total += model.bytes + _added(start) * model.bytes // max(_parameters(model), 1)
    if start.variant.kind != "gguf" and between(model, to) != to:
        total += result_bytes(start, model, between(model, to))
    if compared:
        total += _COMPARED * (model.facts.vocabulary or 0)
    return int(total * _ROOM)
