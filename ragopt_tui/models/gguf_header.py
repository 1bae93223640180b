"""The single values in a GGUF file's header, read without loading the model."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

from ragopt_tui.errors import RagoptError

_MAGIC = b"GGUF"
_STRING, _ARRAY = 8, 9
_FORMATS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?"} | {
    10: "<Q",
    11: "<q",
    12: "<d",
}
_LONGEST_STRING = 1 << 24

Value = str | int | float | bool


def read_gguf_header(file: Path) -> dict[str, Value]:
    """Give the keys of a GGUF header that hold one value (no arrays).

    Raises RagoptError if the file cannot be read, is no GGUF file or ends within its header.
    """
    try:
        with file.open("rb") as stream:
            return _Reader(stream).header()
    except OSError as error:
        raise RagoptError(f"{file} cannot be read: {error.strerror}.") from error
    except (ValueError, struct.error, UnicodeDecodeError) as error:
        raise RagoptError(
            f"{file} is not a usable GGUF file: {error}.", "Fetch or convert it again."
        ) from error


class _Reader:
    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream

    def header(self) -> dict[str, Value]:
        if self.stream.read(4) != _MAGIC:
            raise ValueError("it does not begin with the letters GGUF")
        version = self.number(4)
        if version not in (2, 3):
            raise ValueError(f"it has format version {version}, known are 2 and 3")
        self.number(10)
        values: dict[str, Value] = {}
        for _ in range(int(self.number(10))):
            key = self.string()
            kind = int(self.number(4))
            if kind == _ARRAY:
                self.skip_array()
            else:
                values[key] = self.value(kind)
        return values

    def value(self, kind: int) -> Value:
        return self.string() if kind == _STRING else self.number(kind)

    def number(self, kind: int) -> int | float | bool:
        layout = _FORMATS.get(kind)
        if layout is None:
            raise ValueError(f"its header has a value of unknown type {kind}")
        value: int | float | bool = struct.unpack(layout, self.exactly(struct.calcsize(layout)))[0]
        return value

    def string(self) -> str:
        return self.exactly(self.length()).decode("utf-8", errors="replace")

    def length(self) -> int:
        length = int(self.number(10))
        if length > _LONGEST_STRING:
            raise ValueError("its header is damaged")
        return length

    def exactly(self, size: int) -> bytes:
        data = self.stream.read(size)
        if len(data) < size:
            raise ValueError("it ends within its header")
        return data

    def skip_array(self) -> None:
        kind = int(self.number(4))
        count = int(self.number(10))
        if kind == _STRING:
            for _ in range(count):
                self.exactly(self.length())
        elif kind in _FORMATS:
            self.stream.seek(count * struct.calcsize(_FORMATS[kind]), 1)
        else:
            raise ValueError("its header holds an array of an unknown kind")
