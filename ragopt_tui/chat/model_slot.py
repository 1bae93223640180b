"""The one language model that is in memory, and what its variant writes with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from ragopt_tui.chat.backends import Backend
from ragopt_tui.chat.backends.loading import (
    EndpointPlan,
    LoadPlan,
    change_adapter,
    connect,
    fitted,
    free_unused,
    load_backend,
)
from ragopt_tui.models.generation_defaults import WritingSettings, writing_settings
from ragopt_tui.models.generation_settings import GenerationSettings
from ragopt_tui.models.machine import this_machine
from ragopt_tui.models.model_files import model_files
from ragopt_tui.models.record import VariantRecord
from ragopt_tui.models.store import VariantStore
from ragopt_tui.models.variant import Variant
from ragopt_tui.settings import Settings

OnLoading = Callable[[Variant], None]


@dataclass(frozen=True, slots=True)
class ReadyModel:
    """A variant that can be asked."""

    variant: Variant
    backend: Backend
    writing: WritingSettings


@dataclass(frozen=True, slots=True)
class _Loaded:
    asked: LoadPlan | EndpointPlan
    backend: Backend


class ModelSlot:
    """Holds one model; changing to another frees it first, unless both lie on the same base."""

    def __init__(self, store: VariantStore, settings: Settings) -> None:
        self._store = store
        self._settings = settings
        self._loaded: _Loaded | None = None
        self._failed = False

    def use(self, variant: Variant, on_loading: OnLoading) -> ReadyModel:
        """Give a variant that generates, loaded; `on_loading` is called where that takes time.

        Raises RagoptError if it does not fit in memory or does not load.
        """
        record = self._record(variant)
        plan, writing = self._plan(record), self.writing(variant)
        loaded = self._loaded
        if loaded is None or loaded.asked != plan:
            on_loading(variant)
            loaded = self._loaded = self._changed(variant, plan)
        return ReadyModel(variant, loaded.backend, writing)

    def writing(self, variant: Variant) -> WritingSettings:
        """Give what a variant writes with, without loading it."""
        files = None if variant.path is None else model_files(variant, self._store.find)
        return writing_settings(self._chosen(self._record(variant)), files, self._settings)

    def free(self) -> None:
        """Free the model and all that it has left behind; using a variant loads it again."""
        if self._loaded is not None:
            self.close()
            free_unused()

    def close(self) -> None:
        """Free the model."""
        loaded, self._loaded = self._loaded, None
        if loaded:
            loaded.backend.close()

    def _changed(self, variant: Variant, plan: LoadPlan | EndpointPlan) -> _Loaded:
        loaded = self._loaded
        if isinstance(plan, EndpointPlan):
            self.close()
            return _Loaded(plan, connect(plan))
        if loaded and isinstance(loaded.asked, LoadPlan) and loaded.asked.same_base(plan):
            change_adapter(loaded.backend, plan)
            return replace(loaded, asked=plan)
        self.close()
        if self._failed:
            free_unused()
        self._failed = True
        backend = load_backend(fitted(plan, variant.name, this_machine()))
        self._failed = False
        return _Loaded(plan, backend)

    def _plan(self, record: VariantRecord) -> LoadPlan | EndpointPlan:
        variant, chosen = record.variant, self._chosen(record)
        context = chosen.context_tokens or self._settings.context_tokens
        if variant.kind == "endpoint":
            return EndpointPlan(variant.url, variant.served, record.key_variable, context)
        files = model_files(variant, self._store.find)
        return LoadPlan(
            files,
            files.written(),
            context,
            context_chosen=chosen.context_tokens is not None,
            precision=chosen.precision,
            gpu_layers=chosen.gpu_layers,
            threads=chosen.threads,
            chat_template=self._chat_template(record),
        )

    def _chosen(self, record: VariantRecord) -> GenerationSettings:
        """Give the settings of a variant; an adapter's leave open what those of its base say."""
        base = self._base(record)
        return record.settings.over(base.settings) if base else record.settings

    def _chat_template(self, record: VariantRecord) -> str:
        """Give the template that the user gave the variant, or the base of an adapter."""
        base = self._base(record)
        return record.chat_template or (base.chat_template if base else "")

    def _base(self, record: VariantRecord) -> VariantRecord | None:
        adapter = record.variant.kind == "adapter"
        return self._store.known(record.variant.parent) if adapter else None

    def _record(self, variant: Variant) -> VariantRecord:
        """Give what is known of a variant; one that is not in the library has no settings."""
        return self._store.known(variant.id) or VariantRecord(variant)
