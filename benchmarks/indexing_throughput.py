"""Indexing: passages per second of `synchronise` against a bare `SentenceTransformer.encode`.

The corpus is the text of the sample documents, in copies with other figures. The baseline embeds
the very same passages (their `indexed_text`), in one call, at whatever batch size and dtype a
trial on a part of them finds fastest. Model loading is in neither time; reading, splitting,
writing and indexing are in ours. The two run in turns; the medians are compared. Also printed:
the memory of the process at a quarter and at the end of the longest run. Exits with 1 below 0.9.

    python -m benchmarks.indexing_throughput [--copies N] [--rounds N]
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from sentence_transformers import SentenceTransformer

from ragopt_tui.knowledge import embedder as embedders
from ragopt_tui.knowledge import sync
from ragopt_tui.knowledge.index import Index
from ragopt_tui.knowledge.location import IndexLocation
from ragopt_tui.knowledge.sync_report import Progress

LIMIT = 0.9
SAMPLES = Path(__file__).resolve().parent.parent / "sample_docs"
BATCH_SIZES = (8, 16, 32, 64)
DTYPES = (torch.bfloat16, torch.float32)
TRIAL_PASSAGES = 96


def write_corpus(folder: Path, copies: int) -> None:
    """Write copies of the sample documents whose figures differ."""
    for source in sorted(SAMPLES.iterdir()):
        if source.suffix not in (".md", ".txt", ".csv", ".html"):
            continue
        text = source.read_text(encoding="utf-8")
        for copy in range(copies):
            changed = re.sub(r"\d", lambda m, c=copy: str((int(m[0]) + c) % 10), text)  # type: ignore[misc]
            (folder / f"{copy}-{source.name}").write_text(changed, encoding="utf-8")


def resident_megabytes() -> float:
    """Give the memory this process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@dataclass
class Memory:
    """Notes the process's memory as the share of files done passes a quarter, and at the end."""

    quarter: float = 0.0
    end: float = 0.0

    def note(self, progress: Progress) -> None:
        """Look at the memory."""
        self.end = resident_megabytes()
        if progress.total and progress.done <= progress.total / 4:
            self.quarter = self.end


@dataclass
class Trial:
    """Seconds of each of the rounds."""

    ours: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)


def indexed_texts(docs: Path) -> list[str]:
    """Give what was embedded of each passage of an indexed folder."""
    location = IndexLocation.of(docs)
    index = Index.open(location)
    texts = [
        p.indexed_text for file in sorted(docs.iterdir()) for p in index.passages_of(file.name)
    ]
    index.close()
    return texts


def fastest_baseline(texts: list[str]) -> tuple[SentenceTransformer, int, str]:
    """Give the bare model and the batch size that embed a part of the texts fastest."""
    folder = str(embedders.builtin_folder())
    part = texts[:: max(1, len(texts) // TRIAL_PASSAGES)]
    found: list[tuple[float, SentenceTransformer, int, str]] = []
    for dtype in DTYPES:
        model = SentenceTransformer(folder, device="cpu", model_kwargs={"dtype": dtype})
        model.encode(part[:32])
        for size in BATCH_SIZES:
            seconds = bare_seconds(model, part, size)
            print(f"  {dtype!s:15} batch {size:2}: {len(part) / seconds:6.1f} passages/s")
            found.append((seconds, model, size, str(dtype)))
    _, model, size, name = min(found, key=lambda trial: trial[0])
    return model, size, name


def bare_seconds(model: SentenceTransformer, texts: list[str], batch_size: int) -> float:
    """Time one call that embeds all texts."""
    started = time.perf_counter()
    model.encode(texts, batch_size=batch_size, normalize_embeddings=True, show_progress_bar=False)
    return time.perf_counter() - started


def main() -> int:
    """Run the benchmark; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--copies", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    loaded = embedders.load_embedder(embedders.BUILTIN)
    loaded.embed_query("warm up")
    with tempfile.TemporaryDirectory() as home:
        os.environ["RAGOPT_HOME"] = home
        docs = Path(home) / "documents"
        docs.mkdir()
        write_corpus(docs, options.copies)
        memory, times = Memory(), Trial()
        with mock.patch.object(sync, "load_embedder", return_value=loaded):
            # The first run also brings in lancedb and gives the passages; it is not counted.
            summary = sync.synchronise(docs, embedders.BUILTIN, memory.note)
            texts = indexed_texts(docs)
            model, size, dtype = fastest_baseline(texts)
            for _ in range(options.rounds):
                times.bare.append(bare_seconds(model, texts, size))
                started = time.perf_counter()
                sync.synchronise(docs, embedders.BUILTIN, lambda _: None, rebuild=True)
                times.ours.append(time.perf_counter() - started)
    ours = len(texts) / statistics.median(times.ours)
    bare = len(texts) / statistics.median(times.bare)
    print(f"{summary.files} files, {len(texts)} passages, {options.rounds} rounds")
    print(f"bare SentenceTransformer.encode ({dtype}, batch {size}): {bare:.1f} passages/s")
    print(f"ragopt-tui, from files to index: {ours:.1f} passages/s, ratio {ours / bare:.2f}")
    print(f"memory at a quarter {memory.quarter:.0f} MB, at the end {memory.end:.0f} MB")
    return 0 if ours >= LIMIT * bare else 1


if __name__ == "__main__":
    sys.exit(main())
