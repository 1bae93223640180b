"""Reading a model's files from end to end: their hashes, and weights that are no numbers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import numpy
from numpy.typing import NDArray

from ragopt_tui.errors import RagoptError
from ragopt_tui.models.ggml_types import GgmlType
from ragopt_tui.models.gguf_header import read_gguf
from ragopt_tui.models.safetensors_header import read_safetensors_header

Bytes = NDArray[numpy.uint8]
_CHUNK = 1 << 22
_HALF, _BRAIN = 0x7C00, 0x7F80


@dataclass(slots=True)
class FileCheck:
    """What was found in one file: its SHA-256, its tensors, and those that hold NaN or infinity."""

    sha256: str = ""
    tensors: int = 0
    not_finite: list[str] = field(default_factory=list)


class HashedFile:
    """A file that is read once from its start to its end; `tell` is given the bytes read so far."""

    def __init__(self, file: Path, tell: Callable[[int], None]) -> None:
        self._stream = file.open("rb", buffering=0)
        self._tell, self._digest, self._at = tell, hashlib.sha256(), 0

    def __enter__(self) -> HashedFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._stream.close()

    def until(self, end: int, multiple: int = 1) -> Iterator[Bytes]:
        """Read on to the byte `end`, in pieces whose size is a multiple of `multiple`.

        Raises RagoptError if the file ends before.
        """
        piece = max(1, _CHUNK // multiple) * multiple
        while self._at < end:
            data = self._exactly(min(piece, end - self._at))
            self._digest.update(data)
            self._at += len(data)
            self._tell(self._at)
            yield numpy.frombuffer(data, dtype=numpy.uint8)

    def rest(self) -> str:
        """Read the rest and give the SHA-256 of all in hexadecimal."""
        while data := self._stream.read(_CHUNK):
            self._digest.update(data)
            self._at += len(data)
            self._tell(self._at)
        return self._digest.hexdigest()

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = self._stream.read(size - len(data))
            if not more:
                raise RagoptError(f"{self._stream.name} became shorter while it was read.")
            data = data + more if data else more
        return data


def check_safetensors(file: Path, tell: Callable[[int], None]) -> FileCheck:
    """Read a safetensors file whole; raises RagoptError if its header and its size disagree."""
    header = read_safetensors_header(file)
    found = FileCheck(tensors=len(header.tensors))
    with HashedFile(file, tell) as stream:
        for name, tensor in header.tensors.items():
            _skip(stream, tensor.start)
            if not all(finite(piece, tensor.dtype) for piece in stream.until(tensor.end, 8)):
                found.not_finite.append(name)
        found.sha256 = stream.rest()
    return found


def check_gguf(file: Path, tell: Callable[[int], None]) -> FileCheck:
    """Read a GGUF file whole; raises RagoptError if its header and its size disagree.

    Of quantised tensors the scales of the blocks are looked at: no other part can be NaN.
    """
    tensors = sorted(read_gguf(file).tensors.items(), key=lambda item: item[1].start)
    found = FileCheck(tensors=len(tensors))
    with HashedFile(file, tell) as stream:
        for name, tensor in tensors:
            _skip(stream, tensor.start)
            pieces = stream.until(tensor.start + tensor.size, tensor.type.size * 8)
            if not all(_finite_blocks(piece, tensor.type) for piece in pieces):
                found.not_finite.append(name)
        found.sha256 = stream.rest()
    return found


def check_other(file: Path, tell: Callable[[int], None]) -> FileCheck:
    """Read any other file whole."""
    with HashedFile(file, tell) as stream:
        return FileCheck(stream.rest())


def finite(data: Bytes, dtype: str) -> bool:
    """Whether all numbers of a format, by its name in safetensors, are neither NaN nor infinite."""
    if dtype == "F64":
        return bool(numpy.isfinite(data.view("<f8")).all())
    if dtype == "F32":
        return bool(numpy.isfinite(data.view("<f4")).all())
    if dtype in ("F16", "BF16"):
        exponent = _HALF if dtype == "F16" else _BRAIN
        return not bool(((data.view("<u2") & exponent) == exponent).any())
    if dtype == "F8_E5M2":
        return not bool(((data & 0x7C) == 0x7C).any())
    if dtype == "F8_E4M3":
        return not bool(((data & 0x7F) == 0x7F).any())
    return True


def _finite_blocks(data: Bytes, type: GgmlType) -> bool:
    if not type.scales:
        return finite(data, type.name)
    blocks = data.reshape(-1, type.size)
    return all(
        finite(numpy.ascontiguousarray(blocks[:, at : at + 2]).reshape(-1), "F16")
        for at in type.scales
    )


def _skip(stream: HashedFile, end: int) -> None:
    for _ in stream.until(end):
        pass
