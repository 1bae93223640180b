"""What retrieval and reading compute with, each loaded when it is first needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from ragopt_tui.knowledge.scoring import AS_READ, READ, SKIMMED, Weights

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ragopt_tui.knowledge.embedder import Embedder
    from ragopt_tui.knowledge.units import Unit
    from ragopt_tui.knowledge.word_vectors import WordVectors

BUILTIN = "builtin"


class PairModel(Protocol):
    """A cross-encoder."""

    def logits(self, question: str, units: Sequence[Unit]) -> npt.NDArray[np.float32]:
        """Give the log odds that each unit answers; float32 of shape (n,)."""


@dataclass(frozen=True, slots=True)
class Judge:
    """A cross-encoder and how much its word weighs beside the rules."""

    model: PairModel
    weights: Weights


class RetrievalModels:
    """The index's own embedder, the built-in word vectors, and cross-encoders.

    `cross_encoder` is `builtin`, or names one of the user's that takes the place of both.
    """

    def __init__(self, embedder: Embedder, cross_encoder: str = BUILTIN) -> None:
        self.embedder = embedder
        self._cross_encoder = cross_encoder

    @cached_property
    def words(self) -> WordVectors:
        """How near words are in meaning."""
        from ragopt_tui.knowledge.word_vectors import WordVectors

        return WordVectors()

    @cached_property
    def skimming(self) -> Judge:
        """What judges many units quickly; raises RagoptError for one that cannot be loaded."""
        if self._cross_encoder != BUILTIN:
            from ragopt_tui.knowledge.sentence_cross_encoder import SentenceCrossEncoder

            return Judge(SentenceCrossEncoder(self._cross_encoder), AS_READ)
        from ragopt_tui.knowledge.cross_encoder import SKIMMER, CrossEncoder

        return Judge(CrossEncoder(SKIMMER), SKIMMED)

    @cached_property
    def reading(self) -> Judge | None:
        """What judges the best of them well; None where `skimming` has done so."""
        if self._cross_encoder != BUILTIN:
            return None
        from ragopt_tui.knowledge.cross_encoder import READER, CrossEncoder

        return Judge(CrossEncoder(READER), READ)
