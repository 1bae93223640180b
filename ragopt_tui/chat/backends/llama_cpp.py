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
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import llama_cpp
import numpy as np
import psutil  # type: ignore[import-untyped]
from jinja2 import TemplateError
from llama_cpp.llama_chat_format import Jinja2ChatFormatter

from ragopt_tui.chat.backends import Messages, Sampling
from ragopt_tui.chat.backends.local import (
    LocalBackend,
    common_prefix,
    no_chat_template,
    no_numbers,
)
from ragopt_tui.errors import RagoptError
from ragopt_tui.models.memory import LLAMA_CPP_BATCH
from ragopt_tui.models.weights import gguf_headers

_log = logging.getLogger(__name__)
# While a model is loaded, standard error is closed for native code, and with it the log.
_log.addHandler(logging.StreamHandler(os.fdopen(os.dup(2), "w", encoding="utf-8")))
_log.propagate = False
_ERROR_LEVEL = 4
_CONTROL_TOKEN = 1 << 3
_FUNCTION = re.compile(r"^\w+: (?:error loading model: |failed to apply lora adapter: )?")
_native_errors: deque[str] = deque(maxlen=20)


@llama_cpp.llama_log_callback  # type: ignore[untyped-decorator]
def _on_native_log(level: int, text: bytes, _data: object) -> None:
    if level == _ERROR_LEVEL:
        message = text.decode("utf-8", errors="replace").strip()
        _native_errors.append(message)
        _log.error("llama.cpp: %s", message)


def _log_last_words(text: bytes) -> None:
    _log.error("llama.cpp: %s", text.decode("utf-8", errors="replace").strip())


_on_abort = ctypes.CFUNCTYPE(None, ctypes.c_char_p)(_log_last_words)


@atexit.register
def _stop_listening() -> None:
    """Freeing a model logs, which must not reach a callback that Python has already torn down."""
    llama_cpp.llama_log_set(llama_cpp.llama_log_callback(), None)


class LlamaCppBackend(LocalBackend):
    """One GGUF file; the tokens evaluated last are kept, and a prompt that begins alike reuses them."""

    def __init__(
        self,
        file: Path,
        context_tokens: int,
        *,
        gpu_layers: int = -1,
        threads: int | None = None,
        chat_template: str = "",
    ) -> None:
        """Load `file` with at most `context_tokens` of context.

        `gpu_layers` are computed on the GPU if there is one, -1 are all; `threads` is the number
        of processor threads, else `usable_cores()`. `chat_template` goes before the file's own.
        Raises RagoptError if it does not load or no chat template is known.
        """
        header = gguf_headers(file)[0].values
        trained = header.get(f"{header.get('general.architecture')}.context_length")
        limit = trained if isinstance(trained, int) and trained > 0 else context_tokens
        super().__init__(file, min(context_tokens, limit))
        own = header.get("tokenizer.chat_template")
        self._own_template = own if isinstance(own, str) and own.strip() else ""
        if not (chat_template or self._own_template):
            raise no_chat_template(file)
        self._llama = _load(file, self.context_tokens, gpu_layers, threads or usable_cores())
        self._free = weakref.finalize(self, self._llama.close)
        self._vocabulary = llama_cpp.llama_model_get_vocab(self._llama.model)
        self._template = chat_template or self._own_template
        self._formatter: Jinja2ChatFormatter | None = None
        self._adapter: Any = None

    def count_tokens(self, text: str) -> int:
        """Give how many tokens `text` has, without special tokens."""
        return len(self._llama.tokenize(text.encode(), add_bos=False, special=False))

    def use_adapter(self, adapter: Path | None, chat_template: str) -> None:
        """Put a GGUF adapter on the model in place of the one before, or none.

        Raises RagoptError if it does not fit the model; then the one before stays in use.
        """
        before, self._adapter = self._adapter, self._loaded_adapter(adapter)
        count = 1 if self._adapter else 0
        adapters = (llama_cpp.llama_adapter_lora_p_ctypes * 1)(self._adapter)
        scales = (ctypes.c_float * 1)(1.0)
        llama_cpp.llama_set_adapters_lora(self._llama.ctx, adapters, count, scales)
        if before:
            llama_cpp.llama_adapter_lora_free(before)
        self._template, self._formatter = chat_template or self._own_template, None
        self._forget()

    def close(self) -> None:
        """Free the model's memory, and with it an adapter's."""
        self._free()

    def _loaded_adapter(self, adapter: Path | None) -> Any:  # noqa: ANN401 - a native pointer
        if adapter is None:
            return None
        kind = gguf_headers(adapter)[0].values.get("general.type")
        if kind != "adapter":
            raise RagoptError(f"{adapter} is no GGUF adapter but a {kind or 'model'}.")
        _native_errors.clear()
        loaded = llama_cpp.llama_adapter_lora_init(self._llama.model, str(adapter).encode())
        # A failed load gives a null pointer, which is not None.
        if not bool(loaded):
            raise RagoptError(
                f"The adapter {adapter} does not fit {self.files_of}: {_reason('no reason given')}.",
                "Choose the base that the adapter was made for.",
            )
        return loaded

    def _encode(self, text: str) -> list[int]:
        tokens: list[int] = self._llama.tokenize(text.encode(), add_bos=False, special=True)
        bos = self._llama.token_bos()
        while len(tokens) > 1 and tokens[0] == tokens[1] == bos:
            tokens.pop(0)
        if bos >= 0 and tokens[:1] != [bos] and llama_cpp.llama_vocab_get_add_bos(self._vocabulary):
            tokens.insert(0, bos)
        return tokens

    def _write(
        self,
        tokens: list[int],
        max_tokens: int,
        cancelled: Callable[[], bool],
        sampling: Sampling,
    ) -> Iterator[str]:
        _native_errors.clear()
        abort = llama_cpp.ggml_abort_callback(lambda _data: cancelled())
        llama_cpp.llama_set_abort_callback(self._llama.ctx, abort, None)
        try:
            yield from self._continue(tokens, max_tokens, cancelled, sampling)
        except RuntimeError as error:
            if not cancelled():
                raise RagoptError(
                    f"llama.cpp could not evaluate the prompt: {_reason(str(error))}.",
                    "Try fewer passages or a smaller context_tokens in the settings.",
                ) from error
        finally:
            none = llama_cpp.ggml_abort_callback()
            llama_cpp.llama_set_abort_callback(self._llama.ctx, none, None)

    def _continue(
        self,
        tokens: list[int],
        max_tokens: int,
        cancelled: Callable[[], bool],
        sampling: Sampling,
    ) -> Iterator[str]:
        if not self._evaluate(tokens[:-1], cancelled):
            return
        self._llama.set_seed(sampling.seed)
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        generated = self._llama.generate(
            tokens, temp=sampling.temperature, top_p=sampling.top_p, top_k=0, min_p=0.0
        )
        for count, token in enumerate(generated, start=1):
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
            self._forget()
        self.evaluated_tokens = len(tokens) - kept
        for start in range(kept, len(tokens), LLAMA_CPP_BATCH):
            if cancelled():
                return False
            llama.eval(tokens[start : start + LLAMA_CPP_BATCH])
        if cancelled():
            return False
        if self.evaluated_tokens:
            self._check_numbers()
        return True

    def _check_numbers(self) -> None:
        logits = llama_cpp.llama_get_logits_ith(self._llama.ctx, -1)
        if not np.isfinite(np.ctypeslib.as_array(logits, shape=(self._llama.n_vocab(),))).all():
            self._forget()
            raise no_numbers(self.files_of)

    def _forget(self) -> None:
        """Empty the cache of evaluated tokens."""
        self._llama.reset()
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(self._llama.ctx), True)

    def _render(self, messages: Messages) -> str:
        if self._formatter is None:
            self._formatter = Jinja2ChatFormatter(
                template=self._template,
                bos_token=self._token_text(self._llama.token_bos()),
                eos_token=self._token_text(self._llama.token_eos()),
            )
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

    def _special_tokens(self) -> Sequence[str]:
        return self._control_tokens

    @cached_property
    def _control_tokens(self) -> list[str]:
        attributes = llama_cpp.llama_vocab_get_attr
        return [
            text
            for token in range(self._llama.n_vocab())
            if attributes(self._vocabulary, token) & _CONTROL_TOKEN
            and len(text := self._text_of(token)) > 2
        ]


def _load(file: Path, context_tokens: int, gpu_layers: int, threads: int) -> Any:  # noqa: ANN401
    llama_cpp.llama_log_set(_on_native_log, None)
    llama_cpp.llama_cpp._lib.ggml_set_abort_callback(_on_abort)
    _native_errors.clear()
    try:
        return llama_cpp.Llama(
            str(file),
            n_ctx=context_tokens,
            n_batch=LLAMA_CPP_BATCH,
            n_threads=threads,
            n_threads_batch=threads,
            n_gpu_layers=gpu_layers if llama_cpp.llama_supports_gpu_offload() else 0,
            verbose=False,
        )
    except (ValueError, RuntimeError, AssertionError, TemplateError) as error:
        reason = _reason(str(error))
        if "alloc" in reason:
            raise RagoptError(
                f"{file} does not fit in memory: {reason}.",
                "Use a smaller quantisation, or a smaller context_tokens in the settings.",
            ) from error
        raise RagoptError(
            f"llama.cpp cannot load {file}: {reason}.",
            "Check that the file is complete and that this version of llama.cpp knows the model.",
        ) from error


def _reason(otherwise: str) -> str:
    """Give llama.cpp's own first error line, which says more than an exception does."""
    reason = _FUNCTION.sub("", _native_errors[0]) if _native_errors else otherwise
    return " ".join(reason.split()).rstrip(".")


def usable_cores() -> int:
    """Give how many physical cores this process may use; at least 1."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    physical = psutil.cpu_count(logical=False)
    return max(1, min(allowed or 1, physical or allowed or 1))
