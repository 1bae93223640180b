"""Reading an index: hybrid search over the passages of a folder, as of its newest version."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, Self, TypeVar

import pyarrow as pa

from ragopt_tui.errors import RagoptError
from ragopt_tui.knowledge.catalogue import Catalogue
from ragopt_tui.knowledge.fiscal_period import Period
from ragopt_tui.knowledge.known_scopes import DocumentScope, KnownScopes
from ragopt_tui.knowledge.location import CorruptIndex, Generation, IndexLocation, Manifest
from ragopt_tui.knowledge.passage import Hit, Passage
from ragopt_tui.knowledge.passage_table import (
    PASSAGE_COLUMNS,
    VECTOR_INDEX,
    Query,
    Table,
    any_of,
    by_meaning,
    by_words,
    open_table,
    passages_from,
)
from ragopt_tui.knowledge.search_text import query_words

if TYPE_CHECKING:
    from ragopt_tui.knowledge.embedder import Vectors

T = TypeVar("T")
Ranked = TypeVar("Ranked", bound=Hashable)

Ranking = list[tuple[int, float]]
"""Rows of the table and their scores, best first."""

__all__ = ["CorruptIndex", "Index", "Ranking"]

RANK_CONSTANT = 60
"""Reciprocal rank fusion adds 1 / (RANK_CONSTANT + rank) of each list, ranks counted from 1."""

_DEPTH = 60
"""How many passages each of the two searches gives at least."""

_PROBES = 32
"""How many partitions of the vector index are searched."""

_SEARCHES_AT_ONCE = 4

_OPENING_ATTEMPTS = 5

_DAMAGE = (RuntimeError, ValueError, OSError, pa.ArrowException)
"""What lancedb raises where files are damaged or gone."""


class Index:
    """A folder's index, open for reading; each search sees what was written before it.

    Its methods raise CorruptIndex where files turn out to be damaged. One search at a time.
    """

    def __init__(self, location: IndexLocation) -> None:
        self._location = location
        self._threads = ThreadPoolExecutor(
            max_workers=_SEARCHES_AT_ONCE, thread_name_prefix="search"
        )
        self._lock: BinaryIO | None = None
        self._manifest: Manifest | None = None
        self._table: Table = None
        self._has_vector_index = False
        self._version = 0
        self._scopes: tuple[str, KnownScopes] | None = None
        self._follow()

    @classmethod
    def open(cls, location: IndexLocation) -> Self:
        """Open the serving generation; raises RagoptError if there is none, CorruptIndex."""
        return cls(location)

    @property
    def version(self) -> str:
        """What an answer names as its source: generation and version, like `g1.v14`."""
        self._follow()
        assert self._manifest is not None
        return f"g{self._manifest.generation}.v{self._version}"

    def count(self) -> int:
        """Give the number of passages."""
        self._follow()
        return int(self._ask(self._table.count_rows))

    def search(
        self,
        vector: Vectors | None,
        text: str,
        limit: int,
        *,
        where: Mapping[str, Sequence[str]] | None = None,
    ) -> list[Hit]:
        """Give the `limit` best passages by reciprocal rank fusion of meaning and words.

        `vector` is a unit vector of shape (dimensions,), or None to go by words alone; a text
        without words goes by meaning alone. `where` keeps passages whose `file`, `company`,
        `period`, `form` or `kind` is one of some values.
        """
        return self.hits(self.rankings(vector, text, limit, [where or {}])[0])

    def rankings(
        self,
        vector: Vectors | None,
        text: str,
        limit: int,
        wheres: Sequence[Mapping[str, Sequence[str]]],
    ) -> list[Ranking]:
        """Search as `search` does, at once for several `wheres`; `hits` gives the passages."""
        self._follow()
        words, depth = query_words(text), max(_DEPTH, limit)
        searches: list[Callable[[], list[int]]] = []
        for where in wheres:
            condition = " AND ".join(any_of(name, values) for name, values in where.items())
            searches.append(partial(self._by_meaning, vector, depth, condition))
            searches.append(partial(self._by_words, words, depth, condition))
        found = list(self._threads.map(self._ask, searches))
        return [fuse(found[at : at + 2])[:limit] for at in range(0, len(found), 2)]

    def hits(self, ranking: Ranking) -> list[Hit]:
        """Give the passages of a ranking, whose rows are those of the version last searched."""
        if not ranking:
            return []
        query = self._table.take_row_ids([row for row, _ in ranking])
        rows: pa.Table = self._ask(query.select(list(PASSAGE_COLUMNS)).with_row_id().to_arrow)
        found = dict(zip(rows["_rowid"].to_pylist(), passages_from(rows), strict=True))
        return [Hit(found[row], score) for row, score in ranking]

    def companies(self) -> frozenset[str]:
        """Give the names of the companies that the indexed documents are about."""
        return frozenset(d.company for d in self.scopes().documents if d.company)

    def periods(self) -> dict[str, Period]:
        """Give the periods that the indexed documents are about, by how profiles write them."""
        return self.scopes().periods

    def scopes(self) -> KnownScopes:
        """Give which companies and periods each indexed document is about."""
        version = self.version
        if self._scopes is None or self._scopes[0] != version:
            names = ["file", "company", "period"]
            column = self._ask(lambda: self._table.search().select(names).to_arrow())
            rows = column.group_by(names).aggregate([]).to_pylist()
            documents = sorted((DocumentScope(**row) for row in rows), key=lambda d: d.file)
            self._scopes = version, KnownScopes(documents)
        return self._scopes[1]

    def passages_of(self, file: str) -> list[Passage]:
        """Give a file's passages in the order of its text."""
        self._follow()
        query = self._table.search().where(any_of("file", [file])).select(list(PASSAGE_COLUMNS))
        return sorted(passages_from(self._ask(query.to_arrow)), key=lambda p: p.char_start)

    def passages_with(self, ids: Sequence[str]) -> list[Passage]:
        """Give the passages with some ids, in no order; ids that there are not are left out."""
        if not ids:
            return []
        self._follow()
        query = self._table.search().where(any_of("id", ids)).select(list(PASSAGE_COLUMNS))
        return passages_from(self._ask(query.limit(len(ids)).to_arrow))

    def close(self) -> None:
        """Let go of the files, so that an outdated generation can be deleted."""
        self._threads.shutdown()
        self._table = None
        if self._lock is not None:
            self._lock.close()

    def _by_meaning(self, vector: Vectors | None, depth: int, condition: str) -> list[int]:
        if vector is None:
            return []
        query = by_meaning(self._table, vector)
        if self._has_vector_index:
            query = query.nprobes(_PROBES)
        return _row_ids(query, "_distance", depth, condition)

    def _by_words(self, words: str, depth: int, condition: str) -> list[int]:
        if not words:
            return []
        return _row_ids(by_words(self._table, words), "_score", depth, condition)

    def _follow(self) -> None:
        """See the newest version of the serving generation."""
        manifest = self._location.manifest()
        if manifest is None:
            raise RagoptError(f"There is no index of {self._location.docs} yet.", "Index it first.")
        if manifest != self._manifest:
            self._open_serving()
            return
        self._ask(self._table.checkout_latest)
        if self._table.version != self._version:
            self._look_for_vector_index()

    def _open_serving(self) -> None:
        for _ in range(_OPENING_ATTEMPTS):
            manifest = self._location.manifest()
            if manifest is None:
                break
            generation = self._location.generation(manifest.generation)
            lock = _share(generation)
            # It may have been replaced, and be about to be deleted, before it was locked.
            if lock is not None and self._location.manifest() == manifest:
                self._use(manifest, generation, lock)
                return
            if lock is not None:
                lock.close()
            elif self._location.manifest() == manifest:
                raise CorruptIndex(generation.folder, "its files are missing")
        raise RagoptError(
            f"The index of {self._location.docs} is being replaced just now.", "Try again."
        )

    def _use(self, manifest: Manifest, generation: Generation, lock: BinaryIO) -> None:
        if self._lock is not None:
            self._lock.close()
        self._lock = lock
        self._manifest = None
        self._table = self._ask(lambda: open_table(generation.folder), generation)
        with Catalogue(generation.catalogue_file, read_only=True) as catalogue:
            catalogue.fact("")
        self._look_for_vector_index()
        self._manifest = manifest

    def _look_for_vector_index(self) -> None:
        names = [index.name for index in self._ask(self._table.list_indices)]
        self._has_vector_index = VECTOR_INDEX in names
        self._version = self._table.version

    def _ask(self, question: Callable[[], T], generation: Generation | None = None) -> T:
        try:
            return question()
        except BaseException as error:
            # lancedb's Rust side panics on some damage, and a panic is no Exception.
            panicked = type(error).__name__ == "PanicException"
            if not panicked and not isinstance(error, _DAMAGE):
                raise
            folder = generation.folder if generation else self._location.folder
            raise CorruptIndex(folder, str(error).partition("\n")[0][:200]) from error


def fuse(rankings: Sequence[Sequence[Ranked]]) -> list[tuple[Ranked, float]]:
    """Give rows and scores of several rankings as one, by reciprocal rank fusion, best first."""
    scores: dict[Ranked, float] = {}
    for ranking in rankings:
        for rank, row in enumerate(ranking, start=1):
            scores[row] = scores.get(row, 0.0) + 1.0 / (RANK_CONSTANT + rank)
    return sorted(scores.items(), key=lambda item: -item[1])


def _row_ids(query: Query, score: str, depth: int, condition: str) -> list[int]:
    if condition:
        query = query.where(condition, prefilter=True)
    found = query.select([score]).with_row_id(True).limit(depth).to_arrow()
    ids: list[int] = found["_rowid"].to_pylist()
    return ids


def _share(generation: Generation) -> BinaryIO | None:
    try:
        lock = generation.readers_lock.open("rb")
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    return lock
