"""The LanceDB table of passages: its columns, its indexes and the one writer's changes to it."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterable, Sequence
from datetime import timedelta
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

# Its Rust side prints log lines over the screen otherwise.
os.environ.setdefault("LANCEDB_LOG", "error")

# Of this client of a catalogue server it needs the models; the calls take a third of its import.
_CLIENT = find_spec("lance_namespace_urllib3_client")
if _CLIENT is not None:
    sys.modules.setdefault(_CLIENT.name, module_from_spec(_CLIENT))

import lancedb
import numpy as np
import pyarrow as pa
from lancedb.index import FTS, BTree, IvfFlat
from lancedb.query import MatchQuery

from ragopt_tui.knowledge.location import TABLE_NAME
from ragopt_tui.knowledge.passage import Passage, Profile
from ragopt_tui.knowledge.search_text import searchable

if TYPE_CHECKING:
    from ragopt_tui.knowledge.embedder import Vectors

Table = Any
"""A lancedb.table.LanceTable, whose own annotations lack half of its methods."""

Query = Any
"""One of lancedb's query builders."""

FLAT_ROWS = 20_000
"""Tables below this many rows are compared whole: exact, and fast enough."""

VECTOR_INDEX = "vector_idx"
_SCALAR_COLUMNS = ("id", "file", "company", "period")
_KEEP_VERSIONS = timedelta(minutes=5)
_DELETE_FILES_AT_ONCE = 500
_TEXT_INDEX = "search_text_idx"
_ROWS_FOR_ONE_OUTSIDE = 200
_MOST_VERSIONS = 40

PASSAGE_COLUMNS = (
    "id", "file", "page", "line_start", "line_end", "char_start", "char_end", "kind",
    "headings", "lead", "text", "title", "company", "period", "form",
)  # fmt: skip


def schema(dimensions: int) -> pa.Schema:
    """Give the columns: a passage's own, what is searched, and the vector."""
    text, number = pa.string(), pa.int32()
    return pa.schema(
        [
            pa.field("id", text, nullable=False),
            pa.field("file", text, nullable=False),
            pa.field("page", number),
            *(pa.field(n, number) for n in ("line_start", "line_end", "char_start", "char_end")),
            pa.field("kind", text),
            pa.field("headings", pa.list_(text)),
            *(pa.field(n, text) for n in ("lead", "text", "title", "company", "period", "form")),
            pa.field("search_text", text),
            pa.field("text_hash", text),
            pa.field("vector", pa.list_(pa.float32(), dimensions)),
        ]
    )


def create_table(folder: Path, dimensions: int) -> Table:
    """Make an empty table in `folder` with its full-text and scalar indexes."""
    table: Table = lancedb.connect(folder).create_table(TABLE_NAME, schema=schema(dimensions))
    table.set_unenforced_primary_key("id")
    for column in _SCALAR_COLUMNS:
        table.create_index(column, config=BTree())
    table.create_index("search_text", config=FTS(with_position=True, remove_stop_words=False))
    return table


def open_table(folder: Path) -> Table:
    """Open the table in `folder`; raises what lancedb raises."""
    return lancedb.connect(folder).open_table(TABLE_NAME)


def rows_of(passages: Sequence[Passage], vectors: Vectors) -> pa.Table:
    """Give passages and their vectors, shape (n, dimensions), as rows of the table."""
    columns = schema(vectors.shape[1])
    values: dict[str, Any] = {
        name: [getattr(passage, name) for passage in passages]
        for name in PASSAGE_COLUMNS[: PASSAGE_COLUMNS.index("title")]
    }
    for name in ("title", "company", "period", "form"):
        values[name] = [getattr(passage.profile, name) for passage in passages]
    texts = [passage.indexed_text for passage in passages]
    values["search_text"] = list(map(searchable, texts))
    values["text_hash"] = list(map(text_hash, texts))
    flat = pa.array(np.ascontiguousarray(vectors, dtype=np.float32).ravel())
    values["vector"] = pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])
    return pa.table(values, schema=columns)


def passages_from(rows: pa.Table) -> list[Passage]:
    """Give the passages of rows that have at least PASSAGE_COLUMNS."""
    return [_passage(row) for row in rows.select(PASSAGE_COLUMNS).to_pylist()]


def _passage(row: dict[str, Any]) -> Passage:
    profile = Profile(*(row.pop(name) for name in ("title", "company", "period", "form")))
    row["headings"] = tuple(row["headings"])
    return Passage(**row, profile=profile)


def text_hash(indexed_text: str) -> str:
    """Give what tells whether a passage's vector is still right."""
    return hashlib.blake2b(indexed_text.encode(), digest_size=16).hexdigest()


def any_of(column: str, values: Iterable[str]) -> str:
    """Give the SQL condition that a column holds one of some strings."""
    quoted = ", ".join("'" + value.replace("'", "''") + "'" for value in values)
    return f"{column} IN ({quoted})"


def replace_files(table: Table, rows: pa.Table, files: Sequence[str]) -> None:
    """Put rows in the place of all rows of `files`, in one version."""
    (
        table.merge_insert("id")
        .when_matched_update_all()
        .when_not_matched_insert_all()
        .when_not_matched_by_source_delete(any_of("file", files))
        .execute(rows)
    )


def delete_files(table: Table, files: Sequence[str]) -> None:
    """Delete all rows of `files`."""
    for start in range(0, len(files), _DELETE_FILES_AT_ONCE):
        table.delete(any_of("file", files[start : start + _DELETE_FILES_AT_ONCE]))


def by_words(table: Table, words: str) -> Query:
    """Give the full-text query for passages with any of some words; words are data, not syntax."""
    return table.search(MatchQuery(words, "search_text"))  # type: ignore[call-arg] # has defaults


def by_meaning(table: Table, vector: Vectors) -> Query:
    """Give the query for passages near a unit vector of shape (dimensions,)."""
    return table.search(vector, vector_column_name="vector").distance_type("dot")


def vectors_by_hash(table: Table, files: Sequence[str]) -> dict[str, Vectors]:
    """Give the vectors that stand in the rows of `files`, by their `text_hash`."""
    if not files:
        return {}
    found = table.search().where(any_of("file", files)).select(["text_hash", "vector"]).to_arrow()
    vectors = found["vector"].combine_chunks()
    if len(found) == 0:
        return {}
    matrix = vectors.flatten().to_numpy().reshape(len(found), -1)
    return dict(zip(found["text_hash"].to_pylist(), matrix, strict=True))


def is_untidy(table: Table) -> bool:
    """Whether enough rows stand outside the indexes, or enough versions are kept, to slow it."""
    stats = table.index_stats(_TEXT_INDEX)
    outside = stats.num_unindexed_rows if stats else 0
    return bool(
        outside * _ROWS_FOR_ONE_OUTSIDE > table.count_rows()
        or len(table.list_versions()) > _MOST_VERSIONS
    )


def tidy(table: Table) -> None:
    """Compact fragments, bring new rows into the indexes, delete versions older than minutes.

    Files that no version names are deleted too: only a writer that died can have left them.
    """
    table.optimize(cleanup_older_than=_KEEP_VERSIONS, delete_unverified=True)


def index_vectors(table: Table) -> None:
    """Build the vector index anew over all rows."""
    table.create_index("vector", config=IvfFlat(distance_type="dot"), name=VECTOR_INDEX)
