"""The header of a safetensors file, read and checked without loading a tensor."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ragopt_tui.errors import RagoptError

_LENGTH_BYTES = 8
_LONGEST_HEADER = 100_000_000
_BITS = {
    **dict.fromkeys(("F4",), 4),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0"), 8),
    **dict.fromkeys(("U16", "I16", "F16", "BF16"), 16),
    **dict.fromkeys(("U32", "I32", "F32"), 32),
    **dict.fromkeys(("U64", "I64", "F64", "C64"), 64),
}


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """One tensor as stored: its number format, shape, and the file's bytes `start` to `end`."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int

    @property
    def count(self) -> int:
        """How many numbers it has."""
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True)
class SafetensorsHeader:
    """The tensors of a file in the order in which they lie there, and its metadata."""

    tensors: dict[str, StoredTensor]
    metadata: dict[str, str]


def read_safetensors_header(file: Path) -> SafetensorsHeader:
    """Read the header and compare it with the file's size.

    Raises RagoptError if the file cannot be read, is cut off, or contradicts its header.
    """
    try:
        with file.open("rb") as stream:
            size = file.stat().st_size
            start = stream.read(_LENGTH_BYTES)
            if len(start) < _LENGTH_BYTES:
                raise ValueError("it ends within its header")
            length = int.from_bytes(start, "little")
            if length > min(_LONGEST_HEADER, size - _LENGTH_BYTES):
                raise ValueError("it ends within its header")
            return _parsed(stream.read(length), size)
    except OSError as error:
        raise RagoptError(f"{file} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = str(error) if type(error) is ValueError else "its header is damaged"
        raise RagoptError(
            f"{file} is not a usable safetensors file: {reason}.", "Get the file again."
        ) from error


def _parsed(text: bytes, size: int) -> SafetensorsHeader:
    values: dict[str, Any] = json.loads(text)
    metadata = values.pop("__metadata__", None) or {}
    first = _LENGTH_BYTES + len(text)
    tensors = {name: _tensor(name, value, first) for name, value in values.items()}
    ordered = sorted(tensors.items(), key=lambda item: (item[1].start, item[1].end))
    at = first
    for name, tensor in ordered:
        if tensor.start != at:
            raise ValueError(f"the bytes of {name!r} do not follow those of the tensor before it")
        at = tensor.end
    if at > size:
        raise ValueError(f"it has {size:,} of the {at:,} bytes that its header promises")
    if at < size:
        raise ValueError(f"it has {size - at:,} bytes more than its header promises")
    return SafetensorsHeader(dict(ordered), {str(k): str(v) for k, v in metadata.items()})


def _tensor(name: str, values: dict[str, Any], first: int) -> StoredTensor:
    dtype, (start, end) = str(values["dtype"]), values["data_offsets"]
    shape = tuple(int(length) for length in values["shape"])
    bits = _BITS.get(dtype)
    if bits is None:
        raise ValueError(f"{name!r} has the unknown number format {dtype!r}")
    if min(shape, default=0) < 0 or (end - start) * 8 != math.prod(shape) * bits:
        raise ValueError(f"the size of {name!r} does not follow from its shape")
    return StoredTensor(dtype, shape, first + int(start), first + int(end))
