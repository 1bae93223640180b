"""Language models that continue a conversation: one Backend for each way to run them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from ragopt_tui.errors import RagoptError

Messages = list[dict[str, str]]


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen: the likeliest one where `temperature` is 0.

    Else one is drawn from the likeliest that have the probability `top_p` together; the same
    `seed` draws the same.
    """

    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0


GREEDY = Sampling()


class Backend(Protocol):
    """A loaded model; used by one thread at a time."""

    @property
    def context_tokens(self) -> int:
        """How many tokens prompt and answer may have together."""
        ...

    def count_tokens(self, text: str) -> int:
        """Give how many tokens `text` has, without special tokens."""
        ...

    def stream(
        self,
        messages: Messages,
        max_tokens: int,
        cancelled: Callable[[], bool],
        sampling: Sampling = GREEDY,
    ) -> Iterator[str]:
        """Write the next turn in pieces of whole characters.

        Ends early when `cancelled()` turns true. Raises RagoptError if the prompt does not fit.
        """
        ...

    def close(self) -> None:
        """Free the model's memory, or the connection."""
        ...


class DamagedModel(RagoptError):
    """The files of a model are there and load, but what they hold is no working model."""


class ContextIsSmaller(RagoptError):
    """The prompt was too long for a server, which told its context only then.

    The backend heeds it from now on: a shorter prompt can be asked at once.
    """


def has_system_turn(messages: Messages) -> bool:
    """Whether a conversation begins with instructions, and then goes on."""
    return messages[0]["role"] == "system" and len(messages) > 1


def without_system_turn(messages: Messages) -> Messages:
    """Put the instructions at the top of the first user turn, for models that know no system."""
    system, user, *rest = messages
    return [user | {"content": f"{system['content']}\n\n{user['content']}"}, *rest]


def prompt_too_long(tokens: int, context_tokens: int) -> RagoptError:
    """Give the error of a prompt that leaves no room for an answer."""
    return RagoptError(
        f"The prompt has {tokens} tokens, the model's context {context_tokens}.",
        "Ask a shorter question, use fewer passages, or raise context_tokens in the settings.",
    )
