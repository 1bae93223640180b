"""One side of a comparison: a model that can be asked for tokens, prompts, logits and answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ragopt_tui.errors import RagoptError

Dialogue = list[dict[str, str]]
Logits = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Rendered:
    """A dialogue as a chat template writes it; `error` is what the template raised, else ""."""

    text: str
    ids: tuple[int, ...] = ()
    """Tokens as the chat gives them to the model: at most one beginning-of-sequence."""

    raw: tuple[int, ...] = ()
    """Tokens of the text alone, with every beginning-of-sequence that is written in it."""

    error: str = ""


@dataclass(frozen=True, slots=True)
class Continuation:
    """What was written after a prompt, and whether it ended of itself."""

    text: str
    stopped: bool


@dataclass(frozen=True, slots=True)
class SideFacts:
    """What a side says of itself before its weights are loaded; token ids are -1 where unknown."""

    runtime: str
    """`transformers` or `llama.cpp`."""

    width: int
    """How many logits it gives at a position: the rows of its output layer."""

    bos: int
    eos: int
    ends: frozenset[int]
    """Tokens that end an answer."""

    context_tokens: int
    original_context: int
    """The context before rope scaling extended it; `context_tokens` where none does."""

    window: int
    """How far attention reaches back where it slides, else 0."""

    template: str
    """The chat template that is used, "" if there is none."""

    own_template: bool
    """Whether the files bring the template, rather than the user having given it."""

    adds_bos: bool | None
    """Whether plain text gets a beginning-of-sequence token; None where the files do not say."""

    special: tuple[str, ...]
    """The texts of special tokens."""


class Side(Protocol):
    """A model being compared. Tokens and prompts need no weights; `rest` frees these again."""

    @property
    def facts(self) -> SideFacts:
        """What it says of itself; raises SideFailed."""
        ...

    def encode(self, texts: Sequence[str]) -> list[tuple[int, ...]]:
        """Give the tokens of texts, in which special tokens are recognised; none is added."""
        ...

    def text(self, ids: Sequence[int]) -> str:
        """Give the text of tokens, specials as they are written."""
        ...

    def render(self, dialogues: Sequence[Dialogue], *, answer: bool) -> list[Rendered]:
        """Render dialogues, up to where an answer begins if `answer`."""
        ...

    def logits(self, ids: Sequence[int]) -> Iterator[Logits]:
        """Give the logits behind each of `ids`, in order, in pieces of shape (rows, width).

        Raises SideFailed if the model does not load or cannot compute.
        """
        ...

    def greedy(self, ids: Sequence[int], max_tokens: int) -> Continuation:
        """Continue by the likeliest token until one ends the answer, `max_tokens` at most."""
        ...

    def rest(self) -> None:
        """Free the weights, until they are needed again."""
        ...

    def close(self) -> None:
        """Free everything."""
        ...


class SideFailed(RagoptError):
    """The model at `path` does not load or cannot compute; `crashed` where that ended its process."""

    def __init__(self, message: str, hint: str, path: Path, *, crashed: bool = False) -> None:
        super().__init__(message, hint)
        self.path, self.crashed = path, crashed


Pulse = Callable[[], None]
"""Called often while a model computes; it may raise to stop."""


ROWS_BYTES = 128 << 20
"""Logits that are held at once, in bytes."""


def rows_at_once(width: int) -> int:
    """Give how many positions' logits are computed at once for a vocabulary."""
    return max(16, ROWS_BYTES // (4 * width))


def single_bos(ids: Sequence[int], bos: int, *, insert: bool) -> tuple[int, ...]:
    """Give tokens with one beginning-of-sequence where they begin with several, as the chat does.

    With `insert`, one is put before tokens that begin with none.
    """
    tokens = list(ids)
    while bos >= 0 and tokens[:2] == [bos, bos]:
        tokens.pop(0)
    if insert and bos >= 0 and tokens[:1] != [bos]:
        tokens.insert(0, bos)
    return tuple(tokens)


def context_of(config: dict[str, Any], default: int = 2048) -> tuple[int, int, int]:
    """Give the context, the context before rope scaling, and the sliding window of a config.json."""
    text = config.get("text_config") if isinstance(config.get("text_config"), dict) else None
    values = config | (text or {})
    context = _positive(values.get("max_position_embeddings")) or default
    scaling = values.get("rope_parameters") or values.get("rope_scaling") or {}
    original = 0
    if isinstance(scaling, dict):
        original = _positive(scaling.get("original_max_position_embeddings"))
        factor = scaling.get("factor")
        if not original and isinstance(factor, (int, float)) and factor > 1:
            original = int(context / factor)
    original = original or _positive(values.get("original_max_position_embeddings")) or context
    slides = values.get("use_sliding_window", True)
    window = _positive(values.get("sliding_window")) if slides else 0
    return context, min(original, context), window


def _positive(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0
