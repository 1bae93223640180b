"""How near single words are in meaning, by the built-in embedder's table of word embeddings.

Far cheaper than embedding sentences, so it serves to choose among hundreds of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from itertools import chain

import numpy as np
import numpy.typing as npt
import torch
from safetensors import safe_open

from ragopt_tui.knowledge.batching import fast_dtype, whole_tokenizer
from ragopt_tui.knowledge.embedder import builtin_folder

_TABLE = "embeddings.word_embeddings.weight"
_KEPT_WORDS = 50_000
_ROOM = 4_000

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
        self._places: dict[str, int] = {}
        self._kept = torch.empty(_ROOM, self._table.shape[1])

    def nearness(
        self, asked: Mapping[str, float], texts: Sequence[Sequence[frozenset[str]]]
    ) -> Vector:
        """Give how near the words of each text come to those asked for, from -1 to 1.

        A text is the words of its parts, each of which is looked at once however many texts have
        it. Of each word asked for the nearest word of the text counts; `asked` gives its weight.
        """
        parts = {part: n for n, part in enumerate({p for text in texts for p in text if p})}
        result = np.zeros(len(texts), dtype=np.float32)
        total = sum(asked.values())
        if not parts or not total:
            return result
        weights = np.array(list(asked.values()), dtype=np.float32) / total
        nearest = self._nearest(asked, list(parts))
        rows = [[parts[part] for part in text if part] for text in texts]
        filled = [n for n, row in enumerate(rows) if row]
        nearest = _largest_of_runs(nearest, [rows[n] for n in filled])
        result[filled] = (torch.from_numpy(weights) @ torch.from_numpy(nearest)).numpy()
        return result

    def _nearest(self, asked: Iterable[str], bags: Sequence[Collection[str]]) -> Vector:
        """Give of each word asked for how near the nearest of each bag is, (asked, bags)."""
        vocabulary = {word: n for n, word in enumerate({w for bag in bags for w in bag})}
        # Not numpy's product: its threads go on waiting busily beside those of torch.
        near = (self._vectors(asked) @ self._vectors(vocabulary).T).numpy()
        return _largest_of_runs(near, [[vocabulary[word] for word in bag] for bag in bags])

    def _vectors(self, words: Iterable[str]) -> torch.Tensor:
        """Give the vectors of words, (words, dimensions)."""
        wanted = list(words)
        if len(self._places) > _KEPT_WORDS:
            self._places.clear()
        unknown = list(dict.fromkeys(word for word in wanted if word not in self._places))
        if unknown:
            self._keep(unknown)
        return self._kept[torch.tensor([self._places[word] for word in wanted])]

    def _keep(self, words: Sequence[str]) -> None:
        """Make the vectors of distinct words: the mean of their pieces' unit vectors."""
        start = len(self._places)
        if start + len(words) > len(self._kept):
            room = torch.empty(start + len(words), self._kept.shape[1])
            self._kept = torch.cat([self._kept[:start], room])
        encoded = self._tokenizer.encode(words, is_pretokenized=True, add_special_tokens=False)
        ids = torch.tensor(encoded.ids, dtype=torch.long)
        # Figures share few pieces, so each is looked up and normalised once.
        pieces, places = torch.unique(ids, return_inverse=True)
        of_pieces = torch.nn.functional.normalize(self._table[pieces].float() - self._centre)
        sums = torch.zeros(len(words), self._kept.shape[1])
        sums.index_add_(0, torch.tensor(encoded.word_ids, dtype=torch.long), of_pieces[places])
        self._kept[start : start + len(words)] = torch.nn.functional.normalize(sums)
        self._places |= {word: start + n for n, word in enumerate(words)}


def _largest_of_runs(values: Vector, runs: Sequence[Sequence[int]]) -> Vector:
    """Give, of values (rows, columns), the largest among each run of columns, (rows, runs)."""
    starts = np.cumsum([0, *map(len, runs[:-1])])
    columns = np.fromiter(chain.from_iterable(runs), dtype=np.int64)
    largest: Vector = np.maximum.reduceat(values[:, columns], starts, axis=1)
    return largest
