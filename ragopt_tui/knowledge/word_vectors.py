"""How near single words are in meaning, by the built-in embedder's table of word embeddings.

Far cheaper than embedding sentences, so it serves to choose among hundreds of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache

import numpy as np
import numpy.typing as npt
import torch
from safetensors import safe_open

from ragopt_tui.knowledge.batching import fast_dtype, whole_tokenizer
from ragopt_tui.knowledge.embedder import builtin_folder

_TABLE = "embeddings.word_embeddings.weight"
_KEPT_WORDS = 100_000

Vector = npt.NDArray[np.float32]


@cache
def word_embeddings() -> torch.Tensor:
    """Give the built-in embedder's table, (30522, 384), which several models share."""
    with safe_open(builtin_folder() / "model.safetensors", framework="pt") as file:
        table: torch.Tensor = file.get_tensor(_TABLE)
    return table.to(fast_dtype())


class WordVectors:
    """Unit vectors of words, made when first asked for and kept."""

    def __init__(self) -> None:
        """Read the table."""
        self._table = word_embeddings()
        self._centre = self._table.mean(0, dtype=torch.float32)
        self._tokenizer = whole_tokenizer(builtin_folder())
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
        # Not numpy's product: its threads go on waiting busily beside those of torch.
        near = (self._stacked(asked) @ self._stacked(vocabulary).T).numpy()
        filled = [n for n, bag in enumerate(bags) if bag]
        starts = np.cumsum([0, *(len(bags[n]) for n in filled[:-1])])
        columns = [vocabulary[word] for n in filled for word in bags[n]]
        nearest = np.maximum.reduceat(near[:, columns], starts, axis=1)
        result[filled] = (torch.from_numpy(weights) @ torch.from_numpy(nearest)).numpy()
        return result

    def _stacked(self, words: Iterable[str]) -> torch.Tensor:
        return torch.from_numpy(np.stack([self._vector(word) for word in words]))

    def _vector(self, word: str) -> Vector:
        if word not in self._words:
            if len(self._words) >= _KEPT_WORDS:
                self._words.clear()
            pieces = self._tokenizer.encode(word, add_special_tokens=False).ids
            centred = self._table[pieces].float() - self._centre
            vector: Vector = torch.nn.functional.normalize(centred).mean(0).numpy()
            self._words[word] = vector / (np.linalg.norm(vector) + 1e-9)
        return self._words[word]
