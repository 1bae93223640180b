"""The built-in embedder, all-MiniLM-L6-v2, as plain torch.

Its architecture is known and its weights are hash-checked, so the few lines of a BERT encoder
stand in for transformers and sentence-transformers, whose imports take longer than the first
thousand questions. The vectors are those of sentence-transformers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as functional
from safetensors import safe_open

from ragopt_tui.knowledge.batching import (
    batches_of_like_length,
    best_device,
    fast_dtype,
    padded,
    whole_tokenizer,
)
from ragopt_tui.knowledge.word_vectors import word_embeddings

if TYPE_CHECKING:
    from ragopt_tui.knowledge.embedder import Vectors

_WIDTH = 384
_HEADS = 12
_LAYERS = 6
_NORM_EPSILON = 1e-12
_MAX_TOKENS = 256


class MiniLM:
    """all-MiniLM-L6-v2: 384 dimensions, 256 tokens; mean-pooled, unit length."""

    dimensions = _WIDTH
    max_tokens = _MAX_TOKENS

    def __init__(self, folder: Path, identity: str) -> None:
        self.identity = identity
        self._device = best_device()
        self._encoder = _Encoder(folder / "model.safetensors", fast_dtype(), self._device)
        self._tokenizer = whole_tokenizer(folder)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count each text's tokens, [CLS] and [SEP] included, nothing cut off."""
        return [len(e.ids) for e in self._tokenizer.encode_batch_fast(list(texts))]

    def embed(
        self, texts: Sequence[str], after_batch: Callable[[int], None] | None = None
    ) -> Vectors:
        """Give unit vectors, float32 of shape (n, 384), in the order of `texts`."""
        vectors = np.empty((len(texts), _WIDTH), dtype=np.float32)
        sequences = [self._cut(e.ids) for e in self._tokenizer.encode_batch_fast(list(texts))]
        done = 0
        for rows in batches_of_like_length(sequences):
            vectors[rows] = self._encode([sequences[row] for row in rows])
            done += len(rows)
            if after_batch:
                after_batch(done)
        return vectors

    def embed_query(self, text: str) -> Vectors:
        """Give the unit vector of a question, float32 of shape (384,)."""
        vector: Vectors = self.embed([text])[0]
        return vector

    @staticmethod
    def _cut(ids: list[int]) -> list[int]:
        return ids if len(ids) <= _MAX_TOKENS else [*ids[: _MAX_TOKENS - 1], ids[-1]]

    def _encode(self, sequences: list[list[int]]) -> Vectors:
        ids, mask = padded(sequences, self._device)
        with torch.inference_mode():
            states = self._encoder(ids, None if bool(mask.all()) else mask).float()
            weights = mask[..., None].float()
            pooled = (states * weights).sum(1) / weights.sum(1)
            vectors: Vectors = functional.normalize(pooled).cpu().numpy()
        return vectors


class _Encoder:
    """BERT's encoder; (batch, length) token ids to (batch, length, 384) states."""

    def __init__(self, weights_file: Path, dtype: torch.dtype, device: torch.device) -> None:
        weights = {
            name: tensor.to(device, dtype)
            for name, tensor in _stored(weights_file).items()
            if tensor.is_floating_point()
        }
        token_types = weights["embeddings.token_type_embeddings.weight"]
        self._words = word_embeddings().to(device)
        self._positions = weights["embeddings.position_embeddings.weight"] + token_types[0]
        self._norm = _Affine(weights, "embeddings.LayerNorm")
        self._layers = [_Layer(weights, f"encoder.layer.{n}.") for n in range(_LAYERS)]

    def __call__(self, ids: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        attended = None if mask is None else mask[:, None, None, :]
        states = self._norm.normalize(self._words[ids] + self._positions[: ids.shape[1]])
        for layer in self._layers:
            states = layer(states, attended)
        return states


def _stored(weights_file: Path) -> dict[str, torch.Tensor]:
    """Read all weights but the table of word embeddings."""
    with safe_open(weights_file, framework="pt") as file:
        names = file.keys()
        return {name: file.get_tensor(name) for name in names if ".word_embeddings." not in name}


class _Affine:
    """A weight and a bias, as of a linear layer or a layer norm."""

    def __init__(self, weights: dict[str, torch.Tensor], *names: str) -> None:
        self.weight = torch.cat([weights[f"{name}.weight"] for name in names])
        self.bias = torch.cat([weights[f"{name}.bias"] for name in names])

    def linear(self, states: torch.Tensor) -> torch.Tensor:
        return functional.linear(states, self.weight, self.bias)

    def normalize(self, states: torch.Tensor) -> torch.Tensor:
        return functional.layer_norm(states, (_WIDTH,), self.weight, self.bias, _NORM_EPSILON)


class _Layer:
    def __init__(self, weights: dict[str, torch.Tensor], at: str) -> None:
        heads = [f"{at}attention.self.{name}" for name in ("query", "key", "value")]
        self._query_key_value = _Affine(weights, *heads)
        self._attention_out = _Affine(weights, f"{at}attention.output.dense")
        self._attention_norm = _Affine(weights, f"{at}attention.output.LayerNorm")
        self._wide = _Affine(weights, f"{at}intermediate.dense")
        self._narrow = _Affine(weights, f"{at}output.dense")
        self._norm = _Affine(weights, f"{at}output.LayerNorm")

    def __call__(self, states: torch.Tensor, attended: torch.Tensor | None) -> torch.Tensor:
        batch, length, _ = states.shape
        split = self._query_key_value.linear(states).view(batch, length, 3, _HEADS, -1)
        query, key, value = split.permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=attended)
        mixed = mixed.transpose(1, 2).reshape(batch, length, _WIDTH)
        states = self._attention_norm.normalize(self._attention_out.linear(mixed) + states)
        wide = functional.gelu(self._wide.linear(states))
        return self._norm.normalize(self._narrow.linear(wide) + states)
