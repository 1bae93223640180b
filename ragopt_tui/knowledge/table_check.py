"""Whether a table's files are whole and hold what the catalogue says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Set

import numpy as np
import pyarrow as pa

from ragopt_tui.knowledge.location import CorruptIndex, Generation
from ragopt_tui.knowledge.passage_table import (
    PASSAGE_COLUMNS,
    Table,
    by_meaning,
    by_words,
    open_table,
    passages_from,
    text_hash,
)

_BATCH_ROWS = 4096
_UNIT_TOLERANCE = 0.01


def check_table(generation: Generation, expected: Mapping[str, int], pending: Set[str]) -> Table:
    """Read a table through and give it; raises CorruptIndex where it is damaged.

    `expected` is the number of passages by file; of `pending` files anything may be there.
    """
    try:
        table = open_table(generation.folder)
        found = _counts(table)
        _use_indexes(table)
    except BaseException as error:
        # lancedb's Rust side panics on some damage, and a panic is no Exception.
        if isinstance(error, KeyboardInterrupt | SystemExit | MemoryError):
            raise
        raise CorruptIndex(generation.folder, str(error).partition("\n")[0][:200]) from error
    settled = {file: count for file, count in found.items() if file not in pending}
    if settled != dict(expected):
        raise CorruptIndex(generation.folder, "its passages are not those of its catalogue")
    return table


def _counts(table: Table) -> Counter[str]:
    counts: Counter[str] = Counter()
    columns = [*PASSAGE_COLUMNS, "text_hash", "vector"]
    for batch in table.search().select(columns).to_batches(_BATCH_ROWS):
        batch.validate(full=True)
        rows = pa.table(batch)
        _compare_with_hashes(rows)
        counts.update(rows["file"].to_pylist())
    return counts


def _compare_with_hashes(rows: pa.Table) -> None:
    """Raise ValueError for a text that is not what was embedded or a vector that is none."""
    hashes = [text_hash(passage.indexed_text) for passage in passages_from(rows)]
    if hashes != rows["text_hash"].to_pylist():
        raise ValueError("texts in it were altered")
    if not hashes:
        return
    vectors = rows["vector"].combine_chunks().flatten().to_numpy().reshape(len(rows), -1)
    with np.errstate(all="ignore"):
        lengths = np.linalg.norm(vectors, axis=1)
    if not np.all(np.abs(lengths - 1) < _UNIT_TOLERANCE):
        raise ValueError("vectors in it were altered")


def _use_indexes(table: Table) -> None:
    for row in table.search().select(["search_text", "vector"]).limit(1).to_list():
        by_words(table, row["search_text"][:200]).select(["id", "_score"]).limit(10).to_list()
        near = by_meaning(table, np.array(row["vector"], dtype=np.float32))
        near.select(["id", "_distance"]).limit(10).to_list()
