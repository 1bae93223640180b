"""A GGUF model as a side: llama.cpp in a child process, whose death is a finding."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import numpy as np

from ragopt_tui.errors import RagoptError
from ragopt_tui.models.weights import gguf_headers
from ragopt_tui.plaintext import one_line
from ragopt_tui.verification.sides import (
    Continuation,
    Dialogue,
    Logits,
    Pulse,
    Rendered,
    SideFacts,
    SideFailed,
    single_bos,
)

ERROR = "E: "
"""What the worker begins a line with that llama.cpp logs as an error."""

_WORKER = "ragopt_tui.verification.sides_gguf_worker"
_TAIL_BYTES = 8192
_LONGEST_REASON = 240
# A debugger's trace would follow the words that say what is wrong; threads that wait for each other
# without sleeping take many times as long where others compute too.
_ENVIRONMENT = {"GGML_NO_BACKTRACE": "1", "OMP_WAIT_POLICY": "PASSIVE"}
_SECONDS_TO_END = 5.0
_PULSE_SECONDS = 0.5
_READ_BYTES = 1 << 20
_FUNCTION = re.compile(r"^(?:\S*?\.\w+:\d+: )?(?:\w+: )?(?:error loading model: )?")
_TELLING = re.compile(
    r"error|fail|abort|assert|invalid|missing|mismatch|unknown|unsupported|exception", re.I
)


class GgufSide:
    """A GGUF file, with a GGUF adapter on it or none, in a process of its own."""

    def __init__(
        self,
        file: Path,
        *,
        adapter: Path | None = None,
        template: str = "",
        threads: int = 2,
        gpu_layers: int = 0,
        pulse: Pulse | None = None,
    ) -> None:
        """Load nothing yet; `template` goes before the file's own."""
        self.file = file
        self._pulse = pulse or (lambda: None)
        self._read_ahead = bytearray()
        self._said_before = 0
        self._adapter, self._given = adapter, template
        self._threads, self._gpu_layers = threads, gpu_layers
        self._words: IO[bytes] = tempfile.TemporaryFile(prefix="llama.cpp-")  # noqa: SIM115
        self._process: subprocess.Popen[bytes] | None = None
        self._failed: SideFailed | None = None

    @cached_property
    def facts(self) -> SideFacts:
        """What the file says of itself; raises SideFailed."""
        said = self._ask({"do": "facts"})
        header = self._header()
        name = header.get("general.architecture")
        context = _whole(header.get(f"{name}.context_length")) or 2048
        original = _whole(header.get(f"{name}.rope.scaling.original_context_length"))
        factor = header.get(f"{name}.rope.scaling.factor")
        if not original and isinstance(factor, float) and factor > 1:
            original = int(context / factor)
        explicit = "tokenizer.ggml.add_bos_token" in header
        return SideFacts(
            runtime="llama.cpp",
            width=said["width"],
            bos=said["bos"],
            eos=said["eos"],
            ends=frozenset(said["ends"]),
            context_tokens=context,
            original_context=min(original or context, context),
            window=_whole(header.get(f"{name}.attention.sliding_window")),
            template=self._template,
            own_template=not self._given and bool(self._template),
            adds_bos=said["adds_bos"] if explicit else None,
            special=tuple(said["special"]),
        )

    @cached_property
    def _template(self) -> str:
        own = self._header().get("tokenizer.chat_template")
        return self._given or (own if isinstance(own, str) and own.strip() else "")

    @cached_property
    def _inserts_bos(self) -> bool:
        return bool(self._ask({"do": "facts"})["adds_bos"])

    def encode(self, texts: Sequence[str]) -> list[tuple[int, ...]]:
        """Give the tokens of texts, in which special tokens are recognised; none is added."""
        return [tuple(ids) for ids in self._ask({"do": "encode", "texts": list(texts)})["ids"]]

    def text(self, ids: Sequence[int]) -> str:
        """Give the text of tokens, specials as they are written."""
        return str(self._ask({"do": "text", "ids": list(ids)})["text"])

    def render(self, dialogues: Sequence[Dialogue], *, answer: bool) -> list[Rendered]:
        """Render dialogues, up to where an answer begins if `answer`."""
        request = {
            "do": "render",
            "dialogues": list(dialogues),
            "template": self._template,
            "answer": answer,
        }
        bos, inserts = self.facts.bos, self._inserts_bos
        rendered = []
        for each in self._ask(request)["rendered"]:
            if "error" in each:
                rendered.append(Rendered("", error=each["error"]))
            else:
                ids = single_bos(each["ids"], bos, insert=inserts)
                rendered.append(Rendered(each["text"], ids, tuple(each["ids"])))
        return rendered

    def logits(self, ids: Sequence[int]) -> Iterator[Logits]:
        """Give the logits behind each of `ids`, in pieces of shape (rows, width)."""
        width = self.facts.width
        self._send({"do": "logits", "ids": list(ids), "context": len(ids)})
        while rows := self._answer()["rows"]:
            data = self._read(rows * width * 4)
            yield np.frombuffer(data, np.float32).reshape(rows, width)

    def greedy(self, ids: Sequence[int], max_tokens: int) -> Continuation:
        """Continue by the likeliest token until one ends the answer."""
        said = self._ask({"do": "greedy", "ids": list(ids), "most": max_tokens})
        return Continuation(said["text"], said["stopped"])

    def rest(self) -> None:
        """Free the weights, until they are needed again."""
        if self._process is not None and self._failed is None:
            self._ask({"do": "rest"})

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    stream.close()
        self._words.close()

    def _header(self) -> dict[str, Any]:
        try:
            return dict(gguf_headers(self.file)[0].values)
        except RagoptError as error:
            raise SideFailed(error.message, error.hint, self.file) from error
        except OSError as error:
            raise SideFailed(
                f"{self.file} cannot be read: {error.strerror}.", "Bring it back.", self.file
            ) from error

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        self._send(request)
        return self._answer()

    def _send(self, request: dict[str, Any]) -> None:
        if self._failed is not None:
            raise self._failed
        if self._process is None:
            self._start()
        self._said_before = self._words.seek(0, 2)
        self._write(request)

    def _start(self) -> None:
        self._header()
        self._process = subprocess.Popen(
            [sys.executable, "-m", _WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._words,
            bufsize=0,
            env=_ENVIRONMENT | os.environ,
        )
        self._write(
            {
                "file": str(self.file),
                "adapter": str(self._adapter) if self._adapter else "",
                "threads": self._threads,
                "gpu_layers": self._gpu_layers,
            }
        )
        self._answer()

    def _write(self, request: dict[str, Any]) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            data = memoryview(json.dumps(request).encode() + b"\n")
            while data:
                data = data[os.write(self._process.stdin.fileno(), data) :]
        except OSError as error:
            raise self._died() from error

    def _answer(self) -> dict[str, Any]:
        while (end := self._read_ahead.find(b"\n")) < 0:
            self._read_more()
        line = self._taken(end + 1)
        said: dict[str, Any] = json.loads(line)
        if "error" in said:
            reason = self._last_words(crashed=False) or said["error"]
            self._failed = SideFailed(
                f"llama.cpp cannot use {self.file}: {reason}.",
                "Get or convert it again.",
                self.file,
            )
            raise self._failed
        return said

    def _read(self, size: int) -> bytes:
        while len(self._read_ahead) < size:
            self._read_more()
        return self._taken(size)

    def _taken(self, size: int) -> bytes:
        data = bytes(memoryview(self._read_ahead)[:size])
        del self._read_ahead[:size]
        return data

    def _read_more(self) -> None:
        """Wait for what the process says next; raises SideFailed if it ended."""
        assert self._process is not None
        assert self._process.stdout is not None
        stream = self._process.stdout.fileno()
        self._pulse()
        while not select.select([stream], [], [], _PULSE_SECONDS)[0]:
            self._pulse()
        data = os.read(stream, _READ_BYTES)
        if not data:
            raise self._died()
        self._read_ahead += data

    def _died(self) -> SideFailed:
        """Give the error of a process that ended, with llama.cpp's last words."""
        assert self._process is not None
        try:
            status = self._process.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        how = signal.Signals(-status).name if status < 0 else f"status {status}"
        words = self._last_words(crashed=True)
        self._failed = SideFailed(
            f"llama.cpp ended its process ({how}) with {self.file}{f': {words}' if words else ''}.",
            "Get or convert it again.",
            self.file,
            crashed=True,
        )
        return self._failed

    def _last_words(self, *, crashed: bool) -> str:
        """Give what says best why the last request failed, of all that was said since it began."""
        size = self._words.seek(0, 2)
        self._words.seek(max(self._said_before, size - _TAIL_BYTES))
        text = self._words.read().decode("utf-8", errors="replace")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        # llama.cpp's first error has the reason, later ones only that something failed; an abort
        # writes past its log.
        logged = [line.removeprefix(ERROR) for line in lines if line.startswith(ERROR)]
        others = [line for line in lines if not line.startswith(ERROR) and _TELLING.search(line)]
        said = (others[-1:] or logged[-1:]) if crashed else (logged[:1] or others[-1:])
        shown = _FUNCTION.sub("", said[0]) if said else ""
        return one_line(shown, _LONGEST_REASON).rstrip(".")


def _whole(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0
