"""Language models that continue a conversation: one Backend for each way to run them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from ragopt_tui.errors import RagoptError
from ragopt_tui.models.variant import Variant
from ragopt_tui.settings import Settings

Messages = list[dict[str, str]]


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
        self, messages: Messages, max_tokens: int, cancelled: Callable[[], bool]
    ) -> Iterator[str]:
        """Write the next turn, greedily, in pieces of whole characters.

        Ends early when `cancelled()` turns true. Raises RagoptError if the prompt does not fit.
        """
        ...

    def close(self) -> None:
        """Free the model's memory."""
        ...


def load_backend(variant: Variant, settings: Settings) -> Backend:
    """Load a variant that generates; raises RagoptError with the reason if it does not load."""
    if variant.path is None:
        raise RagoptError(f"{variant.name} answers without a language model.")
    if variant.kind == "gguf":
        from ragopt_tui.chat.backends.llama_cpp import LlamaCppBackend

        return LlamaCppBackend(variant.path, settings.context_tokens)
    from ragopt_tui.chat.backends.transformers import TransformersBackend

    return TransformersBackend(variant.path, settings.context_tokens)


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
        if messages[0]["role"] == "system" and len(messages) > 1:
            system, user, *rest = messages
            merged = user | {"content": f"{system['content']}\n\n{user['content']}"}
            return rendered(template, [merged, *rest], source)
        raise RagoptError(f"The chat template of {source} cannot be used: {error}.") from error


def prompt_too_long(tokens: int, context_tokens: int) -> RagoptError:
    """Give the error of a prompt that leaves no room for an answer."""
    return RagoptError(
        f"The prompt has {tokens} tokens, the model's context {context_tokens}.",
        "Ask a shorter question, use fewer passages, or raise context_tokens in the settings.",
    )
