"""Any sentence-transformers model as an embedder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sentence_transformers import SentenceTransformer

from ragopt_tui.errors import RagoptError
from ragopt_tui.knowledge.batching import fast_dtype

if TYPE_CHECKING:
    import numpy.typing as npt

    from ragopt_tui.knowledge.embedder import Vectors

_BATCH_TEXTS = 32
_BATCHES_A_CALL = 4
_MOST_TOKENS = 2048


class SentenceEmbedder:
    """A model of one's own choice; code that came with it is not run."""

    def __init__(self, name: str, folder: Path, identity: str) -> None:
        self.identity = identity
        options = {"use_safetensors": True, "dtype": fast_dtype()}
        device = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            self._model = SentenceTransformer(
                str(folder), device=device, model_kwargs=options, local_files_only=True
            )
        except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
            raise RagoptError(
                f"The embedder {name!r} cannot be loaded: {str(error).splitlines()[0]}",
                "It must be a sentence-transformers model with safetensors and no code of its own.",
            ) from error
        self.dimensions = int(self._model.get_embedding_dimension() or 0)
        self.max_tokens = min(int(self._model.max_seq_length or _MOST_TOKENS), _MOST_TOKENS)
        self._model.max_seq_length = self.max_tokens

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count each text's tokens, special tokens included, nothing cut off."""
        if not texts:
            return []
        ids = self._model.tokenizer(list(texts), truncation=False, verbose=False)["input_ids"]
        return [len(row) for row in ids]

    def embed(
        self, texts: Sequence[str], after_batch: Callable[[int], None] | None = None
    ) -> Vectors:
        """Give unit vectors, float32 of shape (n, dimensions), in the order of `texts`."""
        vectors = np.empty((len(texts), self.dimensions), dtype=np.float32)
        order = sorted(range(len(texts)), key=lambda row: -len(texts[row]))
        step = _BATCH_TEXTS * _BATCHES_A_CALL
        for start in range(0, len(order), step):
            rows = order[start : start + step]
            batch = [texts[row] for row in rows]
            vectors[rows] = _unit(
                self._model.encode_document(
                    batch, batch_size=_BATCH_TEXTS, show_progress_bar=False, convert_to_numpy=True
                )
            )
            if after_batch:
                after_batch(start + len(rows))
        return vectors

    def embed_query(self, text: str) -> Vectors:
        """Give the unit vector of a question, with the model's prompt for questions."""
        encoded = self._model.encode_query([text], show_progress_bar=False, convert_to_numpy=True)
        vector: Vectors = _unit(encoded)[0]
        return vector


def _unit(vectors: npt.NDArray[Any]) -> Vectors:
    wide = vectors.astype(np.float32)
    norms = np.linalg.norm(wide, axis=1, keepdims=True)
    unit: Vectors = wide / np.maximum(norms, 1e-12)
    return unit
