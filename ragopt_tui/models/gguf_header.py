"""The header of a GGUF file, read and checked without loading the model."""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar

from ragopt_tui.errors import RagoptError
from ragopt_tui.models.ggml_types import GGML_TYPES, GgmlType

_MAGIC = b"GGUF"
_STRING, _ARRAY = 8, 9
_UINT32, _UINT64 = 4, 10
_LAYOUTS = {
    kind: struct.Struct(layout)
    for kind, layout in (
        *enumerate(("<B", "<b", "<H", "<h", "<I", "<i", "<f", "<?")),
        (10, "<Q"),
        (11, "<q"),
        (12, "<d"),
    )
}
_SMALLEST_KEY = 13
_SMALLEST_TENSOR = 32
_MOST_DIMENSIONS = 4
_ALIGNMENT = 32
_LONGEST_HEADER = 1 << 28
_READ_AHEAD = 1 << 18

Value = str | int | float | bool
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class GgufTensor:
    """One tensor: its shape (the fastest dimension first), and its first byte and size in bytes."""

    shape: tuple[int, ...]
    type: GgmlType
    start: int
    size: int

    @property
    def count(self) -> int:
        """How many numbers it has."""
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """The keys with one value, the lengths of the arrays, and the tensors by name."""

    values: dict[str, Value]
    lengths: dict[str, int]
    tensors: dict[str, GgufTensor]


def read_gguf_header(file: Path) -> dict[str, Value]:
    """Give the keys of a GGUF header that hold one value (no arrays).

    Raises RagoptError if the file cannot be read, is no GGUF file or ends within its header.
    """
    return _read(file, lambda reader: reader.keys()[0])


def read_gguf(file: Path) -> GgufHeader:
    """Read the whole header and compare it with the file's size.

    Raises RagoptError as `read_gguf_header`, and where a tensor is unknown or beyond the file's end.
    """
    return _read(file, lambda reader: reader.header())


def _read(file: Path, part: Callable[[_Reader], _Result]) -> _Result:
    try:
        with file.open("rb") as stream:
            if stream.read(len(_MAGIC)) != _MAGIC:
                raise ValueError("it does not begin with the letters GGUF")
            return part(_Reader(stream))
    except OSError as error:
        raise RagoptError(f"{file} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise RagoptError(
            f"{file} is not a usable GGUF file: {error}.", "Fetch or convert it again."
        ) from error


class _Reader:
    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._size = stream, os.fstat(stream.fileno()).st_size
        self._data, self._at = bytearray(_MAGIC), len(_MAGIC)
        version = self._number(_UINT32)
        if version not in (2, 3):
            raise ValueError(f"it has format version {version}, known are 2 and 3")
        self._tensor_count = self._count(_SMALLEST_TENSOR, "tensors")
        self._key_count = self._count(_SMALLEST_KEY, "keys")

    def keys(self) -> tuple[dict[str, Value], dict[str, int]]:
        """Read the keys: those with one value, and the lengths of those with an array."""
        values: dict[str, Value] = {}
        lengths: dict[str, int] = {}
        for _ in range(self._key_count):
            key = self._string()
            kind = int(self._number(_UINT32))
            if kind == _ARRAY:
                lengths[key] = self._skip_array()
            else:
                values[key] = self._string() if kind == _STRING else self._number(kind)
        return values, lengths

    def header(self) -> GgufHeader:
        """Read the keys and the tensors."""
        values, lengths = self.keys()
        infos = [self._tensor() for _ in range(self._tensor_count)]
        alignment = values.get("general.alignment", _ALIGNMENT)
        if not isinstance(alignment, int) or alignment < 1:
            raise ValueError(f"its alignment cannot be {alignment!r}")
        data = -(-self._at // alignment) * alignment
        tensors: dict[str, GgufTensor] = {}
        for name, shape, kind, offset in infos:
            if name in tensors:
                raise ValueError(f"it has the tensor {name!r} twice")
            tensors[name] = self._placed(name, shape, kind, data + offset)
        _refuse_overlap(tensors)
        return GgufHeader(values, lengths, tensors)

    def _tensor(self) -> tuple[str, tuple[int, ...], int, int]:
        name = self._string()
        dimensions = int(self._number(_UINT32))
        if dimensions > _MOST_DIMENSIONS:
            raise ValueError(f"the tensor {name!r} has {dimensions} dimensions")
        shape = tuple(int(self._number(_UINT64)) for _ in range(dimensions))
        return name, shape, int(self._number(_UINT32)), int(self._number(_UINT64))

    def _placed(self, name: str, shape: tuple[int, ...], kind: int, start: int) -> GgufTensor:
        stored = GGML_TYPES.get(kind)
        if stored is None:
            raise ValueError(f"the tensor {name!r} is of the unknown type {kind}")
        if shape and shape[0] % stored.values:
            raise ValueError(f"the rows of {name!r} are no whole blocks of {stored.name}")
        size = math.prod(shape) // stored.values * stored.size
        if start + size > self._size:
            raise ValueError(
                f"its header puts {name!r} at bytes {start:,} to {start + size:,}, "
                f"the file has {self._size:,}"
            )
        return GgufTensor(shape, stored, start, size)

    def _count(self, smallest: int, what: str) -> int:
        count = int(self._number(_UINT64))
        if count * smallest > self._size:
            raise ValueError(f"its header promises {count:,} {what}, more than the file can hold")
        return count

    def _number(self, kind: int) -> int | float | bool:
        layout = _LAYOUTS.get(kind)
        if layout is None:
            raise ValueError(f"its header has a value of unknown type {kind}")
        value: int | float | bool = layout.unpack_from(self._data, self._past(layout.size))[0]
        return value

    def _string(self) -> str:
        length = int(self._number(_UINT64))
        start = self._past(length)
        return self._data[start : start + length].decode("utf-8", errors="replace")

    def _past(self, size: int) -> int:
        """Step over `size` bytes and give where they begin."""
        start, end = self._at, self._at + size
        self._read_to(end)
        self._at = end
        return start

    def _read_to(self, end: int) -> None:
        if end > min(self._size, _LONGEST_HEADER):
            raise ValueError("it ends within its header")
        if end > len(self._data):
            self._data += self._stream.read(max(end - len(self._data), _READ_AHEAD))
            if end > len(self._data):
                raise ValueError("it ends within its header")

    def _skip_strings(self, count: int) -> None:
        # Vocabularies have hundreds of thousands of strings: nothing is called for each of them.
        length, at = _LAYOUTS[_UINT64], self._at
        for _ in range(count):
            if at + length.size > len(self._data):
                self._read_to(at + length.size)
            at += length.size + length.unpack_from(self._data, at)[0]
        self._read_to(at)
        self._at = at

    def _skip_array(self) -> int:
        kind = int(self._number(_UINT32))
        count = int(self._number(_UINT64))
        if kind == _STRING:
            self._skip_strings(count)
        elif kind in _LAYOUTS:
            self._past(count * _LAYOUTS[kind].size)
        else:
            raise ValueError("its header holds an array of an unknown kind")
        return count


def _refuse_overlap(tensors: dict[str, GgufTensor]) -> None:
    end, before = 0, ""
    for name, tensor in sorted(tensors.items(), key=lambda item: item[1].start):
        if tensor.start < end:
            raise ValueError(f"its header puts {name!r} over the bytes of {before!r}")
        end, before = tensor.start + tensor.size, name
