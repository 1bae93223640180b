"""The engine process: `python -m ragopt_tui.chat.engine`, speaking protocol.py over its pipes.

Everything that can crash in native code or run out of memory runs here. Standard output belongs
to the protocol alone: what libraries print goes to the log file, as does standard error.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from ragopt_tui.chat.protocol import LAST_EVENTS, Event, EventType, Request
from ragopt_tui.errors import RagoptError
from ragopt_tui.models.memory_requests import memory_is_wanted
from ragopt_tui.settings import Settings, folders, load_settings

if TYPE_CHECKING:
    from ragopt_tui.chat.assistant import Assistant
    from ragopt_tui.chat.follow_up import Earlier
    from ragopt_tui.chat.generate import OnEvent

_log = logging.getLogger("ragopt_tui.engine")
_LARGEST_LOG = 2_000_000
_SECONDS_BETWEEN_LOOKS = 1.0


def engine_log_file() -> Path:
    """Where the engine writes what went wrong, and what native libraries print."""
    return folders().logs / "engine.log"


class Outbox:
    """Writes events, whole lines at a time; after a request's last event nothing more of it."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._ended: set[int] = set()

    def send(self, request: int, type_: EventType, data: dict[str, Any] | None = None) -> None:
        """Write one event, unless its request has ended."""
        with self._lock:
            if request in self._ended:
                return
            if type_ in LAST_EVENTS:
                self._ended.add(request)
            self._stream.write(Event(request, type_, data or {}).to_line())
            self._stream.flush()

    def has_ended(self, request: int) -> bool:
        """Whether the request's last event was written."""
        return request in self._ended


class Engine:
    """Serves requests one after the other; cancelling one takes effect at once."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._assistant: Assistant | None = None
        self._settings = Settings()
        self._methods: dict[str, Callable[[Request], dict[str, Any]]] = {
            "open": self._open,
            "load": self._load,
            "ask": self._ask,
            "search": self._search,
            "document": self._document,
        }

    def serve(self, request: Request) -> None:
        """Answer one request with its events; never raises for what a request can bring about."""
        if self._outbox.has_ended(request.id):
            return
        method = self._methods.get(request.method)
        try:
            if method is None:
                raise RagoptError(f"The engine has no method {request.method!r}.")
            self._outbox.send(request.id, "done", method(request))
        except Exception as error:  # noqa: BLE001 - the boundary of the process
            self._fail(request, error)

    def cancel(self, request: int) -> None:
        """End a request with `cancelled`; work on it stops at its next check."""
        self._outbox.send(request, "cancelled")

    def step_aside(self) -> None:
        """Free the language model where training has asked for its memory; a question loads it again."""
        if self._assistant is not None and memory_is_wanted():
            self._assistant.free_model()

    def _open(self, request: Request) -> dict[str, Any]:
        from ragopt_tui.chat.assistant import Assistant

        docs, embedder = Path(_text(request, "docs")), _text(request, "embedder")
        if self._assistant is None:
            self._settings = load_settings()
            self._assistant = Assistant(docs, self._settings, embedder)
        else:
            self._assistant.open(docs, embedder)
        threading.Thread(target=self._warm_up, args=(self._assistant,), daemon=True).start()
        state = self._assistant.index_state()
        return {"index_version": state.version, "passages": state.passages}

    def _warm_up(self, assistant: Assistant) -> None:
        """Load the embedder while the user still types; a failure shows with the first question."""
        try:
            assistant.load_embedder()
        except Exception:  # noqa: BLE001 - the boundary of the thread
            _log.exception("the embedder did not load")

    def _load(self, request: Request) -> dict[str, Any]:
        variant = _text(request, "variant")
        self._opened().load(variant, self._sender(request))
        return {"variant": variant}

    def _ask(self, request: Request) -> dict[str, Any]:
        on_event, passages = self._sender(request), _count(request, "passages")
        question, assistant = _text(request, "question"), self._opened()
        writing = assistant.writing(_text(request, "variant"))
        shaping = _shaping(self._settings) | (writing.to_event() if writing else {})
        on_event("settings", shaping | {"passages": passages})
        read_as = request.params.get("read_as") or assistant.read_as(question, _earlier(request))
        if read_as != question:
            on_event("resolved", {"question": read_as})
        answer = assistant.ask(
            question,
            _text(request, "variant"),
            passages,
            on_event,
            lambda: self._outbox.has_ended(request.id),
            read_as,
            _without(request),
        )
        return answer.to_json()

    def _search(self, request: Request) -> dict[str, Any]:
        question, limit = _text(request, "question"), _count(request, "limit")
        found = self._opened().search(question, limit, _without(request))
        return {
            "hits": [hit.to_json() for hit in found.hits],
            "filters": [each.to_json() for each in found.filters],
        }

    def _document(self, request: Request) -> dict[str, Any]:
        return self._opened().document(_text(request, "file")).to_json()

    def _sender(self, request: Request) -> OnEvent:
        def on_event(type_: str, data: dict[str, Any]) -> None:
            self._outbox.send(request.id, type_, data)  # type: ignore[arg-type]

        return on_event

    def _opened(self) -> Assistant:
        if self._assistant is None:
            raise RagoptError("No folder is open.", "Open a folder of documents first.")
        return self._assistant

    def _fail(self, request: Request, error: Exception) -> None:
        from ragopt_tui.chat.generate import Cancelled

        if isinstance(error, Cancelled):
            self._outbox.send(request.id, "cancelled")
            return
        if not isinstance(error, RagoptError):
            _log.error("request %d (%s) failed", request.id, request.method, exc_info=error)
        told = told_to_user(error)
        self._outbox.send(request.id, "failed", {"message": told.message, "hint": told.hint})


def told_to_user(error: Exception) -> RagoptError:
    """Give the sentence a user reads for an exception."""
    if isinstance(error, RagoptError):
        return error
    if _is_out_of_memory(error):
        return RagoptError(
            "The model and its context do not fit in memory.",
            "Choose a smaller model, a smaller context_tokens in the settings, or free memory.",
        )
    return RagoptError(
        f"The engine could not do this ({type(error).__name__}).",
        f"What happened is in the log {engine_log_file()}.",
    )


def _is_out_of_memory(error: Exception) -> bool:
    if isinstance(error, MemoryError):
        return True
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(error, torch.cuda.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(
        words in str(error).lower() for words in ("out of memory", "can't allocate memory")
    )


def _shaping(settings: Settings) -> dict[str, Any]:
    """Give the settings that an answer depends on beside what the request says."""
    names = ("cross_encoder", "refusal_threshold", "max_answer_tokens", "context_tokens")
    return {name: getattr(settings, name) for name in names} | {"seed": None}


def _text(request: Request, name: str) -> str:
    value = request.params.get(name)
    if not isinstance(value, str) or not value.strip():
        raise RagoptError(f"The request {request.method} needs {name}.")
    return value


def _earlier(request: Request) -> list[Earlier]:
    from ragopt_tui.chat.follow_up import Earlier

    try:
        return [Earlier(**each) for each in request.params.get("earlier", [])]
    except TypeError as error:
        raise RagoptError("The request ask needs earlier questions with answers.") from error


def _without(request: Request) -> frozenset[tuple[str, str]]:
    try:
        return frozenset((str(kind), str(value)) for kind, value in request.params["without"])
    except KeyError:
        return frozenset()
    except (TypeError, ValueError) as error:
        raise RagoptError(f"The request {request.method} needs without as pairs.") from error


def _count(request: Request, name: str) -> int:
    value = request.params.get(name)
    if type(value) is not int or value < 1:
        raise RagoptError(f"The request {request.method} needs {name} of at least 1.")
    return value


def _read_requests(stream: BinaryIO, engine: Engine, waiting: queue.Queue[Request]) -> None:
    """Queue requests and act on cancels; when the parent is gone, so is this process."""
    for line in stream:
        try:
            request = Request.from_line(line)
            if request.method == "cancel":
                engine.cancel(request.params["request"])
            else:
                waiting.put(request)
        except (ValueError, KeyError, TypeError):
            _log.exception("a line was no request: %r", line[:200])
    logging.shutdown()
    os._exit(0)


def _protect_output() -> BinaryIO:
    """Keep fd 1 for the protocol and send everything that is printed to the log."""
    file = engine_log_file()
    file.parent.mkdir(parents=True, exist_ok=True)
    log = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    protocol = os.dup(1)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    _trim_log()
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(name)s %(message)s"
    )
    return os.fdopen(protocol, "wb")


def _trim_log() -> None:
    if os.fstat(2).st_size > _LARGEST_LOG:
        os.ftruncate(2, 0)


def main() -> None:
    """Serve until standard input ends."""
    # Ctrl-C in the terminal is for the interface, which decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    requests = os.fdopen(os.dup(0), "rb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    outbox = Outbox(_protect_output())
    # Threads that spin while they wait make an answer ten times slower while an index is built.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("LANCEDB_LOG", "error")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    faulthandler.enable()
    engine = Engine(outbox)
    waiting: queue.Queue[Request] = queue.Queue()
    reader = threading.Thread(target=_read_requests, args=(requests, engine, waiting), daemon=True)
    reader.start()
    outbox.send(0, "ready", {"pid": os.getpid()})
    while True:
        try:
            engine.serve(waiting.get(timeout=_SECONDS_BETWEEN_LOOKS))
            _trim_log()
        except queue.Empty:
            engine.step_aside()


if __name__ == "__main__":
    main()
