"""From records of the library to the sides of a comparison, and what kind of step lies between."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ragopt_tui.conversion.adapted_model import Adapter
from ragopt_tui.conversion.nf4 import Nf4
from ragopt_tui.conversion.quantisations import OUTPUT_TYPES
from ragopt_tui.errors import RagoptError
from ragopt_tui.models.machine import this_machine
from ragopt_tui.models.model_files import ModelFiles, is_gguf, model_files
from ragopt_tui.models.record import VariantRecord
from ragopt_tui.models.store import VariantStore
from ragopt_tui.models.weights import adapter_bytes, gguf_bytes
from ragopt_tui.verification.report import Step
from ragopt_tui.verification.sides import Pulse, Side
from ragopt_tui.verification.sides_gguf import GgufSide

if TYPE_CHECKING:
    from ragopt_tui.verification.sides_transformers import LiveBase
    from ragopt_tui.verification.slices import Sliceable

_NUMBER_BYTES = 4
_NF4_BYTES = 0.6
_MEMORY_SHARE = 0.85
_OVERHEAD = 600 << 20


def step_of(child: VariantRecord, parent: VariantRecord) -> Step:
    """Name the step from parent to child, as it was made here or else by their kinds."""
    made = child.made or {}
    if _is_gguf(child) and child.variant.kind == "adapter":
        return "adapter gguf"
    if _is_gguf(child):
        # What stood between may be gone, so that the parent is one of long before.
        whole = child.facts.quantisation in OUTPUT_TYPES and not _is_gguf(parent)
        return "convert" if whole and made.get("step") != "quantise" else "quantise"
    return "merge" if parent.variant.kind == "adapter" else "import"


def kind_of(store: VariantStore, child: VariantRecord, parent: VariantRecord) -> str:
    """Give the row of the thresholds that a child is measured by."""
    if _is_gguf(child):
        weights = child
        if child.variant.kind == "adapter":
            weights = store.known(child.variant.parent) or child
        return weights.facts.quantisation or "F16"
    if (child.made or {}).get("step") != "merge":
        return "import"
    return "merge nf4" if _onto_nf4(child, parent) else "merge"


def open_child(store: VariantStore, child: VariantRecord, pulse: Pulse) -> Side:
    """Open what is verified; raises RagoptError where it cannot be run here."""
    return _open(store, child, pulse, ())


def open_parent(
    store: VariantStore, child: VariantRecord, parent: VariantRecord, pulse: Pulse
) -> Side:
    """Open what it was made from: for a merge, base and adapters live as they were trained.

    Raises RagoptError where it cannot be run here.
    """
    from ragopt_tui.verification.sides_transformers import LiveBase

    held = LiveBase(nf4=True) if _onto_nf4(child, parent) else None
    return _open(store, parent, pulse, adapters_of(store, child, parent), held)


def adapters_of(
    store: VariantStore, child: VariantRecord, parent: VariantRecord
) -> tuple[Adapter, ...]:
    """Give the adapters that act in the parent, with their weights; none where it is a whole model.

    Raises RagoptError if one is gone.
    """
    if parent.variant.kind != "adapter" or _is_gguf(parent):
        return ()
    weighted = (child.made or {}).get("adapters") or ()
    if any(id == parent.variant.id for id, _ in weighted):
        return tuple(Adapter(_path(store.record(id)), float(weight)) for id, weight in weighted)
    return (Adapter(_path(parent)),)


def child_slices(
    store: VariantStore, child: VariantRecord, scratch: Path, pulse: Pulse
) -> Sliceable | None:
    """Give the layers of what is verified to be run alone, None for an adapter."""
    return _slices(store, child, scratch, pulse, (), None)


def parent_slices(
    store: VariantStore, child: VariantRecord, parent: VariantRecord, scratch: Path, pulse: Pulse
) -> Sliceable | None:
    """Give the layers of what it was made from, with its adapters merged as PEFT does."""
    onto = Nf4() if _onto_nf4(child, parent) else None
    return _slices(store, parent, scratch, pulse, adapters_of(store, child, parent), onto)


def _slices(
    store: VariantStore,
    record: VariantRecord,
    scratch: Path,
    pulse: Pulse,
    adapters: tuple[Adapter, ...],
    onto: Nf4 | None,
) -> Sliceable | None:
    from ragopt_tui.chat.backends.llama_cpp import usable_cores
    from ragopt_tui.verification.slices import FolderSlices, GgufSlices

    files = files_of(store, record)
    if files.gguf:
        return None if files.adapter else GgufSlices(files.base, scratch, usable_cores(), pulse)
    return FolderSlices(files.base, adapters, onto)


def files_of(store: VariantStore, record: VariantRecord) -> ModelFiles:
    """Give the files that a variant is run from; raises RagoptError if they are not there."""
    return model_files(record.variant, store.find)


def fits_whole(
    store: VariantStore, child: VariantRecord, parent: VariantRecord, limit: int | None = None
) -> bool:
    """Whether each of both sides has room in memory by itself, computed in 32 bits.

    `limit` is the memory in bytes, else what is free now.
    """
    room = (limit if limit is not None else this_machine().available) * _MEMORY_SHARE
    return max(_need(store, record) for record in (child, parent)) + _OVERHEAD <= room


def _need(store: VariantStore, record: VariantRecord) -> float:
    files = files_of(store, record)
    if files.gguf:
        return gguf_bytes(files.base) + (gguf_bytes(files.adapter) if files.adapter else 0)
    stored = sum(file.stat().st_size for file in files.base.glob("*.safetensors"))
    narrow = 1 if _stored_wide(store, record) else 2
    return stored * narrow + (adapter_bytes(files.adapter, _NUMBER_BYTES) if files.adapter else 0)


def _stored_wide(store: VariantStore, record: VariantRecord) -> bool:
    base = record
    if record.variant.kind == "adapter":
        base = store.known(record.variant.parent) or record
    return base.facts.dtype == "fp32"


def _open(
    store: VariantStore,
    record: VariantRecord,
    pulse: Pulse,
    adapters: Sequence[Adapter],
    held: LiveBase | None = None,
) -> Side:
    files = files_of(store, record)
    template = record.chat_template or _template_of_base(store, record)
    if files.gguf:
        from ragopt_tui.chat.backends.llama_cpp import usable_cores

        return GgufSide(
            files.base,
            adapter=files.adapter,
            template=template,
            threads=usable_cores(),
            pulse=pulse,
        )
    from ragopt_tui.verification.sides_transformers import TransformersSide

    own = (Adapter(files.adapter),) if files.adapter else ()
    return TransformersSide(
        files.base, adapters=adapters or own, held=held, template=template, pulse=pulse
    )


def _template_of_base(store: VariantStore, record: VariantRecord) -> str:
    if record.variant.kind != "adapter":
        return ""
    base = store.known(record.variant.parent)
    return base.chat_template if base else ""


def _onto_nf4(child: VariantRecord, parent: VariantRecord) -> bool:
    made = child.made or {}
    return parent.variant.kind == "adapter" and made.get("onto") == "nf4"


def _is_gguf(record: VariantRecord) -> bool:
    return record.variant.path is not None and is_gguf(record.variant.path)


def _path(record: VariantRecord) -> Path:
    if record.variant.path is None:
        raise RagoptError(f"{record.variant.name} has no files.")
    return record.variant.path
