"""Models behind an OpenAI-compatible server, such as vLLM or llama-server."""

from __future__ import annotations

import contextlib
import json
import math
import queue
import re
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx2

from ragopt_tui.chat.backends import (
    GREEDY,
    ContextIsSmaller,
    Messages,
    Sampling,
    has_system_turn,
    prompt_too_long,
    without_system_turn,
)
from ragopt_tui.errors import RagoptError
from ragopt_tui.models.endpoint_server import (
    context_told,
    explained,
    models_of,
    open_server,
    refusal,
)

_SECONDS_BETWEEN_CHECKS = 0.05
_SECONDS_TO_CONNECT = 5.0
_SECONDS_TO_WRITE = 600.0
_FEWEST_BYTES_PER_TOKEN = 2.5
_DONE = "[DONE]"
_NO_SYSTEM = re.compile(r"system role|roles? must alternate|only user and assistant roles", re.I)


@dataclass(frozen=True, slots=True)
class _Counter:
    """How a server counts tokens: where it is asked, with what, and which value answers."""

    path: str
    request: Callable[[str], dict[str, Any]]
    count: Callable[[dict[str, Any]], int]


class EndpointBackend:
    """One model of a server; closing the connection is how an answer is cancelled."""

    def __init__(
        self, url: str, served: str, context_tokens: int, *, key_variable: str = ""
    ) -> None:
        """Connect to `url`, which ends in /v1, for the model `served`, or its only one if empty.

        The key is the value of the environment variable `key_variable`. Raises RagoptError if the
        server does not answer, refuses, or has no such model.
        """
        self._url, self._key_variable = url, key_variable
        self._client = open_server(url, key_variable)
        # The connection of an answer is its own, so that hanging up is possible at any time.
        self._answers = open_server(url, key_variable, connections_kept=0)
        models = {model.name: model for model in models_of(self._client, url, key_variable)}
        if not served and len(models) == 1:
            served = next(iter(models))
        if served not in models:
            raise RagoptError(
                f"The server at {url} has no model {served!r}, only {', '.join(models) or 'none'}.",
                "Choose one that it lists.",
            )
        self._served = served
        known = models[served].context_tokens or self._context_of_llama_server()
        self.context_tokens = min(context_tokens, known or context_tokens)
        self._counter = self._known_counter()

    def count_tokens(self, text: str) -> int:
        """Give how many tokens `text` has: as the server counts, else more than it will have."""
        counted = self._counted(self._counter, text) if self._counter else None
        if counted is None:
            return math.ceil(len(text.encode()) / _FEWEST_BYTES_PER_TOKEN)
        return counted

    def stream(
        self,
        messages: Messages,
        max_tokens: int,
        cancelled: Callable[[], bool],
        sampling: Sampling = GREEDY,
    ) -> Iterator[str]:
        """Let the server write the next turn; when `cancelled()` turns true, hang up.

        Raises RagoptError if the server refuses, the connection breaks or the prompt is too long,
        ContextIsSmaller only before anything is written.
        """
        tokens = sum(self.count_tokens(message["content"]) for message in messages)
        if tokens >= self.context_tokens:
            raise prompt_too_long(tokens, self.context_tokens)
        if cancelled():
            return
        request = {
            "model": self._served,
            "messages": messages,
            "max_tokens": max_tokens,
            "temperature": sampling.temperature,
            "stream": True,
        }
        if sampling.temperature > 0:
            request |= {"top_p": sampling.top_p, "seed": sampling.seed}
        call = _Call(self._answers, request)
        wrote = False
        try:
            with explained(self._url):
                for piece in self._pieces(call, cancelled):
                    wrote = True
                    yield piece
        except _NoSystemTurn:
            merged = without_system_turn(messages)
            yield from self.stream(merged, max_tokens, cancelled, sampling)
        except _BrokenOff:
            raise self._why_broken_off(request, wrote) from None
        except ContextIsSmaller as error:
            if wrote:
                raise RagoptError(error.message, error.hint) from None
            raise
        finally:
            call.hang_up()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
        self._answers.close()

    def _pieces(self, call: _Call, cancelled: Callable[[], bool]) -> Iterator[str]:
        for line in call.lines(cancelled):
            if isinstance(line, _Refused):
                if has_system_turn(call.messages) and _NO_SYSTEM.search(line.body):
                    raise _NoSystemTurn
                raise self._refused(line.status, line.body)
            field, _, value = line.partition(":")
            if field == "error":
                raise self._refused(500, value.strip())
            if field != "data":
                continue
            if value.strip() == _DONE:
                return
            piece, ended = self._piece(value)
            if piece:
                yield piece
            if ended:
                return
        if not cancelled():
            raise _BrokenOff

    def _why_broken_off(self, request: dict[str, Any], wrote: bool) -> RagoptError:
        """Ask again without streaming: some servers say only then why they write nothing."""
        if not wrote:
            short = request | {"stream": False, "max_tokens": 1}
            with explained(self._url):
                response = self._client.post("chat/completions", json=short)
            if response.is_error:
                return self._refused(response.status_code, response.text)
        return RagoptError(
            f"The server at {self._url} broke off within the answer.",
            "See in the server's log why, and ask again.",
        )

    def _piece(self, value: str) -> tuple[str, bool]:
        """Give the text of one event, and whether it ends the answer."""
        try:
            event = json.loads(value)
            if event.get("error"):
                raise self._refused(500, value)
            choices = event.get("choices") or [{}]
            text = (choices[0].get("delta") or {}).get("content") or ""
            return str(text), choices[0].get("finish_reason") is not None
        except (ValueError, AttributeError, IndexError, TypeError) as error:
            raise RagoptError(
                f"The server at {self._url} writes what is no answer of an OpenAI-compatible server.",
                "See whether its address is right.",
            ) from error

    def _refused(self, status: int, body: str) -> RagoptError:
        """Give the error of a refusal, and heed the context that it may tell."""
        error = refusal(
            self._url, status, body, key_variable=self._key_variable, served=self._served
        )
        told = context_told(error)
        if told is None or not 0 < told < self.context_tokens:
            return error
        self.context_tokens = told
        return ContextIsSmaller(error.message, error.hint)

    def _context_of_llama_server(self) -> int | None:
        try:
            answer = self._client.get(f"{self._url.removesuffix('/v1')}/props")
            tokens = answer.json()["default_generation_settings"]["n_ctx"]
        except (httpx2.HTTPError, ValueError, KeyError, TypeError):
            return None
        return tokens if isinstance(tokens, int) and tokens > 0 else None

    def _known_counter(self) -> _Counter | None:
        """Find the way in which this server counts tokens, None if it has none."""
        return next((each for each in self._counters() if self._counted(each, "word")), None)

    def _counters(self) -> Iterator[_Counter]:
        root = self._url.removesuffix("/v1")
        # llama-server reads `content`, vLLM `model` and `prompt`; each ignores the other's.
        yield _Counter(
            f"{root}/tokenize",
            lambda text: {
                "content": text,
                "model": self._served,
                "prompt": text,
                "add_special_tokens": False,
            },
            lambda answer: len(answer["tokens"]),
        )
        yield _Counter(
            f"{root}/extras/tokenize/count",
            lambda text: {"model": self._served, "input": text},
            lambda answer: int(answer["count"]),
        )

    def _counted(self, counter: _Counter, text: str) -> int | None:
        try:
            response = self._client.post(counter.path, json=counter.request(text))
            return None if response.is_error else counter.count(response.json())
        except (httpx2.HTTPError, ValueError, KeyError, TypeError):
            return None


class _NoSystemTurn(Exception):
    """The model's chat template knows no system turn."""


class _BrokenOff(Exception):
    """The answer ended before its end."""


@dataclass(frozen=True, slots=True)
class _Refused:
    status: int
    body: str


class _Call:
    """One streamed answer, read by a thread of its own: a server may be silent for long.

    The thread that asked can so see a cancel while nothing comes, and hang up.
    """

    def __init__(self, client: httpx2.Client, request: dict[str, Any]) -> None:
        self._client, self._request = client, request
        self._queue: queue.Queue[str | _Refused | Exception | None] = queue.Queue()
        self._socket: Any = None
        self._hung_up = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()

    @property
    def messages(self) -> Messages:
        """The conversation that is to go on."""
        messages: Messages = self._request["messages"]
        return messages

    def lines(self, cancelled: Callable[[], bool]) -> Iterator[str | _Refused]:
        """Give the lines that come until `cancelled()`; raises what broke the connection."""
        while not cancelled():
            try:
                line = self._queue.get(timeout=_SECONDS_BETWEEN_CHECKS)
            except queue.Empty:
                continue
            if line is None:
                return
            if isinstance(line, Exception):
                raise line
            yield line

    def hang_up(self) -> None:
        """Close the connection, so that the server stops writing."""
        self._hung_up.set()
        if self._socket:
            # Closing alone would not wake the thread that reads.
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def _read(self) -> None:
        try:
            with self._client.stream(
                "POST",
                "chat/completions",
                json=self._request,
                timeout=httpx2.Timeout(_SECONDS_TO_WRITE, connect=_SECONDS_TO_CONNECT),
                extensions={"trace": self._connected},
            ) as response:
                if response.is_error:
                    body = response.read().decode("utf-8", errors="replace")
                    self._queue.put(_Refused(response.status_code, body))
                else:
                    self._pass_on(response)
            self._queue.put(None)
        except Exception as error:  # noqa: BLE001 - the boundary of the thread
            self._queue.put(error)

    def _pass_on(self, response: httpx2.Response) -> None:
        for line in response.iter_lines():
            if self._hung_up.is_set():
                return
            self._queue.put(line)

    def _connected(self, event: str, about: dict[str, Any]) -> None:
        """Keep the socket, which with TLS is another one than before."""
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            self._socket = about["return_value"].get_extra_info("socket")
            if self._hung_up.is_set():
                self.hang_up()
