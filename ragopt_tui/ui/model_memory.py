"""Which variants fit in the memory of this machine, as far as their files say how large they are."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from typing import TYPE_CHECKING

from ragopt_tui.errors import RagoptError
from ragopt_tui.ui.model_shelf import Entry, Shelf
from ragopt_tui.ui.variant_words import TOO_LARGE, size

if TYPE_CHECKING:
    from ragopt_tui.models.machine import Machine
    from ragopt_tui.models.memory import ModelMeasures
    from ragopt_tui.models.model_files import ModelFiles
    from ragopt_tui.models.variant import Variant


class MemoryEstimates:
    """Measures each variant once, as long as its files stay the same.

    `context_tokens` is the context of a variant whose settings name none. Called in threads.
    """

    def __init__(self, context_tokens: int) -> None:
        self._context_tokens = context_tokens
        self._known: dict[Hashable, ModelMeasures | None] = {}

    def on(self, shelf: Shelf) -> Shelf:
        """Give the shelf with what each variant needs here and what there is."""
        from ragopt_tui.models.machine import this_machine

        machine = this_machine()
        return Shelf(tuple(self._with_memory(entry, shelf, machine) for entry in shelf.entries))

    def _with_memory(self, entry: Entry, shelf: Shelf, machine: Machine) -> Entry:
        files = _files(entry.variant, shelf)
        measures = self._measures(entry, files, machine) if files else None
        if files is None or measures is None:
            return entry
        chosen = entry.record.settings.context_tokens
        tokens = measures.limited(chosen or self._context_tokens)
        # As it is loaded: with less context where that is left open.
        fitting = tokens if chosen or measures.fits(tokens) else measures.fitting_context(tokens)
        need = measures.need(fitting or tokens)
        if not fitting or not measures.fits(fitting):
            return replace(entry, memory=self._why_not(entry, files, machine), fits=False)
        parts = (
            f"{size(need.weights)} weights, {size(need.cache)} for {fitting:,} tokens of context"
        )
        memory = f"Fits here: needs {size(need.total)} ({parts}), {size(measures.has)} are free."
        return replace(entry, memory=memory)

    def by_precision(self, entry: Entry, shelf: Shelf) -> str:
        """Say what a Hugging Face model needs here in each number format; "" for other variants."""
        from ragopt_tui.models.generation_settings import PRECISIONS
        from ragopt_tui.models.machine import this_machine

        machine, files = this_machine(), _files(entry.variant, shelf)
        if files is None or files.gguf:
            return ""
        tokens = entry.record.settings.context_tokens or self._context_tokens
        needs: list[str] = []
        for precision in PRECISIONS[1:]:
            settings = replace(entry.record.settings, precision=precision)
            chosen = replace(entry, record=replace(entry.record, settings=settings))
            if measures := self._measures(chosen, files, machine):
                tokens = measures.limited(tokens)
                mark = "" if measures.fits(tokens) else f" {TOO_LARGE}"
                needs.append(f"{precision} {size(measures.need(tokens).total)}{mark}")
        return f"Needs here with {tokens:,} tokens: {' · '.join(needs)}." if needs else ""

    def _why_not(self, entry: Entry, files: ModelFiles, machine: Machine) -> str:
        from ragopt_tui.models.memory import check_fits

        settings = entry.record.settings
        tokens = settings.context_tokens or self._context_tokens
        try:
            check_fits(entry.variant.name, files, tokens, settings.precision, machine)
        except RagoptError as error:
            return str(error)
        return ""

    def _measures(self, entry: Entry, files: ModelFiles, machine: Machine) -> ModelMeasures | None:
        from ragopt_tui.models.memory import measured

        precision = entry.record.settings.precision
        key = (files, entry.record.files, precision)
        if key not in self._known:
            try:
                self._known[key] = measured(files, precision, machine)
            except (RagoptError, OSError, ValueError):
                self._known[key] = None
        known = self._known[key]
        if known is None:
            return None
        gpus = machine.gpus_of(files.gguf)
        has = sum(gpu.free for gpu in gpus)
        has += machine.available if files.gguf or not gpus else 0
        return replace(known, has=has)


def _files(variant: Variant, shelf: Shelf) -> ModelFiles | None:
    from ragopt_tui.models.model_files import model_files

    def find(id: str) -> Variant:
        base = shelf.find(id)
        if base is None:
            raise RagoptError(f"There is no variant {id!r}.")
        return base.variant

    if variant.path is None or variant.problem:
        return None
    try:
        return model_files(variant, find)
    except RagoptError:
        return None
