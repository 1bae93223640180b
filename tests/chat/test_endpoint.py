"""Models behind a server: what it tells, how it refuses, and what happens when it goes away."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from ragopt_tui.chat.backends import ContextIsSmaller
from ragopt_tui.chat.backends.endpoint import EndpointBackend
from ragopt_tui.errors import RagoptError
from ragopt_tui.models.endpoint_server import (
    KEY_VARIABLE,
    ServedModel,
    context_told,
    refusal,
    served_models,
)

ASKED = [{"role": "user", "content": "Hello there"}]


class Server(ThreadingHTTPServer):
    """Plays a vLLM server; `script` says what the next answer is."""

    daemon_threads = True
    script = "answer"
    models: tuple[dict[str, Any], ...] = ({"id": "org/model", "max_model_len": 100},)
    key = ""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[dict[str, Any]] = []
        self.hung_up = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_address[1]}/v1"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        if self.server.key and self.headers["Authorization"] != f"Bearer {self.server.key}":
            self.reply(401, {"error": {"message": "Invalid key\x1b[31m"}})
        elif self.path == "/v1/models":
            self.reply(200, {"data": list(self.server.models)})
        elif self.path == "/props" and self.server.script == "llama-server":
            self.reply(200, {"default_generation_settings": {"n_ctx": 64}})
        else:
            self.reply(404, {"detail": "Not Found"})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/tokenize":
            counts = self.server.script != "no tokenizer"
            words = body["prompt"].split()
            self.reply(200 if counts else 404, {"tokens": words, "count": len(words)})
            return
        self.server.requests.append(body)
        getattr(self, self.server.script.replace(" ", "_"), self.answer)()

    def reply(self, status: int, values: dict[str, Any]) -> None:
        data = json.dumps(values).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def event(self, text: str, reason: str | None = None) -> None:
        choice = {"delta": {"content": text}, "finish_reason": reason}
        self.wfile.write(b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n")
        self.wfile.flush()

    def begin(self) -> None:
        self.send_response(200)
        self.end_headers()

    def answer(self) -> None:
        self.begin()
        self.wfile.write(b': a comment\n\ndata: {"choices": []}\n\n')
        for text in ("Good ", "day ☃", "."):
            self.event(text)
        self.event("", "stop")
        self.wfile.write(b"data: [DONE]\n\n")

    def no_system(self) -> None:
        if self.server.requests[-1]["messages"][0]["role"] == "system":
            self.reply(400, {"message": "Conversation roles must alternate user/assistant"})
        else:
            self.answer()

    def says_why_later(self) -> None:
        if self.server.requests[-1]["stream"]:
            self.begin()
        else:
            self.too_long()

    def cut(self) -> None:
        self.begin()
        self.event("Good ")

    def too_long(self) -> None:
        told = "This model's maximum context length is 100 tokens, you asked for 900"
        self.reply(400, {"object": "error", "message": told})

    def no_model(self) -> None:
        self.reply(404, {"error": {"message": "The model `x` does not exist", "code": 404}})

    def breaks(self) -> None:
        self.begin()
        self.event("Good ")
        self.wfile.write(b'data: {"error": {"message": "out of memory"}}\n\n')

    def too_long_within(self) -> None:
        self.begin()
        self.event("Good ")
        self.wfile.write(b'data: {"error": {"message": "context size (100 tokens) exceeded"}}\n\n')

    def nonsense(self) -> None:
        self.begin()
        self.wfile.write(b"data: <html>\n\n")

    def silent(self) -> None:
        """Answer nothing until the other side hangs up."""
        self.server.hung_up.clear()
        self.connection.recv(1)
        self.server.hung_up.set()

    def endless(self) -> None:
        self.begin()
        try:
            while True:
                self.event("on ")
        except OSError:
            self.server.hung_up.set()


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


def said(backend: EndpointBackend) -> str:
    return "".join(backend.stream(ASKED, 20, lambda: False))


def test_the_answer_comes_in_pieces_and_the_server_tells_context_and_tokens(
    server: Server,
) -> None:
    backend = EndpointBackend(server.url, "org/model", 8192)
    assert list(backend.stream(ASKED, 20, lambda: False)) == ["Good ", "day ☃", "."]
    assert (backend.context_tokens, backend.count_tokens("a b c")) == (100, 3)
    (request,) = server.requests
    assert request == {
        "model": "org/model",
        "messages": ASKED,
        "max_tokens": 20,
        "temperature": 0.0,
        "stream": True,
    }


def test_llama_servers_context_is_heeded_and_tokens_are_overestimated_where_unknown(
    server: Server,
) -> None:
    server.models = ({"id": "m"},)
    server.script = "llama-server"
    assert EndpointBackend(server.url, "", 8192).context_tokens == 64
    server.script = "no tokenizer"
    backend = EndpointBackend(server.url, "m", 8192)
    assert backend.context_tokens == 8192
    assert backend.count_tokens("Revenue was 4,213.") >= 8


def test_the_key_comes_from_its_variable_and_a_wrong_one_is_told(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.key = "secret"
    with pytest.raises(RagoptError, match="wants another key: Invalid key") as refused:
        served_models(server.url)
    assert "\x1b" not in refused.value.message
    assert KEY_VARIABLE in refused.value.hint
    monkeypatch.setenv("OTHER_KEY", "secret")
    assert served_models(server.url, "OTHER_KEY") == [ServedModel("org/model", 100)]
    monkeypatch.setenv(KEY_VARIABLE, "secret")
    assert served_models(server.url) == [ServedModel("org/model", 100)]


def test_a_model_that_the_server_has_not_is_told_with_those_it_has(server: Server) -> None:
    with pytest.raises(RagoptError, match="no model 'other', only org/model"):
        EndpointBackend(server.url, "other", 8192)


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("cut", "broke off within the answer"),
        ("too long", "does not fit the context of the server .*maximum context length"),
        ("says why later", "does not fit the context of the server .*maximum context length"),
        ("no model", "has no model 'org/model': The model `x` does not exist"),
        ("breaks", "refuses with status 500: out of memory"),
        ("nonsense", "writes what is no answer"),
    ],
)
def test_what_goes_wrong_is_told_in_a_sentence(server: Server, script: str, told: str) -> None:
    backend = EndpointBackend(server.url, "org/model", 8192)
    server.script = script
    with pytest.raises(RagoptError, match=told):
        said(backend)
    server.script = "answer"
    assert said(backend) == "Good day ☃."


@pytest.mark.parametrize("script", ["too long", "says why later"])
def test_a_context_that_is_told_only_in_a_refusal_is_heeded_from_then_on(
    server: Server, script: str
) -> None:
    server.models = ({"id": "m"},)
    backend = EndpointBackend(server.url, "m", 8192)
    server.script = script
    with pytest.raises(ContextIsSmaller, match="maximum context length is 100"):
        said(backend)
    assert backend.context_tokens == 100
    with pytest.raises(RagoptError, match="does not fit") as told:
        said(backend)
    assert not isinstance(told.value, ContextIsSmaller)


@pytest.mark.parametrize(
    ("reason", "context"),
    [
        ("This model's maximum context length is 4096 tokens. You requested 5000.", 4096),
        ("request (5000 tokens) exceeds the available context size (4,096 tokens)", 4096),
        ("Requested tokens (600) exceed context window of 512", 512),
        ("The context length was exceeded.", None),
        ("out of memory", None),
    ],
)
def test_the_context_is_read_from_what_servers_say_of_it(reason: str, context: int | None) -> None:
    assert context_told(refusal("http://127.0.0.1:1234/v1", 400, reason)) == context


def test_a_context_that_is_told_within_an_answer_does_not_ask_again(server: Server) -> None:
    server.models = ({"id": "m"},)
    backend = EndpointBackend(server.url, "m", 8192)
    server.script = "too long within"
    with pytest.raises(RagoptError, match="context size") as told:
        said(backend)
    assert not isinstance(told.value, ContextIsSmaller)
    assert backend.context_tokens == 100


def test_a_model_without_system_turn_gets_its_text_in_the_users(server: Server) -> None:
    backend = EndpointBackend(server.url, "org/model", 8192)
    server.script = "no system"
    asked = [{"role": "system", "content": "Be brief."}, *ASKED]
    assert "".join(backend.stream(asked, 20, lambda: False)) == "Good day ☃."
    assert server.requests[-1]["messages"][0]["content"] == "Be brief.\n\nHello there"


def test_a_prompt_beyond_the_context_is_not_sent(server: Server) -> None:
    backend = EndpointBackend(server.url, "org/model", 8192)
    with pytest.raises(RagoptError, match="the model's context 100"):
        list(backend.stream([{"role": "user", "content": "a " * 200}], 5, lambda: False))
    assert server.requests == []


@pytest.mark.parametrize("script", ["silent", "endless"])
def test_cancelling_hangs_up_also_while_nothing_comes(server: Server, script: str) -> None:
    backend = EndpointBackend(server.url, "org/model", 8192)
    server.script = script
    asked_often: list[None] = []

    def cancelled() -> bool:
        asked_often.append(None)
        return len(asked_often) > 4

    list(backend.stream(ASKED, 20, cancelled))
    assert server.hung_up.wait(10)
    server.script = "answer"
    assert said(backend) == "Good day ☃."


def test_a_server_that_is_gone_is_told(server: Server) -> None:
    backend = EndpointBackend(server.url, "org/model", 8192)
    server.shutdown()
    server.server_close()
    with pytest.raises(RagoptError, match="cannot be reached: connection refused"):
        said(backend)
    with pytest.raises(RagoptError, match="cannot be reached"):
        EndpointBackend(server.url, "org/model", 8192)


def test_what_is_no_such_server_is_told(server: Server) -> None:
    with pytest.raises(RagoptError, match="refuses with status 404: Not Found"):
        served_models(server.url.removesuffix("/v1") + "/v2")
