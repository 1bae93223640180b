"""Copies of models with something in them changed: how sabotage is done."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gguf import (
    GGMLQuantizationType,
    GGUFReader,
    GGUFValueType,
    GGUFWriter,
    dequantize,
    quantize,
)
from safetensors.torch import load_file, save_file

from tests.verification.chains import edit_json

Weights = dict[str, torch.Tensor]
Arrays = dict[str, tuple[np.ndarray, GGMLQuantizationType]]
Fields = dict[str, Any]


def weights_of(folder: Path) -> Weights:
    """Give all tensors of a Hugging Face folder."""
    tensors: Weights = {}
    for file in sorted(folder.glob("*.safetensors")):
        tensors |= load_file(file)
    return tensors


def copy_folder(
    source: Path,
    target: Path,
    weights: Callable[[Weights], Weights | None] | None = None,
    config: Mapping[str, Any] | None = None,
) -> Path:
    """Copy a Hugging Face folder; `weights` may change its tensors, `config` adds to config.json."""
    shutil.copytree(source, target)
    if weights is not None:
        tensors = weights_of(source)
        tensors = weights(tensors) or tensors
        for file in target.glob("*.safetensors*"):
            file.unlink()
        kept = {name: tensor.clone().contiguous() for name, tensor in tensors.items()}
        save_file(kept, target / "model.safetensors", {"format": "pt"})
    if config:
        edit_json(target / "config.json", lambda values: values | dict(config))
    return target


def copy_gguf(
    source: Path,
    target: Path,
    tensors: Callable[[Arrays], Arrays | None] | None = None,
    fields: Callable[[Fields], None] | None = None,
) -> Path:
    """Copy a GGUF file; `tensors` may change arrays as they are stored, `fields` values by key.

    A field set to None is left out.
    """
    reader = GGUFReader(source)
    kinds = {key: field.types for key, field in reader.fields.items()}
    values: Fields = {
        key: field.contents()
        for key, field in reader.fields.items()
        if not key.startswith("GGUF.") and key != "general.architecture"
    }
    architecture = str(reader.fields["general.architecture"].contents())
    arrays: Arrays = {t.name: (np.array(t.data), t.tensor_type) for t in reader.tensors}
    if fields is not None:
        fields(values)
    if tensors is not None:
        arrays = tensors(arrays) or arrays
    writer = GGUFWriter(target, values.pop("architecture", architecture))
    for key, value in values.items():
        if value is None:
            continue
        types = kinds.get(key) or [_type_of(value)]
        sub = types[1] if types[0] == GGUFValueType.ARRAY and len(types) > 1 else None
        writer.add_key_value(key, value, types[0], sub)
    for name, (data, kind) in arrays.items():
        writer.add_tensor(name, data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return target


def _type_of(value: object) -> GGUFValueType:
    if isinstance(value, bool):
        return GGUFValueType.BOOL
    if isinstance(value, int):
        return GGUFValueType.UINT32
    return GGUFValueType.FLOAT32 if isinstance(value, float) else GGUFValueType.STRING


def changed(arrays: Arrays, name: str, edit: Callable[[np.ndarray], np.ndarray]) -> None:
    """Change one tensor's values, and store them in the type that it had."""
    data, kind = arrays[name]
    with np.errstate(all="ignore"):
        arrays[name] = (_stored(edit(dequantize(data, kind)), kind), kind)


def _stored(values: np.ndarray, kind: GGMLQuantizationType) -> np.ndarray:
    values = np.ascontiguousarray(values, dtype=np.float32)
    if kind == GGMLQuantizationType.F32:
        return values
    if kind == GGMLQuantizationType.F16:
        with np.errstate(over="ignore"):
            return values.astype(np.float16)
    return quantize(values, kind)


def rows(arrays: Arrays, name: str, order: list[int]) -> None:
    """Put a tensor's rows in another order, whatever its type."""
    data, kind = arrays[name]
    arrays[name] = (np.ascontiguousarray(data[order]), kind)
