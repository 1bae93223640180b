"""A folder of documents that the tests of synchronising change and index again and again."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ragopt_tui.knowledge import sync
from ragopt_tui.knowledge.catalogue import Catalogue, FileRecord
from ragopt_tui.knowledge.embedder import Embedder
from ragopt_tui.knowledge.index import Index
from ragopt_tui.knowledge.location import IndexLocation
from ragopt_tui.knowledge.passage import Passage
from ragopt_tui.knowledge.sync_report import Progress, SyncSummary

if TYPE_CHECKING:
    from ragopt_tui.knowledge.embedder import Vectors


def report_on(company: str, *facts: str) -> str:
    """Give a document with one section, and so at least one passage, for each fact."""
    sections = [f"## Section {n}\n\n{company} says: {fact}" for n, fact in enumerate(facts, 1)]
    return "\n\n".join([f"# {company} annual report 2023", *sections]) + "\n"


@dataclass(slots=True)
class Spy:
    """The real embedder, noting what it was asked to embed."""

    real: Embedder
    texts: list[str] = field(default_factory=list)

    @property
    def identity(self) -> str:
        return self.real.identity

    @property
    def dimensions(self) -> int:
        return self.real.dimensions

    @property
    def max_tokens(self) -> int:
        return self.real.max_tokens

    def count_tokens(self, texts: list[str]) -> list[int]:
        return self.real.count_tokens(texts)

    def embed(self, texts: list[str], after_batch: Callable[[int], None] | None = None) -> Vectors:
        self.texts.extend(texts)
        return self.real.embed(texts, after_batch)

    def embed_query(self, text: str) -> Vectors:
        return self.real.embed_query(text)


@dataclass(slots=True)
class Library:
    """Documents, their index, and what the last synchronisation did."""

    docs: Path
    spy: Spy
    loads: int = 0
    progress: list[Progress] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def put(self, name: str | bytes, text: str) -> Path:
        path = Path(os.fsdecode(os.fsencode(self.docs) + b"/" + os.fsencode(name)))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def load(self, _name: str) -> Embedder:
        self.loads += 1
        return self.spy

    def sync(
        self, rebuild: bool = False, report: Callable[[Progress], None] | None = None
    ) -> SyncSummary:
        self.loads = 0
        self.spy.texts.clear()
        self.progress.clear()
        self.said.clear()
        return sync.synchronise(
            self.docs, "builtin", report or self.progress.append, rebuild, self.said.append
        )

    @property
    def location(self) -> IndexLocation:
        return IndexLocation.of(self.docs)

    def records(self) -> dict[str, FileRecord]:
        file = self.location.catalogue_file
        assert file is not None
        with Catalogue(file, read_only=True) as catalogue:
            assert catalogue.pending() == set()
            return {record.file: record for record in catalogue.records()}

    def passages(self, file: str) -> list[Passage]:
        index = Index.open(self.location)
        try:
            return index.passages_of(file)
        finally:
            index.close()

    def count(self) -> int:
        index = Index.open(self.location)
        try:
            return index.count()
        finally:
            index.close()

    def top(self, question: str, limit: int = 1) -> list[str]:
        """Give the files of the best passages for a question."""
        index = Index.open(self.location)
        try:
            hits = index.search(self.spy.embed_query(question), question, limit)
            return [hit.passage.file for hit in hits]
        finally:
            index.close()

    def is_consistent(self) -> bool:
        """Whether table and catalogue agree on every passage."""
        records = self.records()
        held = {name: len(self.passages(name)) for name, r in records.items() if r.passages}
        return held == {n: r.passages for n, r in records.items() if r.passages} and (
            self.count() == sum(held.values())
        )
