"""Cross-encoders: they read a question together with a unit and say how well it answers.

Two are built in, with weights of our own making (`recipes/cross_encoder`): a small one that
skims many units, and a large one that reads the few that are left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file

from ragopt_tui.knowledge.batching import (
    batches_of_like_length,
    best_device,
    fast_dtype,
    padded,
    whole_tokenizer,
)
from ragopt_tui.knowledge.embedder import builtin_folder
from ragopt_tui.knowledge.pair_encoder import PairEncoder, prepared
from ragopt_tui.knowledge.units import Unit
from ragopt_tui.knowledge.word_vectors import word_embeddings

_BUILTIN = Path(__file__).parent.parent / "builtin" / "cross_encoder"
SKIMMER = _BUILTIN / "skimmer"
READER = _BUILTIN / "reader"
LONGEST_QUESTION = 48
"""Tokens of a question that are read; the rest is cut off."""
LONGEST_WORDS = 112
LONGEST_CONTEXT = 72
_BERT_UNKNOWN = 100
_MOST_KEPT = 50_000


@dataclass(frozen=True, slots=True)
class _Vocabulary:
    """Token numbers: MPNet's vocabulary is BERT's, moved, with special tokens of its own."""

    start: int
    padding: int
    end: int
    unknown: int
    moved: int


_BERT = _Vocabulary(start=101, padding=0, end=102, unknown=_BERT_UNKNOWN, moved=0)
_MPNET = _Vocabulary(start=0, padding=1, end=2, unknown=3, moved=4)


class CrossEncoder:
    """Scores units for a question; the tokens of units are kept between questions."""

    def __init__(self, folder: Path) -> None:
        """Load a folder's weights; word embeddings it lacks are the built-in embedder's."""
        self._device = best_device()
        stored: dict[str, torch.Tensor] = {}
        for file in sorted(folder.glob("*.safetensors")):
            stored |= load_file(file)
        if not any(name.startswith("words.") for name in stored):
            stored["words.weight"] = word_embeddings()
        self._encoder = PairEncoder(prepared(stored, fast_dtype(), self._device))
        self._vocabulary = _MPNET if self._encoder.is_mpnet else _BERT
        self._tokenizer = whole_tokenizer(builtin_folder())
        self._tokens: dict[str, list[int]] = {}

    def logits(self, question: str, units: Sequence[Unit]) -> npt.NDArray[np.float32]:
        """Give the log odds, against refusing, that each unit answers; float32 of shape (n,)."""
        special = self._vocabulary
        asked = [special.start, *self._ids(question)[:LONGEST_QUESTION], special.end]
        pairs = [[*asked, *self._of_unit(unit)] for unit in units]
        logits = np.empty(len(units), dtype=np.float32)
        for rows in batches_of_like_length(pairs):
            ids, mask = padded([pairs[row] for row in rows], self._device, special.padding)
            with torch.inference_mode():
                logits[rows] = self._encoder(ids, mask, len(asked)).float().cpu().numpy()
        return logits

    def _of_unit(self, unit: Unit) -> list[int]:
        words, context = self._ids(unit.words), self._ids(unit.context)
        end = self._vocabulary.end
        return [*words[:LONGEST_WORDS], end, *context[:LONGEST_CONTEXT], end]

    def _ids(self, text: str) -> list[int]:
        if text not in self._tokens:
            if len(self._tokens) >= _MOST_KEPT:
                self._tokens.clear()
            ids = self._tokenizer.encode(text, add_special_tokens=False).ids
            special = self._vocabulary
            self._tokens[text] = [
                special.unknown if n == _BERT_UNKNOWN else n + special.moved for n in ids
            ]
        return self._tokens[text]
