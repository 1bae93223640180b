"""GGUF models, run by llama.cpp."""

from __future__ import annotations

import atexit
import codecs
import ctypes
import logging
import os
import re
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import llama_cpp
import psutil  # type: ignore[import-untyped]
from jinja2 import TemplateError
from llama_cpp.llama_chat_format import Jinja2ChatFormatter

from ragopt_tui.chat.backends import Messages, common_prefix, defuse, prompt_too_long, rendered
from ragopt_tui.errors import RagoptError
from ragopt_tui.models.gguf_header import read_gguf_header

_log = logging.getLogger(__name__)
_BATCH = 512
_ERROR_LEVEL = 4
_CONTROL_TOKEN = 1 << 3
_FUNCTION = re.compile(r"^\w+: (?:error loading model: )?")
_native_errors: deque[str] = deque(maxlen=20)


@llama_cpp.llama_log_callback  # type: ignore[untyped-decorator]
def _on_native_log(level: int, text: bytes, _data: object) -> None:
    if level == _ERROR_LEVEL:
        message = text.decode("utf-8", errors="replace").strip()
        _native_errors.append(message)
        _log.error("llama.cpp: %s", message)


@atexit.register
def _stop_listening() -> None:
    """Freeing a model logs, which must not reach a callback that Python has already torn down."""
    llama_cpp.llama_log_set(llama_cpp.llama_log_callback(), None)


class LlamaCppBackend:
    """One GGUF file; the tokens evaluated last are kept, and a prompt that begins alike reuses them."""

    def __init__(self, file: Path, context_tokens: int) -> None:
        """Load `file` with at most `context_tokens` of context.

        Raises RagoptError if it does not load or has no chat template.
        """
        self._file = file
        header = read_gguf_header(file)
        template = header.get("tokenizer.chat_template")
        if not isinstance(template, str) or not template.strip():
            raise RagoptError(
                f"{file} has no chat template, so it is unknown how to talk to the model.",
                "Convert it again from a model folder with a chat template.",
            )
        trained = header.get(f"{header.get('general.architecture')}.context_length")
        limit = trained if isinstance(trained, int) and trained > 0 else context_tokens
        self.context_tokens = min(context_tokens, limit)
        self._llama = _load(file, self.context_tokens)
        self._free = weakref.finalize(self, self._llama.close)
        self._vocabulary = llama_cpp.llama_model_get_vocab(self._llama.model)
        self._special = self._control_tokens()
        self._formatter = Jinja2ChatFormatter(
            template=template,
            bos_token=self._token_text(self._llama.token_bos()),
            eos_token=self._token_text(self._llama.token_eos()),
        )
        self.evaluated_tokens = 0

    def count_tokens(self, text: str) -> int:
        """Give how many tokens `text` has, without special tokens."""
        return len(self._llama.tokenize(text.encode(), add_bos=False, special=False))

    def prompt_tokens(self, messages: Messages) -> list[int]:
        """Give the tokens of the rendered conversation, with exactly one beginning-of-sequence."""
        text = rendered(self._render, defuse(messages, self._special), self._file)
        tokens: list[int] = self._llama.tokenize(text.encode(), add_bos=False, special=True)
        bos = self._llama.token_bos()
        while len(tokens) > 1 and tokens[0] == tokens[1] == bos:
            tokens.pop(0)
        if bos >= 0 and tokens[:1] != [bos] and llama_cpp.llama_vocab_get_add_bos(self._vocabulary):
            tokens.insert(0, bos)
        return tokens

    def stream(
        self, messages: Messages, max_tokens: int, cancelled: Callable[[], bool]
    ) -> Iterator[str]:
        """Write the next turn, greedily; `evaluated_tokens` then says how much was not reused."""
        tokens = self.prompt_tokens(messages)
        room = self.context_tokens - len(tokens)
        if room < 1:
            raise prompt_too_long(len(tokens), self.context_tokens)
        _native_errors.clear()
        abort = llama_cpp.ggml_abort_callback(lambda _data: cancelled())
        llama_cpp.llama_set_abort_callback(self._llama.ctx, abort, None)
        try:
            yield from self._continue(tokens, min(max_tokens, room), cancelled)
        except RuntimeError as error:
            if not cancelled():
                raise RagoptError(
                    f"llama.cpp could not evaluate the prompt: {_reason(error)}.",
                    "Try fewer passages or a smaller context_tokens in the settings.",
                ) from error
        finally:
            none = llama_cpp.ggml_abort_callback()
            llama_cpp.llama_set_abort_callback(self._llama.ctx, none, None)

    def close(self) -> None:
        """Free the model's memory."""
        self._free()

    def _continue(
        self, tokens: list[int], max_tokens: int, cancelled: Callable[[], bool]
    ) -> Iterator[str]:
        if not self._evaluate(tokens[:-1], cancelled):
            return
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        for count, token in enumerate(self._llama.generate(tokens, temp=0.0), start=1):
            if cancelled() or llama_cpp.llama_vocab_is_eog(self._vocabulary, token):
                break
            piece = decoder.decode(self._piece(token))
            if piece:
                yield piece
            if count == max_tokens:
                break
        rest = decoder.decode(b"", final=True)
        if rest and not cancelled():
            yield rest

    def _evaluate(self, tokens: list[int], cancelled: Callable[[], bool]) -> bool:
        """Evaluate what is not yet in the cache; False if cancelled meanwhile."""
        llama = self._llama
        kept = common_prefix(llama.input_ids[: llama.n_tokens].tolist(), tokens)
        memory = llama_cpp.llama_get_memory(llama.ctx)
        if kept and llama_cpp.llama_memory_seq_rm(memory, -1, kept, -1):
            llama.n_tokens = kept
        else:
            kept = 0
            llama.reset()
            llama_cpp.llama_memory_clear(memory, True)
        self.evaluated_tokens = len(tokens) - kept
        for start in range(kept, len(tokens), _BATCH):
            if cancelled():
                return False
            llama.eval(tokens[start : start + _BATCH])
        return not cancelled()

    def _render(self, messages: Messages) -> str:
        return str(self._formatter(messages=messages).prompt)  # type: ignore[arg-type]

    def _piece(self, token: int) -> bytes:
        size = 64
        while True:
            buffer = ctypes.create_string_buffer(size)
            length = llama_cpp.llama_token_to_piece(self._vocabulary, token, buffer, size, 0, False)
            if length >= 0:
                return buffer.raw[:length]
            size = -length

    def _token_text(self, token: int) -> str:
        return self._text_of(token) if token >= 0 else ""

    def _text_of(self, token: int) -> str:
        text: bytes = llama_cpp.llama_vocab_get_text(self._vocabulary, token)
        return text.decode("utf-8", errors="replace")

    def _control_tokens(self) -> list[str]:
        attributes = llama_cpp.llama_vocab_get_attr
        return [
            text
            for token in range(self._llama.n_vocab())
            if attributes(self._vocabulary, token) & _CONTROL_TOKEN
            and len(text := self._text_of(token)) > 2
        ]


def _load(file: Path, context_tokens: int) -> Any:  # noqa: ANN401 - llama_cpp has no types
    llama_cpp.llama_log_set(_on_native_log, None)
    _native_errors.clear()
    threads = usable_cores()
    try:
        return llama_cpp.Llama(
            str(file),
            n_ctx=context_tokens,
            n_batch=_BATCH,
            n_threads=threads,
            n_threads_batch=threads,
            n_gpu_layers=-1 if llama_cpp.llama_supports_gpu_offload() else 0,
            verbose=False,
        )
    except (ValueError, RuntimeError, AssertionError, TemplateError) as error:
        reason = _reason(error)
        if "alloc" in reason:
            raise RagoptError(
                f"{file} does not fit in memory: {reason}.",
                "Use a smaller quantisation, or a smaller context_tokens in the settings.",
            ) from error
        raise RagoptError(
            f"llama.cpp cannot load {file}: {reason}.",
            "Check that the file is complete and that this version of llama.cpp knows the model.",
        ) from error


def _reason(error: Exception) -> str:
    """Give llama.cpp's own first error line, which says more than the exception does."""
    reason = _FUNCTION.sub("", _native_errors[0]) if _native_errors else str(error)
    return " ".join(reason.split()).rstrip(".")


def usable_cores() -> int:
    """Give how many physical cores this process may use; at least 1."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    physical = psutil.cpu_count(logical=False)
    return max(1, min(allowed or 1, physical or allowed or 1))
