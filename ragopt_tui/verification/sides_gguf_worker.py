"""The process in which llama.cpp runs a side: `python -m ragopt_tui.verification.sides_gguf_worker`.

llama.cpp can abort or crash the process that it runs in, so it has one of its own. Requests are
JSON lines on standard input. An answer is a JSON line on standard output; where it has `rows`,
that many rows of `width` float32 follow. `error` is why a request failed. llama.cpp's errors go to
standard error, each in a line that begins with `E: `.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import llama_cpp
import numpy as np
import numpy.typing as npt
from llama_cpp.llama_chat_format import Jinja2ChatFormatter

_F32 = 0
_CONTROL = (1 << 3) | (1 << 4)
_NO_FLASH_ATTENTION = 0
_ERROR_LEVEL = 4
_BATCH = 256
_CONTEXT_STEP = 256
_PIECE_BYTES = 64


@llama_cpp.llama_log_callback  # type: ignore[untyped-decorator]
def _on_log(level: int, text: bytes, _data: object) -> None:
    if level == _ERROR_LEVEL:
        os.write(2, b"E: " + text.strip() + b"\n")


class Runner:
    """A GGUF file: its vocabulary at first, its weights when they are asked for."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self._spec = spec
        llama_cpp.llama_log_set(_on_log, None)
        llama_cpp.llama_backend_init()
        self._words = self._load(vocab_only=True)
        self.vocabulary = llama_cpp.llama_model_get_vocab(self._words)
        self._model: Any = None
        self._adapter: Any = None
        self._context: Any = None
        self._context_tokens = 0
        self._formatters: dict[bool, Jinja2ChatFormatter] = {}

    def facts(self) -> dict[str, Any]:
        """Give the facts of the vocabulary."""
        words = self.vocabulary
        count = llama_cpp.llama_vocab_n_tokens(words)
        ids = range(count)
        special = [i for i in ids if llama_cpp.llama_vocab_get_attr(words, i) & _CONTROL]
        return {
            "width": count,
            "bos": llama_cpp.llama_vocab_bos(words),
            "eos": llama_cpp.llama_vocab_eos(words),
            "ends": [i for i in ids if llama_cpp.llama_vocab_is_eog(words, i)],
            "adds_bos": bool(llama_cpp.llama_vocab_get_add_bos(words)),
            "special": [self._text_of(i) for i in special],
        }

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Give the tokens of texts, in which special tokens are recognised."""
        return [self._encoded(text.encode("utf-8", "surrogatepass")) for text in texts]

    def text(self, ids: Sequence[int], *, special: bool) -> str:
        """Give the text of tokens, with specials as they are written or without."""
        return b"".join(self._piece(i, special=special) for i in ids).decode("utf-8", "replace")

    def render(self, dialogues: Sequence[Any], template: str, answer: bool) -> list[dict[str, Any]]:
        """Render dialogues with a template; gives texts and tokens, or why it failed."""
        results: list[dict[str, Any]] = []
        for dialogue in dialogues:
            try:
                prompt = str(self._formatter(template, answer)(messages=dialogue).prompt)
                results.append({"text": prompt, "ids": self._encoded(prompt.encode())})
            except Exception as error:  # noqa: BLE001 - a template raises whatever it likes
                results.append({"error": f"{type(error).__name__}: {error}"})
        return results

    def logits(self, ids: Sequence[int], context: int) -> Iterator[npt.NDArray[np.float32]]:
        """Give the logits behind each token, a batch at a time."""
        self._ready(max(context, len(ids)))
        for start in range(0, len(ids), _BATCH):
            yield self._decoded(ids[start : start + _BATCH], start, every=True)

    def greedy(self, ids: Sequence[int], most: int) -> dict[str, Any]:
        """Continue by the likeliest token."""
        self._ready(len(ids) + most)
        for start in range(0, len(ids), _BATCH):
            last = self._decoded(ids[start : start + _BATCH], start, every=False)
        written: list[int] = []
        while len(written) < most:
            token = int(last[-1].argmax())
            if llama_cpp.llama_vocab_is_eog(self.vocabulary, token):
                return {"text": self.text(written, special=False), "stopped": True}
            written.append(token)
            if len(written) < most:
                last = self._decoded([token], len(ids) + len(written) - 1, every=False)
        return {"text": self.text(written, special=False), "stopped": False}

    def rest(self) -> None:
        """Free the weights."""
        self._free_context()
        if self._adapter:
            llama_cpp.llama_adapter_lora_free(self._adapter)
        if self._model:
            llama_cpp.llama_model_free(self._model)
        self._model = self._adapter = None

    def _load(self, *, vocab_only: bool) -> Any:  # noqa: ANN401 - a native pointer
        parameters = llama_cpp.llama_model_default_params()
        parameters.vocab_only = vocab_only
        parameters.n_gpu_layers = self._spec["gpu_layers"]
        model = llama_cpp.llama_model_load_from_file(self._spec["file"].encode(), parameters)
        if not model:
            raise RuntimeError("llama.cpp does not load it")
        return model

    def _ready(self, tokens: int) -> None:
        """Have a context of that many tokens, empty."""
        if self._model is None:
            self._model = self._load(vocab_only=False)
            if self._spec["adapter"]:
                self._adapter = llama_cpp.llama_adapter_lora_init(
                    self._model, self._spec["adapter"].encode()
                )
                if not bool(self._adapter):
                    raise RuntimeError("the adapter does not fit its base")
        wanted = -(-tokens // _CONTEXT_STEP) * _CONTEXT_STEP
        if self._context is None or wanted != self._context_tokens:
            self._free_context()
            self._context = self._made_context(wanted)
            self._context_tokens = wanted
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(self._context), True)

    def _made_context(self, tokens: int) -> Any:  # noqa: ANN401 - a native pointer
        parameters = llama_cpp.llama_context_default_params()
        parameters.n_ctx = tokens
        parameters.n_batch = parameters.n_ubatch = _BATCH
        parameters.n_threads = parameters.n_threads_batch = self._spec["threads"]
        parameters.type_k = parameters.type_v = _F32
        parameters.flash_attn_type = _NO_FLASH_ATTENTION
        parameters.offload_kqv = self._spec["gpu_layers"] != 0
        context = llama_cpp.llama_init_from_model(self._model, parameters)
        if not context:
            raise RuntimeError(f"llama.cpp has no memory for {tokens} tokens")
        if self._adapter:
            adapters = (llama_cpp.llama_adapter_lora_p_ctypes * 1)(self._adapter)
            scales = (ctypes.c_float * 1)(1.0)
            if llama_cpp.llama_set_adapters_lora(context, adapters, 1, scales):
                raise RuntimeError("the adapter does not fit its base")
        return context

    def _free_context(self) -> None:
        if self._context is not None:
            llama_cpp.llama_free(self._context)
        self._context = None

    def _decoded(self, ids: Sequence[int], at: int, *, every: bool) -> npt.NDArray[np.float32]:
        """Evaluate tokens from position `at`; gives the logits of each, or of the last alone."""
        batch = llama_cpp.llama_batch_init(len(ids), 0, 1)
        try:
            batch.n_tokens = len(ids)
            for n, token in enumerate(ids):
                batch.token[n], batch.pos[n] = token, at + n
                batch.n_seq_id[n], batch.seq_id[n][0] = 1, 0
                batch.logits[n] = every or n == len(ids) - 1
            status = llama_cpp.llama_decode(self._context, batch)
            if status:
                raise RuntimeError(f"llama.cpp cannot evaluate it (status {status})")
        finally:
            llama_cpp.llama_batch_free(batch)
        rows = len(ids) if every else 1
        shape = (rows, llama_cpp.llama_vocab_n_tokens(self.vocabulary))
        pointer = llama_cpp.llama_get_logits(self._context)
        return np.ctypeslib.as_array(pointer, shape=shape)

    def _formatter(self, template: str, answer: bool) -> Jinja2ChatFormatter:
        if answer not in self._formatters:
            words = self.vocabulary
            self._formatters[answer] = Jinja2ChatFormatter(
                template=template,
                bos_token=self._written(llama_cpp.llama_vocab_bos(words)),
                eos_token=self._written(llama_cpp.llama_vocab_eos(words)),
                add_generation_prompt=answer,
            )
        return self._formatters[answer]

    def _encoded(self, text: bytes) -> list[int]:
        size = len(text) + 8
        while True:
            tokens = (llama_cpp.llama_token * size)()
            count = llama_cpp.llama_tokenize(
                self.vocabulary, text, len(text), tokens, size, False, True
            )
            if count >= 0:
                return list(tokens[:count])
            size = -count

    def _piece(self, token: int, *, special: bool) -> bytes:
        size = _PIECE_BYTES
        while True:
            buffer = ctypes.create_string_buffer(size)
            length = llama_cpp.llama_token_to_piece(
                self.vocabulary, token, buffer, size, 0, special
            )
            if length >= 0:
                return buffer.raw[:length]
            size = -length

    def _written(self, token: int) -> str:
        return self._text_of(token) if token >= 0 else ""

    def _text_of(self, token: int) -> str:
        text: bytes = llama_cpp.llama_vocab_get_text(self.vocabulary, token)
        return text.decode("utf-8", errors="replace")


def _answers(runner: Runner, request: dict[str, Any]) -> Iterator[tuple[dict[str, Any], bytes]]:
    """Give the answers to a request, each with the bytes that follow it."""
    do = request["do"]
    if do == "facts":
        yield runner.facts(), b""
    elif do == "encode":
        yield {"ids": runner.encode(request["texts"])}, b""
    elif do == "text":
        yield {"text": runner.text(request["ids"], special=True)}, b""
    elif do == "render":
        results = runner.render(request["dialogues"], request["template"], request["answer"])
        yield {"rendered": results}, b""
    elif do == "greedy":
        yield runner.greedy(request["ids"], request["most"]), b""
    elif do == "logits":
        for rows in runner.logits(request["ids"], request["context"]):
            yield {"rows": len(rows)}, rows.tobytes()
        yield {"rows": 0}, b""
    else:
        runner.rest()
        yield {}, b""


def _serve(requests: BinaryIO, answers: BinaryIO) -> None:
    runner: Runner | None = None
    for line in requests:
        request = json.loads(line)
        try:
            if runner is None:
                runner = Runner(request)
                parts: Iterator[tuple[dict[str, Any], bytes]] = iter([({}, b"")])
            else:
                parts = _answers(runner, request)
            for header, data in parts:
                answers.write(json.dumps(header).encode() + b"\n" + data)
                answers.flush()
        except (RuntimeError, ValueError, OSError) as error:
            answers.write(json.dumps({"error": str(error)}).encode() + b"\n")
            answers.flush()


def main() -> None:
    """Serve requests until standard input ends."""
    answers = os.fdopen(os.dup(1), "wb")
    # What native code prints must not get between the answers.
    os.dup2(2, 1)
    _serve(sys.stdin.buffer, answers)
    # llama.cpp's log handler must not be called while Python ends.
    os._exit(0)


if __name__ == "__main__":
    main()
