"""The one place where an example becomes tokens with loss: what is trained is what is used."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from jinja2 import TemplateError

from ragopt_tui.chat.backends import Messages, has_system_turn, without_system_turn
from ragopt_tui.chat.backends.local import defuse
from ragopt_tui.errors import RagoptError
from ragopt_tui.training.data.evidence_prompt import evidence_prompt
from ragopt_tui.training.data.example import Example
from ragopt_tui.training.data.pieces import Pieces, Span, dialogue_pieces, plain_pieces
from ragopt_tui.training.data.rendered import LeftOut, Rendered, Template
from ragopt_tui.training.data.tokens import encoded, tokens_of

_ENDLESS = 1_000_000_000
_COUNTED_TEXTS = 4_096
_REFUSALS = (TemplateError, ValueError, TypeError)
_GENERATION = re.compile(r"\{%-?\s*generation\s*-?%\}")


class Renderer:
    """Renders the examples of a set for one model."""

    def __init__(
        self,
        tokenizer: Any,  # noqa: ANN401 - each has its own class
        *,
        template: Template = "auto",
        completion_only: bool = True,
        max_length: int | None = 1024,
        builtin: bool = False,
        chat_template: str = "",
    ) -> None:
        """Take a tokenizer, as `load_tokenizer` gives it, and what a row may be.

        `max_length` is in tokens, None for any length. `builtin` is for the built-in model and what
        was made from it. `chat_template` goes before the tokenizer's own, as in the library.
        """
        self.template = template
        self.completion_only = completion_only
        self.max_length = max_length
        self.builtin = builtin
        self._tokenizer = tokenizer
        self._chat_template: str = chat_template or _own_template(tokenizer)
        self._special = [str(token) for token in tokenizer.all_special_tokens]
        self._end_marks = tuple(dict.fromkeys([*self._special, *_control_tokens(tokenizer)]))
        self._eos = str(tokenizer.eos_token or "")
        self._bos = _bos_of(tokenizer)
        # The rules and many passages are the same in one example after the other.
        self._count = lru_cache(_COUNTED_TEXTS)(lambda text: len(encoded(tokenizer, text)))

    def render(self, example: Example) -> Rendered:
        """Give the tokens of an example, and which carry loss.

        What is longer than `max_length` loses its end, so that it begins as every dialogue does.
        Raises LeftOut for an example of which nothing would be learned, RagoptError where there is
        no chat template to render dialogues with.
        """
        pieces, shortened = self._pieces(example)
        parts = pieces.parts
        if not self.completion_only:
            parts = ((pieces.text, True),)
        ids, loss = tokens_of(self._tokenizer, parts)
        # Nothing stands before the first token that it could be told from.
        loss[:1] = [False]
        length = self.max_length or len(ids)
        if not any(loss[:length]):
            raise _nothing_learned(loss, length)
        truncated = shortened or len(ids) > length
        return Rendered(
            tuple(ids[:length]), tuple(loss[:length]), truncated, pieces.note, length=len(ids)
        )

    def prompt_ids(self, example: Example) -> tuple[int, ...]:
        """Give the tokens that the model sees when it is to write the last answer."""
        ids, loss = tokens_of(self._tokenizer, self._pieces(example)[0].parts)
        start = len(loss) - loss[::-1].index(True)
        while start and loss[start - 1]:
            start -= 1
        return tuple(ids[:start])

    def _pieces(self, example: Example) -> tuple[Pieces, bool]:
        if not example.messages:
            parts = [(self._bos, False), (example.text + self._eos, True)]
            return Pieces(tuple(part for part in parts if part[0])), False
        messages = [{"role": m.role, "content": m.content} for m in example.messages]
        trained = [at for at, message in enumerate(example.messages) if message.trained]
        shortened = False
        if self.template == "evidence" and not example.evidence:
            raise LeftOut("It has no evidence, which `template: evidence` shows.")
        if example.evidence and self.template != "chat":
            prompt = evidence_prompt(
                example,
                builtin=self.builtin,
                count_tokens=self._count,
                room=self.max_length or _ENDLESS,
            )
            messages = [*prompt.messages, {"role": "assistant", "content": prompt.answer}]
            trained, shortened = [len(messages) - 1], prompt.shortened
        messages = messages[: trained[-1] + 1]
        if self.template == "none":
            return plain_pieces(messages, trained, example.between, self._bos, self._eos), shortened
        return self._dialogue(messages, trained), shortened

    def _dialogue(self, messages: Messages, trained: Sequence[int]) -> Pieces:
        if not self._chat_template:
            raise RagoptError(
                "The model has no chat template, so dialogues cannot be rendered as it would see them.",
                "Write `template: none` to train on plain text, or give the model the template that "
                "its maker publishes.",
            )
        messages = defuse(messages, self._special)
        try:
            try:
                full = self._render(messages, False)
            except _REFUSALS:
                if not has_system_turn(messages) or messages[1]["role"] != "user":
                    raise
                messages, trained = without_system_turn(messages), [at - 1 for at in trained]
                full = self._render(messages, False)
            marked = self._marked(messages)
            return dialogue_pieces(
                full, self._render, messages, trained, self._end_marks, self._eos, marked
            )
        except _REFUSALS as error:
            raise LeftOut(f"The chat template refuses the dialogue: {error}.") from error

    def _render(self, messages: Messages, for_answer: bool) -> str:
        text = self._tokenizer.apply_chat_template(
            messages,
            chat_template=self._chat_template,
            tokenize=False,
            add_generation_prompt=for_answer,
        )
        return str(text)

    def _marked(self, messages: Messages) -> Sequence[Span]:
        """Give the stretches of a dialogue that the template marks as the assistant's."""
        if not _GENERATION.search(self._chat_template):
            return ()
        from transformers.utils.chat_template_utils import render_jinja_template

        # Annotated as a string, it gives texts and their stretches.
        rendered: Any = render_jinja_template(
            conversations=[messages],
            chat_template=self._chat_template,
            return_assistant_tokens_mask=True,
            **self._tokenizer.special_tokens_map,
        )
        _, spans = rendered
        return [(start, end) for start, end in spans[0]]


def render(
    example: Example,
    tokenizer: Any,  # noqa: ANN401
    *,
    template: Template = "auto",
    completion_only: bool = True,
    max_length: int | None = 1024,
    builtin: bool = False,
) -> Rendered:
    """Render one example, as `Renderer.render` does."""
    renderer = Renderer(
        tokenizer,
        template=template,
        completion_only=completion_only,
        max_length=max_length,
        builtin=builtin,
    )
    return renderer.render(example)


def _own_template(tokenizer: Any) -> str:  # noqa: ANN401
    """Give the tokenizer's chat template, the one for plain chat where it has several."""
    own = tokenizer.chat_template or ""
    return str(own.get("default", "")) if isinstance(own, dict) else str(own)


def _control_tokens(tokenizer: Any) -> list[str]:  # noqa: ANN401
    added = tokenizer.added_tokens_decoder.values()
    return [str(token.content) for token in added if token.special]


def _bos_of(tokenizer: Any) -> str:  # noqa: ANN401
    """Give the beginning-of-sequence token where the tokenizer puts it before texts, else ""."""
    ids = tokenizer("a").input_ids
    return str(tokenizer.bos_token) if ids and ids[0] == tokenizer.bos_token_id else ""


def _nothing_learned(loss: Sequence[bool], length: int) -> LeftOut:
    if not any(loss):
        return LeftOut("It has no token that would be learned.")
    return LeftOut(
        f"Its prompt alone has {loss.index(True)} tokens, max_length is {length}.",
        "Raise max_length.",
    )
