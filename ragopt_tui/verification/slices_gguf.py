"""A GGUF file cut to some of its layers, every tensor as 32-bit numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from gguf import GGMLQuantizationType, GGUFReader, GGUFValueType, GGUFWriter, ReaderTensor
from gguf.quants import dequantize

from ragopt_tui.models.inspection_gguf import gguf_parts

_BLOCK = re.compile(r"^blk\.(\d+)\.")
_VALUES_AT_ONCE = 16 << 20
_ALL_F32 = 0


def cut_gguf(
    source: Path, target: Path, layers: Sequence[int], tell: Callable[[int, int], None]
) -> None:
    """Write `layers` of a GGUF file, in this order, with embedding, norms and output layer.

    All tensors become float32, quantised ones by gguf's own arithmetic. `tell` is told the tensors
    written and those there are, and may raise to stop. Raises OSError.
    """
    readers = [GGUFReader(part) for part in gguf_parts(source)]
    fields = readers[0].fields
    architecture = str(fields["general.architecture"].contents())
    writer = GGUFWriter(target, architecture)
    _copy_keys(fields, writer, architecture, layers)
    kept: dict[str, ReaderTensor] = {}
    for tensor in (tensor for reader in readers for tensor in reader.tensors):
        block = _BLOCK.match(tensor.name)
        if block is None:
            kept[tensor.name] = tensor
        elif int(block[1]) in layers:
            at = list(layers).index(int(block[1]))
            kept[f"blk.{at}.{tensor.name[block.end() :]}"] = tensor
    for name, tensor in kept.items():
        shape = [int(length) for length in reversed(tensor.shape)]
        size = 4 * int(tensor.n_elements)
        writer.add_tensor_info(name, shape, np.dtype(np.float32), size)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for number, tensor in enumerate(kept.values(), start=1):
        writer.write_tensor_data(_in_32_bits(tensor))
        tell(number, len(kept))
    writer.close()


def _copy_keys(
    fields: Any,  # noqa: ANN401 - the reader's own mapping
    writer: GGUFWriter,
    architecture: str,
    layers: Sequence[int],
) -> None:
    count = int(fields[f"{architecture}.block_count"].contents())
    for key, field in fields.items():
        if key.startswith(("GGUF.", "split.")) or key == "general.architecture":
            continue
        value, kind = field.contents(), field.types[0]
        sub_type = field.types[-1] if kind == GGUFValueType.ARRAY else None
        if key == f"{architecture}.block_count":
            value = len(layers)
        elif key == "general.file_type":
            value = _ALL_F32
        elif key.startswith(f"{architecture}.") and sub_type is not None and len(value) == count:
            value = [value[layer] for layer in layers]
        writer.add_key_value(key, value, kind, sub_type)


def _in_32_bits(tensor: ReaderTensor) -> npt.NDArray[np.float32]:
    """Give a tensor's values, some rows at a time, so that little more than the result is held."""
    if tensor.tensor_type == GGMLQuantizationType.F32:
        return np.asarray(tensor.data, np.float32)
    shape = tuple(int(length) for length in reversed(tensor.shape))
    values = np.empty((int(np.prod(shape[:-1], dtype=np.int64)), shape[-1]), np.float32)
    rows = tensor.data.reshape(len(values), -1)
    step = max(1, _VALUES_AT_ONCE // shape[-1])
    for start in range(0, len(rows), step):
        with np.errstate(all="ignore"):
            piece = dequantize(rows[start : start + step], tensor.tensor_type)
        values[start : start + step] = piece
    return values.reshape(shape)
