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
from ragopt_tui.chat.backends import Backend, load_backend
from ragopt_tui.chat.figures.verify import with_verified_quotes
from ragopt_tui.chat.follow_up import Earlier, resolve
from ragopt_tui.chat.generate import Cancelled, OnEvent, generate_answer
from ragopt_tui.chat.opened_document import OpenedDocument, open_document, with_exact_lines
from ragopt_tui.chat.quotes import answer_with_quotes
from ragopt_tui.chat.source_changes import source_states, with_sources
from ragopt_tui.errors import RagoptError
from ragopt_tui.knowledge.embedder import load_embedder
from ragopt_tui.knowledge.location import CorruptIndex, IndexLocation
from ragopt_tui.knowledge.passage import Hit
from ragopt_tui.knowledge.retrieve import Retrieval, RetrievalModels, retrieve
from ragopt_tui.models.variant import Variant, resolve_variant
from ragopt_tui.settings import Settings

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
        self._backend: tuple[Variant, Backend] | None = None
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

    def load(self, variant_name: str) -> Backend | None:
        """Make a variant ready to generate, in place of the one before; None for quotes."""
        variant = resolve_variant(variant_name)
        if variant.kind == "quotes":
            return None
        if self._backend and self._backend[0] == variant:
            return self._backend[1]
        if self._backend:
            self._backend[1].close()
            self._backend = None
        backend = load_backend(variant, self._settings)
        self._backend = variant, backend
        return backend

    def search(self, question: str, limit: int) -> list[Hit]:
        """Give the `limit` best passages; raises RagoptError if nothing is indexed yet."""
        return self._retrieve(question, limit).hits

    def _retrieve(self, question: str, limit: int) -> Retrieval:
        with self._reopened_if_damaged():
            index = self._current_index()
            if index is None or index.count() == 0:
                raise RagoptError(
                    f"No documents of {self._docs} are indexed yet.",
                    "Wait for indexing to finish, or start it.",
                )
            return retrieve(question, index, self._retrieval_models(), limit)

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
    ) -> Answer:
        """Answer from the best `passages`, with `status`, `evidence` and `text` events meanwhile.

        `read_as` is what is searched for and answered in the question's place, if not empty.
        Raises Cancelled when `cancelled()` turned true, and RagoptError.
        """
        started = time.monotonic()
        variant = resolve_variant(variant_name)
        on_event("status", {"message": "searching", "fraction": None})
        found = self._retrieve(read_as or question, max(QUOTED_FROM, passages))
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
        answer = with_sources(answer, states).asked_as(question)
        return answer.after(time.monotonic() - started)

    def document(self, file: str) -> OpenedDocument:
        """Read a file of the open folder; raises RagoptError if it is not there or unreadable."""
        return open_document(self._location, file)

    def close(self) -> None:
        """Free the loaded model and the index."""
        self._close_index()
        if self._backend:
            self._backend[1].close()
            self._backend = None

    def _generated(
        self, source: _Source, variant: Variant, on_event: OnEvent, cancelled: Callable[[], bool]
    ) -> Answer:
        evidence = source.found.hits[: source.passages]
        _show_evidence(evidence, on_event)
        if not self._backend or self._backend[0] != variant:
            on_event("status", {"message": f"loading {variant.name}", "fraction": None})
        backend = self.load(variant.id)
        assert backend is not None
        answer = generate_answer(
            source.found.question.text,
            evidence,
            backend,
            variant,
            max_tokens=self._settings.max_answer_tokens,
            index_version=source.version,
            on_event=on_event,
            cancelled=cancelled,
        )
        if answer.refused or answer.unsupported:
            answer = replace(answer, quotes=self._quotes(source))
        return answer

    def _quotes(self, source: _Source) -> Answer:
        return answer_with_quotes(
            source.found,
            threshold=self._settings.refusal_threshold,
            index_version=source.version,
            passages=source.passages,
        )

    def _retrieval_models(self) -> RetrievalModels:
        embedder = self.load_embedder()
        if self._models is None or self._models.embedder is not embedder:
            self._models = RetrievalModels.with_embedder(embedder)
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
    shown = [hit.passage.to_json() | {"score": hit.score} for hit in hits]
    on_event("evidence", {"hits": shown})
    on_event("status", {"message": f"reading {len(shown)} passages", "fraction": None})
