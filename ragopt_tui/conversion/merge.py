"""Merging adapters into their base, tensor by tensor."""

from __future__ import annotations

import contextlib
import json
import shutil
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ragopt_tui.conversion.adapted_model import AdaptedModel, Adapter, Weights, adapted_model
from ragopt_tui.conversion.nf4 import Nf4
from ragopt_tui.conversion.tensor_files import Made, Place, TensorFile, write_files
from ragopt_tui.errors import RagoptError
from ragopt_tui.models.inspection import read_json
from ragopt_tui.models.inspection_folder import INDEX_FILE, weight_files
from ragopt_tui.models.model_files import TOKENIZER_FILES
from ragopt_tui.models.safetensors_header import read_safetensors_header

OnBytes = Callable[[int, int], None]
"""Told after each tensor: the bytes written, and those there will be. May raise to stop."""

_CONFIG_FILE = "config.json"
_ROOM = 1.02
_QUANTISED = (".absmax", ".SCB", ".weight_format")


@dataclass(frozen=True, slots=True)
class Merged:
    """What a merge wrote: tensors in all, those that differ from the base's, and bytes."""

    tensors: int
    changed: int
    bytes: int


def merge(
    base: Path,
    adapters: Sequence[Adapter],
    target: Path,
    on_bytes: OnBytes,
    *,
    onto: Nf4 | None = None,
) -> Merged:
    """Write the base with adapters merged into `target`, an empty folder, as Hugging Face folder.

    Weights, their dtypes and their distribution over files are the base's, changed tensors are
    PEFT's; tokenizer and chat template are the first adapter's that brings them. `onto` merges
    into the base as it is after rounding to 4 bits. Raises RagoptError if base and adapters do
    not fit, the disk is too small or a result is not finite; OSError.
    """
    files = {file: read_safetensors_header(file) for file in weight_files(base)}
    places = {
        name: Place(file, stored)
        for file, header in files.items()
        for name, stored in header.tensors.items()
    }
    _check_full_precision(base, places)
    model = adapted_model(base, adapters, _dtype(places))
    _check_complete(base, model, places)
    made = _Computed(model, places, onto)
    shards = [
        {name: made.or_place(name) for name in header.tensors if name in made.kept}
        for header in files.values()
    ]
    for name in made.added:
        shards[-1][name] = made.or_place(name)
    total = sum(tensor.size for shard in shards for tensor in shard.values())
    _check_room(target, total)
    whole = [
        TensorFile(target / file.name, shard, header.metadata or {"format": "pt"})
        for (file, header), shard in zip(files.items(), shards, strict=True)
    ]
    written = 0
    with contextlib.closing(write_files(whole)) as sizes:
        for size in sizes:
            written += size
            on_bytes(written, total)
    _write_index(target, {f.name: s for f, s in zip(files, shards, strict=True)}, total)
    _write_companions(base, adapters, model, target)
    count = sum(len(shard) for shard in shards)
    return Merged(count, len(made.changed), total)


class _Computed:
    """The result's tensors: those of the base as they lie there, or computed when written."""

    def __init__(self, model: AdaptedModel, places: dict[str, Place], onto: Nf4 | None) -> None:
        self._model, self._places, self._onto = model, places, onto
        self._changes = {name: change for change in model.changes for name in change.names}
        self._ready: Weights = {}
        # A layer's tensors may lie in different files, which are written at the same time.
        self._locks = {
            name: lock
            for change in model.changes
            for lock in [threading.Lock()]
            for name in change.names
        }
        self.changed: set[str] = set()
        tied = model.output not in model.tensors
        self.kept = {name for name in places if not (tied and name == model.output)}
        self.added = [name for name in model.tensors if name not in places]

    def or_place(self, name: str) -> Place | Made:
        """Give what to write for a name."""
        place = self._places.get(name) or self._places[self._model.embedding]
        rounds = self._onto is not None and name in self._model.linear
        if name not in self._changes and not rounds:
            return place
        shape = tuple(self._model.tensors[name].shape)
        return Made(shape, place.dtype, lambda: self._make(name))

    def _make(self, name: str) -> torch.Tensor:
        with self._locks.get(name, contextlib.nullcontext()):
            if name not in self._ready:
                change = self._changes.get(name)
                needs = {n: self._base(n) for n in (change.names if change else (name,))}
                made = change.make(needs) if change else needs
                for each, tensor in made.items():
                    dtype = (self._places.get(each) or self._places[self._model.embedding]).dtype
                    self._ready[each] = tensor.to(dtype)
            tensor = self._ready.pop(name)
        # The extremes say it (NaN is one where there is any), at a twentieth of isfinite's time.
        if tensor.numel() and not torch.isfinite(torch.stack(torch.aminmax(tensor))).all():
            raise RagoptError(
                f"Merging gives numbers that are not finite in {name}.",
                "The adapter is damaged or was trained to no good end, or the base's number "
                "format (fp16) is too narrow for it.",
            )
        self.changed.add(name)
        return tensor

    def _base(self, name: str) -> torch.Tensor:
        place = self._places.get(name) or self._places[self._model.embedding]
        weight = place.read()
        if self._onto is not None and name in self._model.linear:
            return self._onto.rounded(weight)
        return weight


def _dtype(places: dict[str, Place]) -> torch.dtype:
    """Give the number format of most bytes."""
    bytes_of: dict[torch.dtype, int] = {}
    for place in places.values():
        bytes_of[place.dtype] = bytes_of.get(place.dtype, 0) + place.size
    return max(bytes_of, key=lambda dtype: bytes_of[dtype])


def _check_full_precision(base: Path, places: dict[str, Place]) -> None:
    for name, place in places.items():
        if name.endswith(_QUANTISED) or ".quant_state." in name or not place.is_float:
            raise RagoptError(
                f"The base {base} is quantised ({name}).",
                "Merge into the full-precision model that it was made from.",
            )


def _check_complete(base: Path, model: AdaptedModel, places: dict[str, Place]) -> None:
    changed = {name for change in model.changes for name in change.names}
    for name, tensor in model.tensors.items():
        place = places.get(name)
        if place is None and name != model.output:
            raise RagoptError(f"The base {base} lacks the tensor {name}.", "Get it again.")
        if place is not None and place.stored.shape != tuple(tensor.shape) and name not in changed:
            raise RagoptError(
                f"{name} of {base} has the shape {list(place.stored.shape)}, the merged model "
                f"{list(tensor.shape)}.",
                "The adapter added tokens but did not save this layer; train it with it.",
            )


def _check_room(target: Path, total: int) -> None:
    free = shutil.disk_usage(target).free
    if free < total * _ROOM:
        raise RagoptError(
            f"The merged model needs {total / 1e9:.1f} GB; {target.parent} has {free / 1e9:.1f} GB.",
            "Free some space, or set RAGOPT_HOME to a larger disk.",
        )


def _write_index(target: Path, shards: dict[str, dict[str, Place | Made]], total: int) -> None:
    if len(shards) == 1:
        return
    names = {name: file for file, shard in shards.items() for name in shard}
    index = {"metadata": {"total_size": total}, "weight_map": dict(sorted(names.items()))}
    (target / INDEX_FILE).write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")


def _write_companions(
    base: Path, adapters: Sequence[Adapter], model: AdaptedModel, target: Path
) -> None:
    config = json.dumps(_config(base, model), indent=2) + "\n"
    (target / _CONFIG_FILE).write_text(config, encoding="utf-8")
    folders = [adapter.folder for adapter in adapters if _has_tokenizer(adapter.folder)]
    _copy_first("generation_config.json", [base], target)
    for name in TOKENIZER_FILES:
        # transformers saves tokenizer.json alone; converters need what it was made from too.
        also_base = not folders or name == "tokenizer.model"
        _copy_first(name, [*folders[:1], *([base] if also_base else [])], target)


def _config(base: Path, model: AdaptedModel) -> dict[str, Any]:
    """Give the base's own configuration, as other tools read it, with what merging changes."""
    values = read_json(base / _CONFIG_FILE)
    values.pop("auto_map", None)
    text = values["text_config"] if isinstance(values.get("text_config"), dict) else values
    text["vocab_size"] = model.config.get_text_config().vocab_size
    for level in (values, text):
        if level is values or "tie_word_embeddings" in level:
            level["tie_word_embeddings"] = model.config.tie_word_embeddings
    return values


def _copy_first(name: str, folders: Sequence[Path], target: Path) -> None:
    for folder in folders:
        if (folder / name).is_file():
            shutil.copyfile(folder / name, target / name)
            return


def _has_tokenizer(folder: Path) -> bool:
    return any((folder / name).is_file() for name in ("tokenizer.json", "tokenizer.model"))
