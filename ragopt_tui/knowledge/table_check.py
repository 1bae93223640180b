"""Whether a table's files are whole and hold what the catalogue says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Set

import numpy as np

from ragopt_tui.knowledge.location import CorruptIndex, Generation
from ragopt_tui.knowledge.passage_table import Table, by_meaning, by_words, open_table

_BATCH_ROWS = 4096


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
    columns = ["file", "text", "search_text", "vector"]
    for batch in table.search().select(columns).to_batches(_BATCH_ROWS):
        batch.validate(full=True)
        counts.update(batch["file"].to_pylist())
    return counts


def _use_indexes(table: Table) -> None:
    for row in table.search().select(["search_text", "vector"]).limit(1).to_list():
        by_words(table, row["search_text"][:200]).select(["id", "_score"]).limit(10).to_list()
        near = by_meaning(table, np.array(row["vector"], dtype=np.float32))
        near.select(["id", "_distance"]).limit(10).to_list()
