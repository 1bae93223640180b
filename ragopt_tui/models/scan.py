"""Finding models that are on this machine already: in the Hugging Face cache and in folders."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ragopt_tui.errors import RagoptError
from ragopt_tui.models.inspection import absolute
from ragopt_tui.models.inspection_gguf import gguf_parts
from ragopt_tui.models.library_folder import CannotChange
from ragopt_tui.models.store import VariantStore
from ragopt_tui.models.variant import Variant

_ADAPTER_FILES = {"adapter_config.json", "adapter_model.safetensors"}
_PASSED_OVER = (".", "datasets--", "spaces--")
_PICKLED = ("pytorch_model.bin", "pytorch_model.bin.index.json")


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A place that looks like a model and cannot be one, with the reason in a sentence."""

    path: Path
    reason: str


@dataclass(slots=True)
class Scan:
    """What a scan found: variants added now, how many were known, and what was left out."""

    added: list[Variant] = field(default_factory=list)
    known: int = 0
    left_out: list[LeftOut] = field(default_factory=list)


def scan(
    store: VariantStore, folders: Iterable[Path], cancelled: Callable[[], bool] = lambda: False
) -> Scan:
    """Put every model below the folders into the library, the broken ones with their problem.

    What is in the library or its trash already is left as it is. Links to folders are not followed.
    Ends early once `cancelled()` is true.
    """
    known = {record.variant.path for record in store.records()}
    known |= {removed.path for removed in store.trashed()}
    found = Scan()
    for path in (path for folder in folders for path in model_places(absolute(folder))):
        if cancelled():
            break
        if path.is_relative_to(store.folder.path):
            continue
        first = gguf_parts(path)[0]
        if first in known:
            found.known += 1
            continue
        known.add(first)
        _add(store, path, found)
    # Read again, as an adapter may have been found before its base.
    now = {variant.id: variant for variant in store.variants()}
    found.added = [now[variant.id] for variant in found.added if variant.id in now]
    return found


def hub_cache() -> Path:
    """Give the folder of the Hugging Face cache, as HF_HUB_CACHE, HF_HOME or its default have it."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def model_places(folder: Path) -> Iterator[Path]:
    """Give the model folders, adapter folders and GGUF files at and below a folder, by name.

    Nothing is looked for inside of a model's folder but GGUF files.
    """
    for place, folders, files in os.walk(folder):
        names = set(files)
        model = _is_model(names)
        if model:
            yield Path(place)
        for name in sorted(files):
            file = Path(place, name)
            if name.lower().endswith(".gguf") and file == _first_part(file):
                yield file
        # Changed in place, as `os.walk` goes on with what is left in it.
        folders[:] = [] if model else sorted(f for f in folders if not f.startswith(_PASSED_OVER))


def _first_part(file: Path) -> Path:
    return next((part for part in gguf_parts(file) if part.is_file()), file)


def _is_model(names: set[str]) -> bool:
    if names & _ADAPTER_FILES:
        return True
    weights = any(name.endswith((".safetensors", ".safetensors.index.json")) for name in names)
    return "config.json" in names and (weights or any(name in names for name in _PICKLED))


def _add(store: VariantStore, path: Path, found: Scan) -> None:
    try:
        found.added.append(store.add(path, broken=True).variant)
    except CannotChange:
        raise
    except RagoptError as error:
        found.left_out.append(LeftOut(path, error.message))
