"""The whole path from an adapter or a model to a GGUF in the quantisation asked for."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from ragopt_tui.conversion import steps
from ragopt_tui.conversion.convert import check_convertible
from ragopt_tui.conversion.path import between, bytes_needed, steps_between
from ragopt_tui.conversion.quantisations import OUTPUT_TYPES, quantisation
from ragopt_tui.conversion.steps import Check, Onto, Workshop
from ragopt_tui.errors import RagoptError
from ragopt_tui.models.memory import size_text
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
    check: Check | None = None,
) -> VariantRecord:
    """Take a variant through all steps that it needs to become a GGUF of type `to`.

    `check` looks at what each step made, and ends the path where it is broken. What stands between
    is removed at the end, unless `keep` or it was in the library before; it stays where the path
    ends early. Raises RagoptError before work starts where the path cannot be walked to its end,
    and what `check` raises; JobCancelled.
    """
    start = steps.check_step(shop, id)
    wanted = to.upper() if to.upper() in OUTPUT_TYPES else quantisation(to).name
    if start.variant.kind not in ("adapter", "base", "merged", "gguf"):
        raise RagoptError(
            f"{start.variant.name} cannot be made a GGUF file.",
            "Adapters with their base, models in 16 or 32 bits and GGUF files in these can.",
        )
    if start.variant.kind == "gguf" and start.facts.quantisation != wanted:
        steps.check_quantisable(start, wanted)
    model = _check_path(shop, start, wanted, compared=check is not None)
    walk = _Walk(shop, steps_between(start, model, wanted), keep, check)
    now = start
    if now.variant.kind == "adapter":
        now = walk.step(lambda: steps.merged(shop, [(id, 1.0)], onto))
    if now.variant.kind in ("base", "merged"):
        source, output = now.variant.id, between(now, wanted)
        now = walk.step(lambda: steps.converted(shop, source, output), last=output == wanted)
    if now.facts.quantisation != wanted:
        source = now.variant.id
        now = walk.step(lambda: steps.quantised(shop, source, wanted, documents), last=True)
    if walk.between:
        now = _cleaned_up(shop, now.variant.id, id, walk.between)
    return now


class _Walk:
    """The steps of a path, each followed by its check: a stage each."""

    def __init__(self, shop: Workshop, steps: int, keep: bool, check: Check | None) -> None:
        self.between: list[str] = []
        self._shop, self._keep, self._check = shop, keep, check
        self._stages = steps * 2 if check else steps
        self._stage = 0

    def step(self, make: Callable[[], VariantRecord], *, last: bool = False) -> VariantRecord:
        """Take a step; what it makes is noted as standing in between unless it is the `last`."""
        self._begin_stage()
        record = make()
        made_for_this = _INTERMEDIATE in record.tags or record.variant.id in self._shop.new
        if not last and not self._keep and made_for_this:
            # Before it is checked, so that a path that goes on later knows it as such.
            record = self._shop.store.tag(record.variant.id, (_INTERMEDIATE,))
            self.between.append(record.variant.id)
        if self._check is not None:
            self._begin_stage()
            self._check(record)
        return record

    def _begin_stage(self) -> None:
        self._stage += 1
        self._shop.report.begin_stage(self._stage, self._stages)


def _cleaned_up(shop: Workshop, id: str, origin: str, between: Sequence[str]) -> VariantRecord:
    """Set what was made on what the path began with, and remove what stands between."""
    shop.store.keep_earlier_verifications(id, between)
    record = shop.store.set_parent(id, origin)
    for each in between:
        shop.store.remove(each)
        shop.store.purge(each)
    return record


def _check_path(shop: Workshop, start: VariantRecord, to: str, *, compared: bool) -> VariantRecord:
    """Give the model that is converted; raises RagoptError if the path does not lead to its end."""
    is_adapter = start.variant.kind == "adapter"
    model = steps.common_base(shop.store, [start]) if is_adapter else start
    needed = bytes_needed(start, model, to, compared=compared)
    shop.store.folder.path.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(shop.store.folder.path).free
    if free < needed:
        raise RagoptError(
            f"The way to {to} needs about {size_text(needed)}; {shop.store.folder.path} has "
            f"{size_text(free)}.",
            "Free some space, or set RAGOPT_HOME to a larger disk.",
        )
    if start.variant.kind != "gguf":
        check_convertible(shop.converter(), Path(str(model.variant.path)))
    return model
