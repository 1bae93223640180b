"""The interface's end of the engine: starts it, talks to it, and survives its death."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import ragopt_tui
from ragopt_tui.chat.fatal_loading import Loading
from ragopt_tui.chat.protocol import LAST_EVENTS, Event, Method, Request
from ragopt_tui.errors import RagoptError
from ragopt_tui.settings import folders

EngineState = Literal["stopped", "starting", "ready", "dead"]
_ENGINE = ("-P", "-m", "ragopt_tui.chat.engine")
_READ_BYTES = 1 << 16
_SECONDS_TO_END = 3.0
_SIGNALS = {
    signal.SIGKILL: "was killed, probably because memory ran out",
    signal.SIGABRT: "stopped itself in native code",
    signal.SIGSEGV: "crashed in native code",
    signal.SIGBUS: "crashed in native code",
    signal.SIGILL: "met an instruction that this processor does not know",
    signal.SIGFPE: "crashed in native code",
    signal.SIGTERM: "was ended from outside",
}


class EngineDied(RagoptError):
    """The engine process ended by itself; the next request starts it again."""


class RequestCancelled(Exception):
    """The request was cancelled before it was done."""


class Exchange:
    """One request and its events: `async for event in exchange`, the last is in LAST_EVENTS.

    Iterating starts the engine if needed and raises EngineDied if it dies meanwhile.
    """

    def __init__(self, client: EngineClient, request: Request) -> None:
        self._client = client
        self._request = request
        self._events: asyncio.Queue[Event | EngineDied] = asyncio.Queue()

    @property
    def id(self) -> int:
        """The request's id, for `EngineClient.cancel`."""
        return self._request.id

    async def cancel(self) -> None:
        """Cancel the request; its last event is then `cancelled`."""
        await self._client.cancel(self.id)

    async def __aiter__(self) -> AsyncIterator[Event]:
        ended = False
        try:
            await self._client._send(self._request, self._events)
            while not ended:
                event = await self._events.get()
                if isinstance(event, EngineDied):
                    ended = True
                    raise event
                ended = event.type in LAST_EVENTS
                yield event
        finally:
            if not ended:
                await self._client.cancel(self.id)
            self._client._forget(self.id)


class EngineClient:
    """Starts the engine when it is first needed and again after it died.

    `on_state` is called with each new state and, when dead, the reason in one sentence.
    After a restart the last successful `open` is repeated, so that a conversation goes on.
    """

    def __init__(
        self,
        on_state: Callable[[EngineState, str], None] | None = None,
        command: Sequence[str] = (sys.executable, *_ENGINE),
    ) -> None:
        self.on_state = on_state
        self._command = command
        self.state: EngineState = "stopped"
        self.reason = ""
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self._ready = asyncio.Event()
        self._pending: dict[int, asyncio.Queue[Event | EngineDied]] = {}
        self._last_id = 0
        self._opened: dict[str, Any] | None = None
        self._loading: Loading | None = None

    @property
    def pid(self) -> int | None:
        """The engine's process id while it lives."""
        return self._process.pid if self._process else None

    @property
    def pending_requests(self) -> frozenset[int]:
        """The ids of requests whose last event has not come."""
        return frozenset(self._pending)

    def request(self, method: Method, params: dict[str, Any] | None = None) -> Exchange:
        """Prepare a request; iterate the result to send it and receive its events."""
        return Exchange(self, self._new_request(method, params or {}))

    async def call(self, method: Method, params: dict[str, Any] | None = None) -> dict[str, Any]:
        """Make a request and give what it is done with.

        Raises RagoptError if it failed, EngineDied if the engine did, RequestCancelled.
        """
        async for event in self.request(method, params):
            if event.type == "done":
                return event.data
            if event.type == "failed":
                raise RagoptError(event.data["message"], event.data["hint"])
        raise RequestCancelled

    async def cancel(self, request: int) -> None:
        """Cancel a request that is under way; nothing happens if it has ended."""
        if request in self._pending and self.state == "ready":
            await self._write(self._new_request("cancel", {"request": request}))

    async def start(self) -> None:
        """Start the engine unless it lives; raises RagoptError if it cannot be started."""
        async with self._starting:
            if self.state != "ready":
                await self._start()

    async def close(self) -> None:
        """End the engine; its standard input ends, and it with it."""
        process, self._process = self._process, None
        self._set_state("stopped", "The engine was stopped.")
        self._end_pending()
        if process is None:
            return
        if process.stdin:
            process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), _SECONDS_TO_END)
        except TimeoutError:
            process.kill()
            await process.wait()
        if self._reader:
            await self._reader

    async def _start(self) -> None:
        self._set_state("starting")
        self._ready.clear()
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env=_environment(),
                start_new_session=True,
            )
        except OSError as error:
            self._set_state("dead", f"The engine cannot be started: {error.strerror}.")
            raise RagoptError(self.reason) from error
        self._reader = asyncio.create_task(self._read(self._process))
        await self._ready.wait()
        if self._process is None:
            raise EngineDied(self.reason, _hint())
        if self._opened is not None:
            await self._reopen(self._opened)

    async def _reopen(self, params: dict[str, Any]) -> None:
        """Repeat the last `open`; should it fail, the request that follows says why."""
        request = self._new_request("open", params)
        events: asyncio.Queue[Event | EngineDied] = asyncio.Queue()
        self._pending[request.id] = events
        await self._write(request)
        event = await events.get()
        self._forget(request.id)
        if isinstance(event, EngineDied):
            raise event

    async def _send(self, request: Request, events: asyncio.Queue[Event | EngineDied]) -> None:
        self._pending[request.id] = events
        await self.start()
        if request.method == "open":
            self._opened = request.params
        await self._write(request)

    async def _write(self, request: Request) -> None:
        if self._process is None or self._process.stdin is None:
            return
        # A pipe that broke is noticed, and its reason told, by the reader.
        with contextlib.suppress(ConnectionError):
            self._process.stdin.write(request.to_line())
            await self._process.stdin.drain()

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        rest = b""
        # Lines may be longer than any StreamReader limit, so they are split here.
        while chunk := await process.stdout.read(_READ_BYTES):
            *lines, rest = (rest + chunk).split(b"\n") if b"\n" in chunk else [rest + chunk]
            for line in lines:
                # Python's own start-up hooks may print before the engine guards its output.
                with contextlib.suppress(ValueError, KeyError, TypeError):
                    self._receive(Event.from_line(line))
        self._bury(process, await process.wait())

    def _receive(self, event: Event) -> None:
        loading = event.data.get("loading")
        self._loading = Loading.begun(loading) if loading else None
        if event.type == "ready":
            self._set_state("ready")
            self._ready.set()
        elif event.request in self._pending:
            self._pending[event.request].put_nowait(event)

    def _bury(self, process: asyncio.subprocess.Process, status: int) -> None:
        if process is not self._process:
            return
        self._process = None
        loading, self._loading = self._loading, None
        sentence = death_sentence(status)
        self._set_state("dead", loading.told(sentence, status) if loading else sentence)
        self._end_pending()

    def _end_pending(self) -> None:
        for events in self._pending.values():
            events.put_nowait(EngineDied(self.reason, _hint()))
        self._ready.set()

    def _forget(self, request: int) -> None:
        self._pending.pop(request, None)

    def _new_request(self, method: Method, params: dict[str, Any]) -> Request:
        self._last_id += 1
        return Request(self._last_id, method, params)

    def _set_state(self, state: EngineState, reason: str = "") -> None:
        self.state, self.reason = state, reason
        if self.on_state:
            self.on_state(state, reason)


def death_sentence(status: int) -> str:
    """Say in one sentence why the engine ended, from its exit status (negative for a signal)."""
    if status >= 0:
        return f"The engine ended unexpectedly with exit status {status}."
    try:
        known = signal.Signals(-status)
    except ValueError:
        return f"The engine was ended by signal {-status}."
    what = _SIGNALS.get(known, "was ended by a signal")
    return f"The engine {what} ({known.name})."


def _hint() -> str:
    log = folders().logs / "engine.log"
    return f"It starts again with the next question; its log is {log}."


def _environment() -> dict[str, str]:
    """Let the engine find this very package, and no module of the folder it is started in."""
    package = str(Path(ragopt_tui.__file__).parent.parent)
    paths = [package, *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
