"""Tensors by name, of a Hugging Face folder, a GGUF file, or a base as adapters are to change it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from gguf import GGUFReader, ReaderTensor, dequantize

from ragopt_tui.conversion.adapted_model import AdaptedModel, Adapter, Change, adapted_model
from ragopt_tui.conversion.nf4 import Nf4
from ragopt_tui.conversion.tensor_files import Place
from ragopt_tui.models.inspection_folder import weight_files
from ragopt_tui.models.inspection_gguf import gguf_parts
from ragopt_tui.models.safetensors_header import read_safetensors_header
from ragopt_tui.verification.gguf_rows import stored_rows


class Tensors(Protocol):
    """Tensors that are read one at a time."""

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """The shapes by name, the slowest dimension first."""

    def kind(self, name: str) -> str:
        """Give the number format, such as `BF16` or `Q4_K`."""

    def read(self, name: str) -> torch.Tensor:
        """Give a whole tensor."""

    def rows(self, name: str, start: int, stop: int) -> torch.Tensor:
        """Give some of its rows in 32 bits."""


class FolderTensors:
    """The tensors of a Hugging Face folder.

    Raises RagoptError where its weights cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self.places = {
            name: Place(file, stored)
            for file in weight_files(folder)
            for name, stored in read_safetensors_header(file).tensors.items()
        }
        self.shapes = {name: place.stored.shape for name, place in self.places.items()}

    def kind(self, name: str) -> str:
        """Give the number format as safetensors names it."""
        return self.places[name].stored.dtype

    def read(self, name: str) -> torch.Tensor:
        """Give a whole tensor in its own number format."""
        return self.places[name].read()

    def rows(self, name: str, start: int, stop: int) -> torch.Tensor:
        """Give some of its rows in 32 bits, reading no others."""
        place = self.places[name]
        shape = place.stored.shape
        if not shape:
            return place.read().float()
        row = place.size // max(shape[0], 1)
        at = place.stored.start
        stored = dataclasses.replace(
            place.stored,
            shape=(stop - start, *shape[1:]),
            start=at + start * row,
            end=at + stop * row,
        )
        return Place(place.file, stored).read().float()


class GgufTensors:
    """The tensors of a GGUF file, those of all its parts where it is split."""

    def __init__(self, file: Path) -> None:
        readers = {part: GGUFReader(part) for part in gguf_parts(file)}
        self.fields = next(iter(readers.values())).fields
        self._tensors = {t.name: (part, t) for part, each in readers.items() for t in each.tensors}
        self.shapes = {name: _shape(tensor) for name, (_, tensor) in self._tensors.items()}

    def kind(self, name: str) -> str:
        """Give the number format as llama.cpp names it."""
        return self._tensors[name][1].tensor_type.name

    def read(self, name: str) -> torch.Tensor:
        """Give a whole tensor in 32 bits."""
        return self.rows(name, 0, max(self.shapes[name][0], 1))

    def rows(self, name: str, start: int, stop: int) -> torch.Tensor:
        """Give some of its rows in 32 bits, as llama.cpp computes with them."""
        file, tensor = self._tensors[name]
        stored = stored_rows(file, tensor, start, stop)
        with np.errstate(all="ignore"):
            values = dequantize(stored, tensor.tensor_type)
        return torch.from_numpy(np.array(values, dtype=np.float32))


class AdaptedTensors:
    """What a base with adapters merged into it consists of, computed in 32 bits by PEFT's layers.

    `onto` takes the base as it is after rounding to 4 bits. Raises RagoptError if base and
    adapters do not fit.
    """

    def __init__(self, base: Path, adapters: Sequence[Adapter], onto: Nf4 | None = None) -> None:
        self.base = FolderTensors(base)
        self._onto = onto
        self.model: AdaptedModel = adapted_model(base, adapters, torch.float32)
        self.shapes = {name: tuple(t.shape) for name, t in self.model.tensors.items()}
        self._ready: dict[str, torch.Tensor] = {}

    @cached_property
    def changes(self) -> dict[str, Change]:
        """The changes by the names of the tensors that they change."""
        return {name: change for change in self.model.changes for name in change.names}

    def kind(self, name: str) -> str:
        """Give the number format of the base."""
        return self.base.kind(name if name in self.base.places else self.model.embedding)

    def read(self, name: str) -> torch.Tensor:
        """Give a whole tensor as the adapters leave it."""
        if name not in self.changes:
            return self.before(name)
        if name not in self._ready:
            change = self.changes[name]
            self._ready = dict(change.make({n: self.before(n).float() for n in change.names}))
        return self._ready.pop(name)

    def rows(self, name: str, start: int, stop: int) -> torch.Tensor:
        """Give some rows as the adapters leave them."""
        return self.read(name)[start:stop].float()

    def before(self, name: str) -> torch.Tensor:
        """Give the base's own tensor, of the embedding for an output layer that it lacks."""
        place = self.base.places.get(name) or self.base.places[self.model.embedding]
        weight = place.read()
        if self._onto is not None and name in self.model.linear:
            return self._onto.rounded(weight)
        return weight


def _shape(tensor: ReaderTensor) -> tuple[int, ...]:
    return tuple(int(length) for length in reversed(tensor.shape))
