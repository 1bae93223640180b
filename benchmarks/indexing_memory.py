"""Indexing: peak memory for a corpus and for one four times as large.

What grows with the corpus would be passages, vectors and tables, not the network, so that vectors
are drawn by chance and the network only counts tokens. Each corpus is indexed in a process of its
own. The corpora are copies of the sample documents with other figures. Exits with 1 where the
larger takes over a fifth more.

    python -m benchmarks.indexing_memory [--copies N]
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from unittest import mock

import numpy as np

from benchmarks.indexing_throughput import resident_megabytes, write_corpus
from ragopt_tui.knowledge import embedder as embedders
from ragopt_tui.knowledge import sync
from ragopt_tui.knowledge.sync_report import Progress

LIMIT = 1.2


class ChanceVectors:
    """The built-in embedder with unit vectors drawn by chance."""

    def __init__(self) -> None:
        self._embedder = embedders.load_embedder(embedders.BUILTIN)
        self._chance = np.random.default_rng(0)
        self.identity = self._embedder.identity
        self.dimensions = self._embedder.dimensions
        self.max_tokens = self._embedder.max_tokens

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count as the built-in embedder does."""
        return self._embedder.count_tokens(texts)

    def embed(
        self, texts: Sequence[str], after_batch: Callable[[int], None] | None = None
    ) -> embedders.Vectors:
        """Draw vectors, (n, dimensions)."""
        vectors = self._chance.normal(size=(len(texts), self.dimensions)).astype(np.float32)
        if after_batch:
            after_batch(len(texts))
        unit: embedders.Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit

    def embed_query(self, text: str) -> embedders.Vectors:
        """Draw a vector."""
        vector: embedders.Vectors = self.embed([text])[0]
        return vector


def peak(copies: int) -> tuple[int, float]:
    """Index a corpus; give its passages and the most memory seen, in megabytes."""
    most = 0.0

    def note(_: Progress) -> None:
        nonlocal most
        most = max(most, resident_megabytes())

    with tempfile.TemporaryDirectory() as home:
        os.environ["RAGOPT_HOME"] = home
        docs = Path(home) / "documents"
        docs.mkdir()
        write_corpus(docs, copies)
        with mock.patch.object(sync, "load_embedder", return_value=ChanceVectors()):
            summary = sync.synchronise(docs, embedders.BUILTIN, note)
    return summary.passages, max(most, resident_megabytes())


def main() -> int:
    """Run the benchmark; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--copies", type=int, default=8)
    options = parser.parse_args()
    results = []
    for copies in (options.copies, 4 * options.copies):
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            passages, megabytes = pool.apply(peak, (copies,))
        print(f"{passages} passages: at most {megabytes:.0f} MB")
        results.append(megabytes)
    print(f"ratio {results[1] / results[0]:.2f}")
    return 0 if results[1] <= LIMIT * results[0] else 1


if __name__ == "__main__":
    sys.exit(main())
