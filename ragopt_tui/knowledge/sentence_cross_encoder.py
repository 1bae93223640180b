"""Any cross-encoder of sentence-transformers in the place of the built-in ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from sentence_transformers import CrossEncoder

from ragopt_tui.errors import RagoptError
from ragopt_tui.knowledge.batching import best_device
from ragopt_tui.knowledge.embedder import model_folder

if TYPE_CHECKING:
    import numpy.typing as npt

    from ragopt_tui.knowledge.units import Unit

_BATCH_PAIRS = 32
_MOST_TOKENS = 512


class SentenceCrossEncoder:
    """A model of one's own choice with one output; code that came with it is not run."""

    def __init__(self, name: str) -> None:
        """Load a folder or a Hugging Face id; raises RagoptError where that does not work."""
        folder = model_folder(name, "cross_encoder")
        try:
            self._model = CrossEncoder(
                str(folder),
                device=best_device().type,
                local_files_only=True,
                model_kwargs={"use_safetensors": True},
            )
        except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
            raise RagoptError(
                f"The cross-encoder {name!r} cannot be loaded: {str(error).splitlines()[0]}",
                "It must be a sentence-transformers cross-encoder with safetensors and no code of its own.",
            ) from error
        if self._model.num_labels != 1:
            raise RagoptError(
                f"The cross-encoder {name!r} gives {self._model.num_labels} numbers for a pair.",
                "Choose one that gives a single score, as those for ranking passages do.",
            )
        self._model.max_seq_length = min(self._model.max_seq_length or _MOST_TOKENS, _MOST_TOKENS)

    def logits(self, question: str, units: Sequence[Unit]) -> npt.NDArray[np.float32]:
        """Give the log odds that each unit answers; float32 of shape (n,)."""
        if not units:
            return np.empty(0, dtype=np.float32)
        scores = self._model.predict(
            [(question, f"{unit.context} {unit.words}") for unit in units],
            batch_size=_BATCH_PAIRS,
            show_progress_bar=False,
            activation_fn=torch.nn.Identity(),
        )
        return np.asarray(scores, dtype=np.float32)
