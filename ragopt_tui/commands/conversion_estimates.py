"""What merging, converting and quantising will take, in a sentence; "" where the job says why not."""

from __future__ import annotations

from collections.abc import Sequence

from ragopt_tui.conversion.paces import Paces, compared_size, seconds_needed
from ragopt_tui.conversion.path import bytes_needed, can_be_shipped, result_bytes
from ragopt_tui.conversion.quantisations import OUTPUT_TYPES, QUANTISATIONS
from ragopt_tui.models.record import VariantRecord
from ragopt_tui.models.store import VariantStore
from ragopt_tui.settings import folders
from ragopt_tui.ui.variant_words import size
from ragopt_tui.ui.wording import time_needed

_TYPES = {*OUTPUT_TYPES, *(each.name for each in QUANTISATIONS)}


def of_merging(ids: Sequence[str], *, compared: bool) -> str:
    """Say what merging adapters takes."""
    start, model = _ends(ids[0])
    if model is None:
        return ""
    steps = [("merge", model.facts.parameters or 0)]
    if compared:
        steps.append(("compare", compared_size(start, model)))
    seconds = Paces.of(folders().data).expected_in_all(steps)
    return f"Takes {size(model.bytes)} of disk. {time_needed(seconds)}"


def of_converting(id: str, to: str, *, compared: bool) -> str:
    """Say what converting a model takes; an adapter is converted in seconds."""
    start, _ = _ends(id)
    if start.variant.kind == "adapter" or to not in OUTPUT_TYPES:
        return ""
    return of_path(id, to, compared=compared, importance=False)


def of_path(id: str, to: str, *, compared: bool, importance: bool, keep: bool = False) -> str:
    """Say what the path of a variant to a GGUF of type `to` takes."""
    start, model = _ends(id)
    leads_there = can_be_shipped(start) or start.variant.kind == "gguf"
    if model is None or to not in _TYPES or not leads_there:
        return ""
    path = start, model, to
    needed = bytes_needed(*path, compared=compared)
    stays = bytes_needed(*path, compared=False) if keep else result_bytes(*path)
    seconds = seconds_needed(
        Paces.of(folders().data), *path, compared=compared, importance=importance
    )
    return f"Takes {size(needed)} of disk, then {size(stays)}. {time_needed(seconds)}"


def _ends(id: str) -> tuple[VariantRecord, VariantRecord | None]:
    """Give a variant and the model whose weights it has: the base of an adapter, else itself."""
    store = VariantStore(folders().models)
    start = store.record(id)
    return start, store.known(start.variant.parent) if start.variant.kind == "adapter" else start
