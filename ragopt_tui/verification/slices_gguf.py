"""A GGUF file cut to some of its layers, every tensor as 32-bit numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from gguf import GGUFReader, GGUFValueType, GGUFWriter, ReaderTensor
from gguf.quants import dequantize

from ragopt_tui.models.inspection_gguf import gguf_parts
from ragopt_tui.verification.gguf_rows import stored_rows

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
    readers = {part: GGUFReader(part) for part in gguf_parts(source)}
    fields = next(iter(readers.values())).fields
    architecture = str(fields["general.architecture"].contents())
    writer = GGUFWriter(target, architecture)
    _copy_keys(fields, writer, architecture, layers)
    kept: dict[str, tuple[Path, ReaderTensor]] = {}
    for part, tensor in ((part, each) for part, read in readers.items() for each in read.tensors):
        block = _BLOCK.match(tensor.name)
        if block is None:
            kept[tensor.name] = part, tensor
        elif int(block[1]) in layers:
            at = list(layers).index(int(block[1]))
            kept[f"blk.{at}.{tensor.name[block.end() :]}"] = part, tensor
    for name, (_, tensor) in kept.items():
        shape = [int(length) for length in reversed(tensor.shape)]
        size = 4 * int(tensor.n_elements)
        writer.add_tensor_info(name, shape, np.dtype(np.float32), size)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for number, (part, tensor) in enumerate(kept.values(), start=1):
        writer.write_tensor_data(_in_32_bits(part, tensor))
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


def _in_32_bits(file: Path, tensor: ReaderTensor) -> npt.NDArray[np.float32]:
    """Give a tensor's values, some rows at a time, so that little more than the result is held."""
    shape = tuple(int(length) for length in reversed(tensor.shape))
    values = np.empty(shape, np.float32)
    step = max(1, _VALUES_AT_ONCE * shape[0] // int(tensor.n_elements))
    for start in range(0, shape[0], step):
        stored = stored_rows(file, tensor, start, start + step)
        with np.errstate(all="ignore"):
            values[start : start + step] = dequantize(stored, tensor.tensor_type)
    return values
