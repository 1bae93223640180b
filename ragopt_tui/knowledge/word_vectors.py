"""How near single words are in meaning, by the built-in embedder's table of word embeddings.

Far cheaper than embedding sentences, so it serves to choose among hundreds of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
from safetensors import safe_open

from ragopt_tui.knowledge.batching import whole_tokenizer
from ragopt_tui.knowledge.embedder import builtin_folder

_TABLE = "embeddings.word_embeddings.weight"
_KEPT_WORDS = 100_000

Vector = npt.NDArray[np.float32]


class WordVectors:
    """Unit vectors of words, made when first asked for and kept."""

    def __init__(self) -> None:
        """Read the table: (30522, 384), centred and of unit length."""
        folder = builtin_folder()
        with safe_open(folder / "model.safetensors", framework="numpy") as file:
            table = np.asarray(file.get_tensor(_TABLE), dtype=np.float32)
        table = table - table.mean(0)
        self._table: Vector = table / np.linalg.norm(table, axis=1, keepdims=True)
        self._tokenizer = whole_tokenizer(folder)
        self._words: dict[str, Vector] = {}

    def nearness(self, asked: Mapping[str, float], texts: Sequence[Iterable[str]]) -> Vector:
        """Give how near the words of each text come to those asked for, from -1 to 1.

        Of each word asked for the nearest word of the text counts; `asked` gives its weight.
        """
        bags = [list(text) for text in texts]
        vocabulary = {word: n for n, word in enumerate({w for bag in bags for w in bag})}
        result = np.zeros(len(bags), dtype=np.float32)
        total = sum(asked.values())
        if not vocabulary or not total:
            return result
        weights = np.array(list(asked.values()), dtype=np.float32) / total
        near = self._stacked(asked) @ self._stacked(vocabulary).T
        for n, bag in enumerate(bags):
            if bag:
                result[n] = weights @ near[:, [vocabulary[word] for word in bag]].max(1)
        return result

    def _stacked(self, words: Iterable[str]) -> Vector:
        return np.stack([self._vector(word) for word in words])

    def _vector(self, word: str) -> Vector:
        if word not in self._words:
            if len(self._words) >= _KEPT_WORDS:
                self._words.clear()
            pieces = self._tokenizer.encode(word, add_special_tokens=False).ids
            vector = self._table[pieces].mean(0)
            self._words[word] = vector / (np.linalg.norm(vector) + 1e-9)
        return self._words[word]
