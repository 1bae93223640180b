"""Many passages with vectors and texts that search like real ones do.

Vectors: sentence vectors of real English text (the documentation of Python and its standard
library, and the sample documents) are clustered; each synthetic vector is a real one moved by
differences between members of its cluster, plus a little noise in all directions. So their
clusters, their effective dimension and their distances to neighbours resemble a real corpus.
Texts: words drawn by Zipf's law from the vocabulary of the same text, with figures.
"""

from __future__ import annotations

import ast
import os
import pydoc_data.topics
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ragopt_tui.knowledge.embedder import load_embedder
from ragopt_tui.knowledge.passage import Passage, Profile

if TYPE_CHECKING:
    from ragopt_tui.knowledge.embedder import Vectors

SAMPLES = Path(__file__).resolve().parent.parent / "sample_docs"
WORDS_IN_TEXT = 110
_CLUSTERS = 64
_SPREAD = 0.3
_NOISE = 0.2
_DIRECTIONS = 4
_CHUNK = 20_000
_PASSAGES_IN_FILE = 100


def real_texts(most: int) -> list[str]:
    """Give pieces of real English text of some sixty words."""
    whole = " ".join(pydoc_data.topics.topics.values())
    whole += " ".join(f.read_text("utf-8") for f in sorted(SAMPLES.glob("*.md")))
    words = whole.split()
    pieces = [" ".join(words[at : at + 60]) for at in range(0, len(words), 60)]
    library = Path(os.__file__).parent
    for file in sorted(library.glob("*.py")) + sorted(library.glob("[a-z]*/*.py")):
        if "test" not in file.parts[-2]:
            pieces.extend(_docstrings(file))
    random.Random(0).shuffle(pieces)  # noqa: S311 - the same pieces each time
    return pieces[:most]


def _docstrings(file: Path) -> Iterator[str]:
    try:
        tree = ast.parse(file.read_text("utf-8"))
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module):
            text = " ".join((ast.get_docstring(node) or "").split())
            if len(text) > 150:
                yield f"{file.stem} {text[:400]}"


class Synthesis:
    """Draws vectors and texts that resemble real ones."""

    def __init__(self, real: int = 3000) -> None:
        self._texts = real_texts(real)
        self._real = load_embedder("builtin").embed(self._texts)
        self._clusters = _clusters_of(self._real)
        words = re.findall(r"[a-z]{2,}", " ".join(self._texts).lower())
        self._words = np.array(list(dict.fromkeys(words)))
        ranks = np.arange(1, len(self._words) + 1)
        self._zipf = np.cumsum(1 / ranks) / np.sum(1 / ranks)

    def vectors(self, count: int, seed: int) -> Vectors:
        """Draw unit vectors, shape (count, dimensions)."""
        rng = np.random.default_rng(seed)
        drawn = [self._some(min(_CHUNK, count - at), rng) for at in range(0, count, _CHUNK)]
        return np.concatenate(drawn)

    def _some(self, count: int, rng: np.random.Generator) -> Vectors:
        chosen = rng.integers(len(self._real), size=count)
        moved = self._real[chosen].copy()
        for _ in range(_DIRECTIONS):
            pair = rng.random((2, count))
            first, second = (self._neighbours(chosen, part) for part in pair)
            amount = rng.normal(scale=_SPREAD, size=(count, 1)).astype(np.float32)
            moved += amount * (self._real[first] - self._real[second])
        width = moved.shape[1]
        moved += rng.normal(scale=_NOISE / width**0.5, size=moved.shape).astype(np.float32)
        unit: Vectors = moved / np.linalg.norm(moved, axis=1, keepdims=True)
        return unit

    def _neighbours(self, chosen: np.ndarray, part: np.ndarray) -> np.ndarray:
        labels, members, starts, sizes = self._clusters
        cluster = labels[chosen]
        found: np.ndarray = members[starts[cluster] + (part * sizes[cluster]).astype(int)]
        return found

    def texts(self, count: int, seed: int, words: int = WORDS_IN_TEXT) -> list[str]:
        """Draw texts of so many words, one in twelve of them a figure."""
        rng = np.random.default_rng(seed)
        texts: list[str] = []
        for at in range(0, count, _CHUNK):
            shape = (min(_CHUNK, count - at), words)
            drawn = self._words[np.searchsorted(self._zipf, rng.random(shape))].astype(object)
            figures = rng.random(shape) < 1 / 12
            drawn[figures] = [f"{n:,}" for n in rng.integers(1, 10**7, int(figures.sum()))]
            texts.extend(" ".join(row) for row in drawn)
        return texts

    def passages(self, count: int, seed: int, number: int) -> list[Passage]:
        """Draw passages, the first of them with a number, in files of a hundred."""
        texts = self.texts(count, seed)
        return [_passage(text, number + at) for at, text in enumerate(texts)]


def _passage(text: str, number: int) -> Passage:
    file = f"{number // _PASSAGES_IN_FILE:06}.md"
    at = number % _PASSAGES_IN_FILE
    company = f"Company {number // _PASSAGES_IN_FILE % 500}"
    profile = Profile(f"{company} annual report", company, f"FY20{at % 20 + 10}", "10-K")
    return Passage(
        f"{file}#{at}", file, None, at, at + 1, 0, len(text), "prose", (), "", text, profile
    )


def _clusters_of(real: Vectors) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Give each vector's cluster, and members, first member and size of each cluster."""
    rng = np.random.default_rng(0)
    centres = real[rng.choice(len(real), _CLUSTERS, replace=False)]
    for _ in range(8):
        labels = np.argmax(real @ centres.T, axis=1)
        for cluster in set(labels.tolist()):
            centres[cluster] = real[labels == cluster].mean(axis=0)
        centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    labels = np.argmax(real @ centres.T, axis=1)
    sizes = np.bincount(labels, minlength=_CLUSTERS)
    return labels, np.argsort(labels, kind="stable"), np.cumsum(sizes) - sizes, sizes
