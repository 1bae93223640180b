"""Safetensors files read and written tensor by tensor, without holding a file in memory.

The library's own reader maps whole files into memory and its writer wants every tensor of a file
at once; here the peak is one tensor. Format: https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import json
import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from queue import SimpleQueue

import torch

from ragopt_tui.errors import RagoptError
from ragopt_tui.models.safetensors_header import StoredTensor

_DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}
_COPY_BYTES = 32 * 1024 * 1024
_AHEAD_BYTES = 64 * 1024 * 1024
_FILES_AT_ONCE = 2
"""Copying within the page cache keeps one processor busy; more than two take too much memory."""

_ALIGNMENT = 8


@dataclass(frozen=True, slots=True)
class Place:
    """A tensor in a file."""

    file: Path
    stored: StoredTensor

    @property
    def size(self) -> int:
        """Its bytes."""
        return self.stored.end - self.stored.start

    @property
    def dtype(self) -> torch.dtype:
        """Its number format."""
        return _DTYPES[self.stored.dtype]

    @property
    def is_float(self) -> bool:
        """Whether it holds 16-, 32- or 64-bit floating point numbers."""
        return self.stored.dtype in ("F64", "F32", "F16", "BF16")

    def read(self) -> torch.Tensor:
        """Read it into memory of its own.

        Raises RagoptError if the file cannot be read or ends too soon.
        """
        tensor = torch.empty(self.stored.shape, dtype=self.dtype)
        view, read = _memory_of(tensor), 0
        with _opened(self.file) as stream:
            stream.seek(self.stored.start)
            while read < self.size:
                count = stream.readinto(view[read:])
                if not count:
                    raise _too_short(self.file)
                read += count
        return tensor


@dataclass(frozen=True, slots=True)
class Made:
    """A tensor that is computed while a file is written; `make` gives it in this shape and dtype."""

    shape: tuple[int, ...]
    dtype: torch.dtype
    make: Callable[[], torch.Tensor]

    @property
    def size(self) -> int:
        """Its bytes."""
        return torch.Size(self.shape).numel() * self.dtype.itemsize


@dataclass(frozen=True, slots=True)
class TensorFile:
    """A safetensors file to be written: its tensors in their order, and its metadata."""

    path: Path
    tensors: Mapping[str, Place | Made]
    metadata: Mapping[str, str]


def write_files(files: Sequence[TensorFile]) -> Generator[int]:
    """Write files, two at a time; gives the bytes written after each tensor of any of them.

    Raises what `write_tensors` does. All are whole when the iteration ends; where it is closed
    before, or raises, writing stops behind the tensors under way.
    """
    told: SimpleQueue[int | BaseException | None] = SimpleQueue()
    stop = threading.Event()

    def write(file: TensorFile) -> None:
        try:
            for size in write_tensors(file.path, file.tensors, file.metadata):
                told.put(size)
                if stop.is_set():
                    return
        except BaseException as error:  # noqa: BLE001 - raised where the files are waited for
            told.put(error)
        else:
            told.put(None)

    with ThreadPoolExecutor(_FILES_AT_ONCE, "writing tensors") as pool:
        try:
            for file in files:
                pool.submit(write, file)
            left = len(files)
            while left:
                size = told.get()
                if isinstance(size, BaseException):
                    raise size
                if size is None:
                    left -= 1
                else:
                    yield size
        finally:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)


def write_tensors(
    target: Path, tensors: Mapping[str, Place | Made], metadata: Mapping[str, str]
) -> Iterator[int]:
    """Write a safetensors file in the order of `tensors`; gives the bytes written after each.

    Tensors to come are made in a thread while others are copied. Raises OSError, and what `make`
    and `read` raise. The file is whole when the iteration ends.
    """
    header: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    at = 0
    for name, tensor in tensors.items():
        dtype = tensor.stored.dtype if isinstance(tensor, Place) else _NAMES[tensor.dtype]
        shape = tensor.stored.shape if isinstance(tensor, Place) else tensor.shape
        header[name] = {
            "dtype": dtype,
            "shape": list(shape),
            "data_offsets": [at, at + tensor.size],
        }
        at += tensor.size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    made = (tensor for tensor in tensors.values() if isinstance(tensor, Made))
    with target.open("wb", buffering=0) as stream, _Ahead(made) as ahead:
        _write_all(stream.fileno(), len(text).to_bytes(8, "little") + text)
        for tensor in tensors.values():
            if isinstance(tensor, Place):
                _copy(tensor, stream.fileno())
            else:
                _write_all(stream.fileno(), _memory_of(ahead.next()))
            yield tensor.size
        os.fsync(stream.fileno())


class _Ahead:
    """Makes tensors in a thread, in their order; `_AHEAD_BYTES` of them at most wait, or one."""

    def __init__(self, tensors: Iterable[Made]) -> None:
        self._to_come = deque(tensors)
        self._begun: deque[tuple[Made, Future[torch.Tensor]]] = deque()
        self._pool = ThreadPoolExecutor(1, "making tensors")

    def __enter__(self) -> _Ahead:
        self._begin()
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def next(self) -> torch.Tensor:
        """Give the next tensor, and have those behind it made."""
        wanted, future = self._begun.popleft()
        made = future.result()
        self._begin()
        if tuple(made.shape) != wanted.shape or made.dtype != wanted.dtype:
            raise ValueError(f"{tuple(made.shape)} {made.dtype} was made instead of {wanted}")
        return made.detach().contiguous()

    def _begin(self) -> None:
        waiting = sum(tensor.size for tensor, _ in self._begun)
        while self._to_come:
            waiting += self._to_come[0].size
            if self._begun and waiting > _AHEAD_BYTES:
                return
            tensor = self._to_come.popleft()
            self._begun.append((tensor, self._pool.submit(tensor.make)))


def _memory_of(tensor: torch.Tensor) -> memoryview:
    """Give the memory of a contiguous tensor as bytes."""
    return tensor.flatten().view(torch.uint8).numpy().data


def _copy(source: Place, target: int) -> None:
    with _opened(source.file) as stream:
        at, left = source.stored.start, source.size
        while left:
            count = os.sendfile(target, stream.fileno(), at, min(left, _COPY_BYTES))
            if not count:
                raise _too_short(source.file)
            at, left = at + count, left - count


def _opened(file: Path) -> FileIO:
    try:
        return FileIO(file)
    except FileNotFoundError as error:
        raise RagoptError(f"{file} is gone.", "It was there before: bring it back.") from error


def _too_short(file: Path) -> RagoptError:
    return RagoptError(f"{file} ends too soon.", "Get the file again.")


def _write_all(file: int, data: bytes | memoryview) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
