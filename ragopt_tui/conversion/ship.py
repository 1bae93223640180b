"""The whole path from an adapter or a model to a GGUF in the quantisation asked for."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from ragopt_tui.conversion import steps
from ragopt_tui.conversion.convert import check_convertible
from ragopt_tui.conversion.path import between, bytes_needed
from ragopt_tui.conversion.quantisations import OUTPUT_TYPES, quantisation
from ragopt_tui.conversion.steps import Onto, Workshop
from ragopt_tui.errors import RagoptError
from ragopt_tui.models.record import VariantRecord

_INTERMEDIATE = "intermediate"


def ship(
    shop: Workshop,
    id: str,
    to: str,
    *,
    onto: Onto = "original",
    documents: Sequence[str] = (),
    keep: bool = False,
) -> VariantRecord:
    """Take a variant through all steps that it needs to become a GGUF of type `to`.

    What stands between is removed at the end, unless `keep` or it was in the library before.
    Raises RagoptError before work starts where the path cannot be walked to its end; JobCancelled.
    """
    start = steps.check_step(shop, id)
    wanted = to.upper() if to.upper() in OUTPUT_TYPES else quantisation(to).name
    if start.variant.kind not in ("adapter", "base", "merged", "gguf"):
        raise RagoptError(f"{start.variant.name} cannot be made a GGUF file.")
    _check_path(shop, start, wanted)
    intermediates: list[VariantRecord] = []
    now = start
    if now.variant.kind == "adapter":
        now = steps.merged(shop, [(id, 1.0)], onto)
        _note(shop, now, intermediates, keep)
    if now.variant.kind in ("base", "merged"):
        output = between(now, wanted)
        now = steps.converted(shop, now.variant.id, output)
        if output != wanted:
            _note(shop, now, intermediates, keep)
    if now.facts.quantisation != wanted:
        now = steps.quantised(shop, now.variant.id, wanted, documents)
    if not keep and intermediates:
        now = shop.store.set_parent(now.variant.id, id)
        for record in intermediates:
            shop.store.remove(record.variant.id)
            shop.store.purge(record.variant.id)
    return now


def _check_path(shop: Workshop, start: VariantRecord, to: str) -> None:
    is_adapter = start.variant.kind == "adapter"
    model = steps.common_base(shop.store, [start]) if is_adapter else start
    needed = bytes_needed(start, model, to)
    shop.store.folder.path.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(shop.store.folder.path).free
    if free < needed:
        raise RagoptError(
            f"The way to {to} needs about {needed / 1e9:.1f} GB; {shop.store.folder.path} has "
            f"{free / 1e9:.1f} GB.",
            "Free some space, or set RAGOPT_HOME to a larger disk.",
        )
    if start.variant.kind != "gguf":
        check_convertible(shop.converter(), Path(str(model.variant.path)))


def _note(shop: Workshop, record: VariantRecord, between: list[VariantRecord], keep: bool) -> None:
    """Note a variant that stands between, if it was made only for that."""
    if not keep and (_INTERMEDIATE in record.tags or record.variant.id in shop.new):
        between.append(shop.store.tag(record.variant.id, (_INTERMEDIATE,)))
