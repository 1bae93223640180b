"""Hugging Face folders, run by transformers."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import DynamicCache

from ragopt_tui.chat.backends import Messages, Sampling
from ragopt_tui.chat.backends.local import (
    LocalBackend,
    common_prefix,
    no_chat_template,
    no_numbers,
)
from ragopt_tui.chat.backends.transformers_loading import (
    has_tokenizer,
    load_model,
    load_tokenizer,
)
from ragopt_tui.models.generation_settings import Precision
from ragopt_tui.models.memory import PROMPT_CHUNK

_UNFINISHED = "\ufffd"


class TransformersBackend(LocalBackend):
    """One model folder; keys and values of the last tokens are kept for prompts that begin alike."""

    def __init__(
        self,
        folder: Path,
        context_tokens: int,
        *,
        precision: Precision = "auto",
        chat_template: str = "",
    ) -> None:
        """Load `folder` onto the GPU if there is one, else into memory.

        `chat_template` goes before the folder's own. Raises RagoptError if it does not load or
        no chat template is known.
        """
        transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        self._base_tokenizer = load_tokenizer(folder)
        self._tokenizer = self._base_tokenizer
        self._template = _template(self._tokenizer, chat_template, folder)
        self._model = load_model(folder, precision)
        config = self._model.config.get_text_config()
        limit = getattr(config, "max_position_embeddings", None) or context_tokens
        super().__init__(folder, min(context_tokens, limit))
        self._adapter: Any = None
        self._ends = _end_tokens(self._model, self._tokenizer)
        self._cache: Any = None
        self._cached: list[int] = []

    def count_tokens(self, text: str) -> int:
        """Give how many tokens `text` has, without special tokens."""
        return len(self._tokenizer(text, add_special_tokens=False, verbose=False).input_ids)

    @property
    def dtype(self) -> torch.dtype:
        """The number format in which the model computes."""
        dtype: torch.dtype = self._model.dtype
        return dtype

    def use_adapter(self, adapter: Path | None, chat_template: str) -> None:
        """Put a PEFT adapter on the loaded model in place of the one before, or none.

        A tokenizer in the adapter's folder is used instead of the model's. Raises RagoptError if
        the adapter does not fit the model; then the one before stays in use.
        """
        own = adapter is not None and has_tokenizer(adapter)
        tokenizer = load_tokenizer(adapter) if adapter and own else self._base_tokenizer
        template = _template(tokenizer, chat_template, adapter or self.files_of)
        if adapter or self._adapter:
            self._forget()
            self._put_on(adapter)
        self._tokenizer, self._template = tokenizer, template
        self._ends = _end_tokens(self._model, tokenizer)

    def close(self) -> None:
        """Free the model's memory."""
        self._forget()
        model = weakref.ref(self._model)
        self._model = self._adapter = None
        # Looking through all objects takes a second, so only where they hold each other.
        if model() is not None:
            gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _put_on(self, adapter: Path | None) -> None:
        if self._adapter is None:
            from ragopt_tui.chat.backends.peft_adapter import PeftAdapter

            self._adapter = PeftAdapter(self._model, self.files_of)
        self._adapter.use(adapter)

    def _encode(self, text: str) -> list[int]:
        encoded = self._tokenizer(text, add_special_tokens=False, verbose=False)
        tokens: list[int] = list(encoded.input_ids)
        bos = self._tokenizer.bos_token_id
        while bos is not None and tokens[:2] == [bos, bos]:
            tokens.pop(0)
        return tokens

    def _write(
        self,
        tokens: list[int],
        max_tokens: int,
        cancelled: Callable[[], bool],
        sampling: Sampling,
    ) -> Iterator[str]:
        written: list[int] = []
        said = ""
        for token in self._continue(tokens, max_tokens, cancelled, sampling):
            written.append(token)
            text = self._tokenizer.decode(written, skip_special_tokens=True)
            # Bytes of a character may span tokens: its replacement stands at the end till then.
            if not text.endswith(_UNFINISHED) and len(text) > len(said):
                yield text[len(said) :]
                said = text
        text = self._tokenizer.decode(written, skip_special_tokens=True)
        if len(text) > len(said) and not cancelled():
            yield text[len(said) :]

    def _continue(
        self,
        tokens: list[int],
        max_tokens: int,
        cancelled: Callable[[], bool],
        sampling: Sampling,
    ) -> Iterator[int]:
        kept = self._reuse(tokens)
        self.evaluated_tokens = len(tokens) - kept
        logits = None
        for start in range(kept, len(tokens), PROMPT_CHUNK):
            if cancelled():
                return
            logits = self._forward(tokens[start : start + PROMPT_CHUNK])
        assert logits is not None
        if not torch.isfinite(logits).all():
            self._forget()
            raise no_numbers(self.files_of)
        choose = _chooser(sampling, logits.device)
        for left in range(max_tokens - 1, -1, -1):
            token = choose(logits)
            if token in self._ends or cancelled():
                return
            yield token
            if left:
                logits = self._forward([token])

    def _forward(self, tokens: list[int]) -> torch.Tensor:
        """Append `tokens` to the cache and give the logits behind the last of them."""
        cache, cached = self._cache, self._cached
        # Out of memory halfway, some layers would hold the tokens and others not.
        self._forget()
        with torch.inference_mode():
            output = self._model(
                input_ids=torch.tensor([tokens], device=self._model.device),
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
            )
        self._cache, self._cached = output.past_key_values, cached + tokens
        logits: torch.Tensor = output.logits[0, -1]
        return logits

    def _special_tokens(self) -> Sequence[str]:
        return [str(token) for token in self._tokenizer.all_special_tokens]

    def _render(self, messages: Messages) -> str:
        return str(
            self._tokenizer.apply_chat_template(
                messages,
                chat_template=self._template,
                tokenize=False,
                add_generation_prompt=True,
            )
        )

    def _reuse(self, tokens: list[int]) -> int:
        """Cut the cache to the prefix it shares with `tokens`, less the last; give its length."""
        kept = min(common_prefix(self._cached, tokens), len(tokens) - 1)
        if kept and isinstance(self._cache, DynamicCache) and not any(self._cache.is_sliding):
            if kept < len(self._cached):
                self._cache.crop(kept - len(self._cached))
            self._cached = self._cached[:kept]
            return kept
        self._forget()
        return 0

    def _forget(self) -> None:
        """Let go of the keys and values of the last tokens."""
        self._cache, self._cached = None, []


def _chooser(sampling: Sampling, device: torch.device) -> Callable[[torch.Tensor], int]:
    """Give what chooses a token from the logits, shape (vocabulary,)."""
    if sampling.temperature <= 0:
        return lambda logits: int(logits.argmax())
    generator = torch.Generator(device).manual_seed(sampling.seed)

    def draw(logits: torch.Tensor) -> int:
        probabilities = (logits.float() / sampling.temperature).softmax(dim=-1)
        ordered, tokens = probabilities.sort(descending=True)
        likelier = ordered.cumsum(dim=-1) - ordered
        ordered[1:][likelier[1:] >= sampling.top_p] = 0.0
        return int(tokens[torch.multinomial(ordered, 1, generator=generator)])

    return draw


def _template(tokenizer: Any, given: str, source: Path) -> str | None:  # noqa: ANN401
    """Give the chat template to render with, None for the tokenizer's own."""
    if not given and not tokenizer.chat_template:
        raise no_chat_template(source)
    return given or None


def _end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:  # noqa: ANN401
    configured = model.generation_config.eos_token_id
    ends = configured if isinstance(configured, list) else [configured]
    return frozenset(end for end in [*ends, tokenizer.eos_token_id] if end is not None)
