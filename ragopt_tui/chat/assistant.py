"""One folder of documents and the ways to answer from it, in the process that calls it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ragopt_tui.chat.answer import Answer
from ragopt_tui.chat.backends import DamagedModel
from ragopt_tui.chat.differences import with_differences
from ragopt_tui.chat.figures.verify import with_verified_quotes
from ragopt_tui.chat.follow_up import Earlier, resolve
from ragopt_tui.chat.generate import Cancelled, OnEvent, generate_answer
from ragopt_tui.chat.model_slot import ModelSlot, ReadyModel
from ragopt_tui.chat.opened_document import OpenedDocument, open_document, with_exact_lines
from ragopt_tui.chat.other_scope import with_scope
from ragopt_tui.chat.quotes import answer_with_quotes
from ragopt_tui.chat.source_changes import source_states, with_sources
from ragopt_tui.errors import RagoptError
from ragopt_tui.knowledge.candidates import Without
from ragopt_tui.knowledge.embedder import load_embedder
from ragopt_tui.knowledge.location import CorruptIndex, IndexLocation
from ragopt_tui.knowledge.passage import Hit
from ragopt_tui.knowledge.reading import read
from ragopt_tui.knowledge.retrieval_models import RetrievalModels
from ragopt_tui.knowledge.retrieve import Retrieval, retrieve
from ragopt_tui.models.generation_defaults import WritingSettings
from ragopt_tui.models.store import VariantStore
from ragopt_tui.models.variant import Variant
from ragopt_tui.settings import Settings, folders

if TYPE_CHECKING:
    from ragopt_tui.knowledge.embedder import Embedder
    from ragopt_tui.knowledge.index import Index

QUOTED_FROM = 20
"""How many of the best passages may be quoted, at least."""


@dataclass(frozen=True, slots=True)
class IndexState:
    """What the index of the open folder serves; `version` is empty while there is none."""

    version: str
    passages: int


@dataclass(frozen=True, slots=True)
class _Source:
    """What an answer is made from: the first `passages` found, of one version of the index."""

    found: Retrieval
    passages: int
    version: str
    read: Retrieval | None = None
    """What was found, with its best units read, once that was needed."""


class Assistant:
    """Retrieves from the index of one folder and answers; models stay loaded between questions.

    Not for several threads, except `load_embedder`.
    """

    def __init__(self, docs: Path, settings: Settings, embedder: str = "") -> None:
        """Open the folder `docs`; raises RagoptError if it is none."""
        self._settings = settings
        self._embedders: dict[str, Embedder] = {}
        self._models: RetrievalModels | None = None
        self._loading = threading.Lock()
        self._variants = VariantStore(folders().models)
        self._slot = ModelSlot(self._variants, settings)
        self._index: Index | None = None
        self.open(docs, embedder or settings.embedder)

    def open(self, docs: Path, embedder: str) -> None:
        """Use the index of another folder; `embedder` is the one for a folder without index."""
        if not docs.is_dir():
            raise RagoptError(f"{docs} is not a folder.", "Give a folder of documents.")
        self._docs = docs.resolve()
        self._embedder_name = embedder
        self._location = IndexLocation.of(docs)
        self._close_index()

    def index_state(self) -> IndexState:
        """Give the version and the number of passages that a question would be answered from.

        Raises CorruptIndex if the index is damaged.
        """
        with self._reopened_if_damaged():
            index = self._current_index()
            return IndexState(index.version, index.count()) if index else IndexState("", 0)

    def load_embedder(self) -> Embedder:
        """Load the embedder that the index was made with, once."""
        manifest = self._location.manifest()
        name = manifest.embedder if manifest else self._embedder_name
        with self._loading:
            if name not in self._embedders:
                self._embedders = {name: load_embedder(name)}
            embedder = self._embedders[name]
        if manifest and manifest.identity != embedder.identity:
            raise RagoptError(
                f"The index of {self._docs} was made with another version of the embedder {name}.",
                "Index the folder again.",
            )
        return embedder

    def load(self, variant_name: str, on_event: OnEvent) -> None:
        """Make a variant ready to generate, in place of the one before; quotes always are.

        A `status` event says so where that takes time. Raises RagoptError if it cannot be loaded.
        """
        variant = self._variants.answering(variant_name)
        if variant.kind != "quotes":
            self._ready(variant, on_event)

    def writing(self, variant_name: str) -> WritingSettings | None:
        """Give what a variant writes with; None for quotes, which write nothing."""
        variant = self._variants.answering(variant_name)
        return None if variant.kind == "quotes" else self._slot.writing(variant)

    def search(self, question: str, limit: int, without: Without = ()) -> Retrieval:
        """Find the `limit` best passages; raises RagoptError if nothing is indexed yet.

        `without` are the companies and periods of the question that are not to be kept to.
        """
        with self._reopened_if_damaged():
            index = self._current_index()
            if index is None or index.count() == 0:
                raise RagoptError(
                    f"No documents of {self._docs} are indexed yet.",
                    "Wait for indexing to finish, or start it.",
                )
            return retrieve(question, index, self._retrieval_models(), limit, without)

    def read_as(self, question: str, earlier: Sequence[Earlier]) -> str:
        """Give a question as it is read after others, oldest first: itself unless it follows up."""
        if not earlier:
            return question
        with self._reopened_if_damaged():
            index = self._current_index()
            return resolve(question, earlier, index.companies() if index else ())

    def ask(
        self,
        question: str,
        variant_name: str,
        passages: int,
        on_event: OnEvent,
        cancelled: Callable[[], bool],
        read_as: str = "",
        without: Without = (),
    ) -> Answer:
        """Answer from the best `passages`; `status`, `filters`, `evidence` and `text` come meanwhile.

        `read_as` is what is searched for and answered in the question's place, if not empty;
        `without` are the companies and periods in it that are not to be kept to.
        Raises Cancelled when `cancelled()` turned true, and RagoptError.
        """
        started = time.monotonic()
        variant = self._variants.answering(variant_name)
        on_event("status", {"message": "searching", "fraction": None})
        found = self.search(read_as or question, max(QUOTED_FROM, passages), without)
        on_event("filters", {"filters": [each.to_json() for each in found.filters]})
        source = _Source(found, passages, self.index_state().version)
        states = source_states(self._location, found.hits)
        if cancelled():
            raise Cancelled
        if variant.kind == "quotes":
            answer = self._quotes(source)
            _show_evidence(answer.evidence, on_event)
            on_event("text", {"text": answer.text})
        else:
            answer = self._generated(source, variant, on_event, cancelled)
        if cancelled():
            raise Cancelled
        answer = with_exact_lines(with_verified_quotes(answer), self._location)
        answer = with_scope(answer, found.filters)
        answer = with_sources(answer, states).asked_as(question)
        return answer.after(time.monotonic() - started)

    def document(self, file: str) -> OpenedDocument:
        """Read a file of the open folder; raises RagoptError if it is not there or unreadable."""
        return open_document(self._location, file)

    def free_model(self) -> None:
        """Free the loaded model; the next question loads it again."""
        self._slot.free()

    def close(self) -> None:
        """Free the loaded model and the index."""
        self._close_index()
        self._slot.close()

    def _generated(
        self, source: _Source, variant: Variant, on_event: OnEvent, cancelled: Callable[[], bool]
    ) -> Answer:
        from_builtin = self._variants.from_builtin(variant)
        if from_builtin:
            source = replace(source, read=self._read(source))
        found = source.read or source.found
        evidence = found.hits[: source.passages]
        _show_evidence(evidence, on_event)
        ready = self._ready(variant, on_event)
        with self._marked_if_damaged(variant):
            answer = generate_answer(
                found.question.text,
                evidence,
                ready.backend,
                variant,
                writing=ready.writing,
                index_version=source.version,
                on_event=on_event,
                cancelled=cancelled,
                units=found.units,
                from_builtin=from_builtin,
            )
        if answer.refused or answer.unsupported:
            return replace(answer, quotes=self._quotes(source))
        return with_differences(answer, source.found.hits)

    def _ready(self, variant: Variant, on_event: OnEvent) -> ReadyModel:
        def on_loading(loading: Variant) -> None:
            # Should the process die meanwhile, the interface knows of what.
            on_event(
                "status",
                {"message": f"loading {loading.name}", "fraction": None, "loading": loading.id},
            )

        with self._marked_if_damaged(variant):
            return self._slot.use(variant, on_loading)

    @contextmanager
    def _marked_if_damaged(self, variant: Variant) -> Iterator[None]:
        """Keep with a variant of the library that its files hold no working model."""
        try:
            yield
        except DamagedModel as error:
            self._slot.close()
            if self._variants.known(variant.id):
                self._variants.mark(variant.id, error.message)
            raise

    def _quotes(self, source: _Source) -> Answer:
        answer = answer_with_quotes(
            self._read(source),
            threshold=self._settings.refusal_threshold,
            index_version=source.version,
            passages=source.passages,
        )
        return with_differences(answer, source.found.hits)

    def _read(self, source: _Source) -> Retrieval:
        return source.read or read(source.found, self._retrieval_models())

    def _retrieval_models(self) -> RetrievalModels:
        embedder = self.load_embedder()
        if self._models is None or self._models.embedder is not embedder:
            self._models = RetrievalModels(embedder, self._settings.cross_encoder)
        return self._models

    def _current_index(self) -> Index | None:
        """Open the index, which then follows its newest version; None while there is none."""
        if self._index is None and self._location.manifest() is not None:
            from ragopt_tui.knowledge.index import Index

            self._index = Index.open(self._location)
        return self._index

    @contextmanager
    def _reopened_if_damaged(self) -> Iterator[None]:
        """Let go of a damaged index, so that the one built in its place is found."""
        try:
            yield
        except CorruptIndex:
            self._close_index()
            raise

    def _close_index(self) -> None:
        if self._index is not None:
            self._index.close()
            self._index = None


def _show_evidence(hits: Sequence[Hit], on_event: OnEvent) -> None:
    shown = [hit.to_json() for hit in hits]
    on_event("evidence", {"hits": shown})
    on_event("status", {"message": f"reading {len(shown)} passages", "fraction": None})
