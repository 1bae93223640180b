"""What each stage of retrieval costs at 100,000 passages, beside plain hybrid search.

The questions name a company and a year, so that filters take part; their vectors are given, so that
embedding is not in the times. Reading, which only quotes need, is timed apart. Rounds alternate with
plain hybrid search, to which the ratio is given; passages are new to each stage, as nothing of them
is kept from an earlier question. Exits with 1 when what retrieval adds to it takes
more than 150 ms (p50).

    python -m benchmarks.retrieval_cost [--passages N] [--questions N]
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("LANCEDB_LOG", "error")

import numpy as np

from benchmarks.search_latency import build
from benchmarks.synthetic_passages import WORDS_IN_TEXT, Synthesis
from ragopt_tui.knowledge.candidates import find_candidates
from ragopt_tui.knowledge.duplicates import collapsed
from ragopt_tui.knowledge.index import Index
from ragopt_tui.knowledge.location import IndexLocation
from ragopt_tui.knowledge.neighbours import with_neighbours
from ragopt_tui.knowledge.ranking import by_best_unit, rerank
from ragopt_tui.knowledge.reading import read
from ragopt_tui.knowledge.retrieval_models import RetrievalModels
from ragopt_tui.knowledge.retrieve import (
    CANDIDATES,
    SKIMMED_PASSAGES,
    SKIMMED_UNITS,
    judged,
    retrieve,
)
from ragopt_tui.knowledge.scoring import promising_units

if TYPE_CHECKING:
    from ragopt_tui.knowledge.embedder import Vectors

LIMIT_MILLISECONDS = 150.0
WARM_UP = 5
EVIDENCE = 20
WORDS_IN_QUESTION = 9
WORDS_IN_SENTENCE = 18


class Sentences(Synthesis):
    """The synthetic texts as sentences, as many to a passage as real ones have."""

    def texts(self, count: int, seed: int, words: int = WORDS_IN_TEXT) -> list[str]:
        """Draw texts of so many words."""
        return [_as_sentences(text.split()) for text in super().texts(count, seed, words)]


def _as_sentences(words: list[str]) -> str:
    starts = range(0, len(words), WORDS_IN_SENTENCE)
    sentences = [" ".join(words[at : at + WORDS_IN_SENTENCE]) for at in starts]
    return " ".join(f"{sentence[:1].upper()}{sentence[1:]}." for sentence in sentences)


class Given:
    """Gives the vectors of questions that were embedded before."""

    def __init__(self, vectors: dict[str, Vectors]) -> None:
        self._vectors = vectors

    def embed_query(self, text: str) -> Vectors:
        """Give a question's vector."""
        return self._vectors[text]


class Clock:
    """Collects the milliseconds of stages by name."""

    def __init__(self) -> None:
        self.taken: dict[str, list[float]] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a block."""
        started = time.perf_counter()
        yield
        self.taken.setdefault(name, []).append(1000 * (time.perf_counter() - started))

    def p50(self, name: str) -> float:
        """Give the median without the first rounds."""
        return float(np.median(self.taken[name][WARM_UP:]))


def measure(index: Index, questions: list[str], vectors: Vectors) -> int:
    """Time the stages and print them; gives the exit code."""
    given = Given(dict(zip(questions, vectors, strict=True)))
    models = RetrievalModels(given)  # type: ignore[arg-type] # retrieval asks no more of it
    clock = Clock()
    for question, vector in zip(questions, vectors, strict=True):
        with clock.stage("plain hybrid search"):
            index.search(vector, question, CANDIDATES)
        with clock.stage("retrieval, whole"):
            _stages(question, index, models, clock)
        found = retrieve(question, index, models, EVIDENCE)
        with clock.stage("reading"):
            read(found, models)
    plain, whole = clock.p50("plain hybrid search"), clock.p50("retrieval, whole")
    for name in clock.taken:
        print(f"{name:34} p50 {clock.p50(name):7.1f} ms")
    print(
        f"retrieval is {whole / plain:.2f} times plain hybrid search, {whole - plain:.0f} ms more"
    )
    return 0 if whole - plain <= LIMIT_MILLISECONDS else 1


def _stages(question: str, index: Index, models: RetrievalModels, clock: Clock) -> None:
    with clock.stage("  candidates, with filters"):
        found = find_candidates(question, index, models.embedder, CANDIDATES)
    with clock.stage("  rules for passages"):
        hits = rerank(found.question, found.hits)
    with clock.stage("  rules for sentences and rows"):
        passages = [hit.passage for hit in hits[:SKIMMED_PASSAGES]]
        units = promising_units(found.question, passages, models.words, SKIMMED_UNITS)
    with clock.stage(f"  skimming {SKIMMED_UNITS} of them"):
        ordered = by_best_unit(hits, judged(found.question, units, models.skimming))
    with clock.stage("  duplicates and neighbours"):
        with_neighbours(collapsed(ordered)[:EVIDENCE], index)


def main() -> int:
    """Build the index and run the benchmark; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--passages", type=int, default=100_000)
    parser.add_argument("--questions", type=int, default=40)
    options = parser.parse_args()
    synthesis = Sentences()
    with tempfile.TemporaryDirectory() as home:
        os.environ["RAGOPT_HOME"] = home
        location = IndexLocation.of(Path(home) / "documents")
        location.folder.mkdir(parents=True)
        build(location, synthesis, options.passages)
        count = options.questions + WARM_UP
        texts = synthesis.texts(count, seed=99, words=WORDS_IN_QUESTION)
        named = _with_scope(texts)
        index = Index.open(location)
        print(f"{index.count():,} passages, {options.questions} questions")
        code = measure(index, named, synthesis.vectors(count, seed=99))
        index.close()
        return code


def _with_scope(texts: list[str]) -> list[str]:
    """Name in each question a company and a year that synthetic passages are about."""
    return [f"{text} Company {n % 500} in fiscal {2010 + n % 20}" for n, text in enumerate(texts)]


if __name__ == "__main__":
    sys.exit(main())
