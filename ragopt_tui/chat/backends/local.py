"""What the models that run in this process have in common: from a conversation to its tokens."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from ragopt_tui.chat.backends import (
    GREEDY,
    DamagedModel,
    Messages,
    Sampling,
    has_system_turn,
    prompt_too_long,
    without_system_turn,
)
from ragopt_tui.errors import RagoptError


class LocalBackend(ABC):
    """A model of this machine; what it computed for the last tokens is kept and used again."""

    def __init__(self, files_of: Path, context_tokens: int) -> None:
        self.files_of = files_of
        self.context_tokens = context_tokens
        self.evaluated_tokens = 0
        """How many tokens of the last prompt had to be evaluated; the others were kept."""

    @abstractmethod
    def count_tokens(self, text: str) -> int:
        """Give how many tokens `text` has, without special tokens."""

    @abstractmethod
    def use_adapter(self, adapter: Path | None, chat_template: str) -> None:
        """Put an adapter on the loaded base in place of the one before, or none.

        Raises RagoptError if it does not fit the base; then the one before stays in use.
        """

    @abstractmethod
    def close(self) -> None:
        """Free the model's memory."""

    def prompt_tokens(self, messages: Messages) -> list[int]:
        """Give the tokens of the rendered conversation, with at most one beginning-of-sequence."""
        text = rendered(self._render, defuse(messages, self._special_tokens()), self.files_of)
        return self._encode(text)

    def stream(
        self,
        messages: Messages,
        max_tokens: int,
        cancelled: Callable[[], bool],
        sampling: Sampling = GREEDY,
    ) -> Iterator[str]:
        """Write the next turn; `evaluated_tokens` then says how much was not reused."""
        tokens = self.prompt_tokens(messages)
        room = self.context_tokens - len(tokens)
        if room < 1:
            raise prompt_too_long(len(tokens), self.context_tokens)
        yield from self._write(tokens, min(max_tokens, room), cancelled, sampling)

    @abstractmethod
    def _special_tokens(self) -> Sequence[str]:
        """Give the texts of the model's control tokens."""

    @abstractmethod
    def _render(self, messages: Messages) -> str:
        """Render a conversation with the chat template, up to where the answer begins."""

    @abstractmethod
    def _encode(self, text: str) -> list[int]:
        """Give the tokens of a rendered conversation."""

    @abstractmethod
    def _write(
        self,
        tokens: list[int],
        max_tokens: int,
        cancelled: Callable[[], bool],
        sampling: Sampling,
    ) -> Iterator[str]:
        """Continue `tokens` by at most `max_tokens`, which have room in the context."""


def defuse(messages: Messages, special_tokens: Sequence[str]) -> Messages:
    """Split the model's control tokens where they stand in contents, so that they are read as text.

    A document that contains `</s>` or `<|im_end|>` must not be able to end the user's turn.
    """
    return [
        message | {"content": _without(message["content"], special_tokens)} for message in messages
    ]


def _without(text: str, special_tokens: Sequence[str]) -> str:
    for token in special_tokens:
        if token in text:
            text = text.replace(token, f"{token[0]} {token[1:]}")
    return text


def common_prefix(a: Sequence[int], b: Sequence[int]) -> int:
    """Give how many tokens two sequences share from the start."""
    for at, (x, y) in enumerate(zip(a, b, strict=False)):
        if x != y:
            return at
    return min(len(a), len(b))


def rendered(template: Callable[[Messages], str], messages: Messages, source: Path) -> str:
    """Render a conversation with a model's chat template.

    Templates that know no system turn get its text at the top of the first user turn. Raises
    RagoptError that names `source` if the template fails.
    """
    from jinja2 import TemplateError

    try:
        return template(messages)
    except (TemplateError, ValueError, TypeError) as error:
        if has_system_turn(messages):
            return rendered(template, without_system_turn(messages), source)
        raise RagoptError(f"The chat template of {source} cannot be used: {error}.") from error


def no_chat_template(source: Path) -> RagoptError:
    """Give the error of a model that does not say how to talk to it."""
    return RagoptError(
        f"{source} has no chat template, so it is unknown how to talk to the model.",
        "Give it the template that its maker publishes: F6, then Chat template.",
    )


def no_numbers(source: Path) -> DamagedModel:
    """Give the error of a model that computes NaN or infinity."""
    return DamagedModel(
        f"{source} computes no usable numbers (NaN), so its weights are damaged.",
        "Get or convert the model again.",
    )
