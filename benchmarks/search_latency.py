"""Hybrid search over many passages: latency, recall against exact search, and two baselines.

Recall@10 of the vector part is the share of the ten nearest passages by brute force that are among
the ten that the index finds nearest; recall@10 of the hybrid result is the share of its ten hits
that also come out when the exact ranking by vectors is fused with the same ranking by words.
Full-text search is exact. Question vectors are given: embedding them is not in the times.
Baselines of the same run: brute force over all vectors in numpy (vectors only), and lancedb's own
hybrid query with its RRFReranker. Exits with 1 when 100,000 passages take more than 50 ms (p50) or
recall is below 0.97.

    python -m benchmarks.search_latency [--passages N] [--questions N]
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("LANCEDB_LOG", "error")

import numpy as np
from lancedb.rerankers import RRFReranker

from benchmarks.synthetic_passages import Synthesis
from ragopt_tui.knowledge.catalogue import FileRecord
from ragopt_tui.knowledge.generation_writer import GenerationWriter
from ragopt_tui.knowledge.index import RANK_CONSTANT, Index, fuse
from ragopt_tui.knowledge.location import IndexLocation, Manifest
from ragopt_tui.knowledge.passage_table import PASSAGE_COLUMNS, open_table, passages_from
from ragopt_tui.knowledge.search_text import query_words

if TYPE_CHECKING:
    from ragopt_tui.knowledge.embedder import Vectors

LIMIT_MILLISECONDS = 50.0
LIMIT_RECALL = 0.97
CHUNK = 20_000
DEPTH = 60
WORDS_IN_QUESTION = 9
WARM_UP = 10
BRUTE_FORCE = "brute force in numpy, vectors only"
NEAR = "ragopt-tui, vectors only"
HYBRID = "ragopt-tui, hybrid"


def build(location: IndexLocation, synthesis: Synthesis, count: int) -> Vectors:
    """Write an index of synthetic passages; gives their vectors in order of their ids."""
    generation = location.generation(1)
    vectors = synthesis.vectors(count, seed=1)
    writer = GenerationWriter.create(generation, vectors.shape[1], "synthetic", "1")
    location.write_manifest(Manifest(str(location.docs), "builtin", "synthetic", "1", 1))
    for start in range(0, count, CHUNK):
        passages = synthesis.passages(min(CHUNK, count - start), seed=start + 2, number=start)
        files = sorted({passage.file for passage in passages})
        writer.begin(files, ())
        writer.write(passages, vectors[start : start + len(passages)], ())
        writer.record([FileRecord(f, 1, 1, "x", "indexed", "", 100, "") for f in files])
    writer.finish()
    writer.close()
    return vectors


def number_of(passage_id: str) -> int:
    """Give a synthetic passage's number from its id."""
    file, _, at = passage_id.partition(".md#")
    return int(file) * 100 + int(at)


def timed(
    searches: dict[str, Callable[[int], Any]], questions: int
) -> tuple[dict[str, float], dict[str, list[Any]]]:
    """Run each question by every search in turn and print p50 and p95.

    Gives, by search, the p50 in milliseconds and the results.
    """
    times: dict[str, list[float]] = {label: [] for label in searches}
    results: dict[str, list[Any]] = {label: [] for label in searches}
    for number in range(-WARM_UP, questions):
        for label, search in searches.items():
            started = time.perf_counter()
            found = search(number % questions)
            if number >= 0:
                times[label].append(1000 * (time.perf_counter() - started))
                results[label].append(found)
    medians = {label: float(np.percentile(taken, 50)) for label, taken in times.items()}
    for label, taken in times.items():
        print(f"{label:36} p50 {medians[label]:6.1f} ms   p95 {np.percentile(taken, 95):6.1f} ms")
    return medians, results


def recall(found: list[list[int]], wanted: list[list[int]]) -> float:
    """Give the mean share of wanted rows that were found."""
    shares = [len(set(f) & set(w)) / len(w) for f, w in zip(found, wanted, strict=True) if w]
    return float(np.mean(shares))


def main() -> int:
    """Run the benchmark; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--passages", type=int, default=100_000)
    parser.add_argument("--questions", type=int, default=200)
    options = parser.parse_args()
    count = options.questions
    synthesis = Synthesis()
    with tempfile.TemporaryDirectory() as home:
        os.environ["RAGOPT_HOME"] = home
        location = IndexLocation.of(Path(home) / "documents")
        location.folder.mkdir(parents=True)
        started = time.perf_counter()
        vectors = build(location, synthesis, options.passages)
        size = sum(f.stat().st_size for f in location.folder.rglob("*") if f.is_file())
        print(
            f"{options.passages:,} passages written and indexed in"
            f" {time.perf_counter() - started:.0f} s, {size / 1e6:,.0f} MB"
        )
        questions = synthesis.vectors(count, seed=99)
        texts = synthesis.texts(count, seed=99, words=WORDS_IN_QUESTION)
        return compare(location, vectors, questions, texts)


def compare(location: IndexLocation, vectors: Vectors, questions: Vectors, texts: list[str]) -> int:
    """Time ours and the baselines, and print recall; gives the exit code."""
    index = Index.open(location)
    table = open_table(location.generation(1).folder)
    reranker = RRFReranker(K=RANK_CONSTANT)

    def brute_force(number: int) -> list[int]:
        similar = vectors @ questions[number]
        nearest = np.argpartition(similar, -DEPTH)[-DEPTH:]
        rows: list[int] = nearest[np.argsort(-similar[nearest])].tolist()
        return rows

    def lancedb_hybrid(number: int) -> Any:  # noqa: ANN401 - lancedb's own rows
        query = table.search(query_type="hybrid", vector_column_name="vector")
        query = query.vector(questions[number]).text(query_words(texts[number]))
        query = query.distance_type("dot").rerank(reranker).select(list(PASSAGE_COLUMNS))
        return passages_from(query.limit(10).to_arrow())

    def ours(number: int, text: str) -> list[int]:
        hits = index.search(questions[number], text, 10)
        return [number_of(hit.passage.id) for hit in hits]

    medians, results = timed(
        {
            BRUTE_FORCE: brute_force,
            "lancedb's own hybrid query": lancedb_hybrid,
            NEAR: lambda number: ours(number, ""),
            "ragopt-tui, words only": lambda number: index.search(None, texts[number], 10),
            HYBRID: lambda number: ours(number, texts[number]),
        },
        len(questions),
    )
    exact = results[BRUTE_FORCE]
    by_words = [
        [number_of(hit.passage.id) for hit in index.search(None, text, DEPTH)] for text in texts
    ]
    fused = [[row for row, _ in fuse(pair)[:10]] for pair in zip(exact, by_words, strict=True)]
    of_vectors = recall(results[NEAR], [rows[:10] for rows in exact])
    print(f"recall@10 of the vector part against brute force: {of_vectors:.4f}")
    print(f"recall@10 of the hybrid result: {recall(results[HYBRID], fused):.4f}")
    index.close()
    is_large = len(vectors) > 100_000
    return (
        0
        if of_vectors >= LIMIT_RECALL and (is_large or medians[HYBRID] <= LIMIT_MILLISECONDS)
        else 1
    )


if __name__ == "__main__":
    sys.exit(main())
