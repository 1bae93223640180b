"""An OpenAI-compatible server (vLLM, llama-server and their like): its models and its refusals."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ragopt_tui.errors import RagoptError, reason
from ragopt_tui.plaintext import one_line

if TYPE_CHECKING:
    import httpx2

KEY_VARIABLE = "RAGOPT_ENDPOINT_KEY"
"""The environment variable of an endpoint's key where its record names none."""

_SECONDS_TO_CONNECT = 5.0
_SECONDS_TO_ANSWER = 30.0
_LONGEST_REASON = 200
_CONTEXT = re.compile(r"context (?:length|size|window)\D{0,20}?(\d+(?:,\d{3})*)", re.I)
_TOO_LONG = re.compile(r"context (?:length|size|window)|too many tokens|exceed_context", re.I)


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model that a server names; `context_tokens` is None where it does not say."""

    name: str
    context_tokens: int | None = None


def open_server(url: str, key_variable: str = "", *, connections_kept: int = 1) -> httpx2.Client:
    """Give a client for the server at `url`, which ends in /v1, with its key if one is set."""
    import httpx2

    key = os.environ.get(key_variable or KEY_VARIABLE, "").strip()
    return httpx2.Client(
        base_url=url.rstrip("/") + "/",
        headers={"Authorization": f"Bearer {key}"} if key else {},
        timeout=httpx2.Timeout(_SECONDS_TO_ANSWER, connect=_SECONDS_TO_CONNECT),
        trust_env=not _is_local(url),
        limits=httpx2.Limits(max_keepalive_connections=connections_kept),
    )


def served_models(url: str, key_variable: str = "") -> list[ServedModel]:
    """Ask a server for its models; raises RagoptError if it does not answer or refuses."""
    with open_server(url, key_variable) as client:
        return models_of(client, url, key_variable)


def models_of(client: httpx2.Client, url: str, key_variable: str) -> list[ServedModel]:
    """Ask a server for its models over an open client; raises as `served_models`."""
    with explained(url):
        response = client.get("models")
    if response.is_error:
        raise refusal(url, response.status_code, response.text, key_variable=key_variable)
    try:
        listed = response.json()["data"]
        return [ServedModel(str(model["id"]), _context(model)) for model in listed]
    except (ValueError, KeyError, TypeError) as error:
        raise RagoptError(
            f"What is at {url} does not list models as an OpenAI-compatible server does.",
            "Give the address that ends in /v1.",
        ) from error


@contextmanager
def explained(url: str) -> Iterator[None]:
    """Turn what can go wrong with a connection into a RagoptError that names the server."""
    import httpx2

    try:
        yield
    except httpx2.ConnectError as error:
        raise RagoptError(
            f"The server at {url} cannot be reached: {reason(error)}.",
            "Start it, or correct its address.",
        ) from error
    except httpx2.TimeoutException as error:
        raise RagoptError(
            f"The server at {url} does not answer.", "See whether it is busy or still loading."
        ) from error
    except (httpx2.TransportError, httpx2.InvalidURL) as error:
        raise RagoptError(
            f"The connection to the server at {url} broke off: {reason(error)}.",
            "See in the server's log why, and ask again.",
        ) from error


def refusal(
    url: str, status: int, body: str, *, key_variable: str = "", served: str = ""
) -> RagoptError:
    """Give the error of an answer that is none, from its HTTP status and body."""
    told = _message(body)
    said = f": {told}" if told else ""
    if status in (401, 403):
        variable = key_variable or KEY_VARIABLE
        return RagoptError(
            f"The server at {url} wants another key{said}.",
            f"Put its key into the environment variable {variable} and start again.",
        )
    if _TOO_LONG.search(told):
        return RagoptError(
            f"The prompt does not fit the context of the server at {url}{said}.",
            "Ask a shorter question, use fewer passages, or start the server with more context.",
        )
    if status == 404 and served:
        return RagoptError(
            f"The server at {url} has no model {served!r}{said}.", "Choose one that it lists."
        )
    if status == 429:
        return RagoptError(f"The server at {url} has too much to do{said}.", "Ask again later.")
    return RagoptError(
        f"The server at {url} refuses with status {status}{said}.", "See the server's log."
    )


def context_told(error: RagoptError) -> int | None:
    """Give the context in tokens that a refusal names where the prompt was too long."""
    found = _CONTEXT.search(error.message)
    return int(found.group(1).replace(",", "")) if found else None


def _message(body: str) -> str:
    """Give the sentence in an error's body, whose form differs between servers."""
    import json

    try:
        values: Any = json.loads(body)
    except ValueError:
        return "" if body.lstrip().startswith("<") else _short(body)
    while isinstance(values, dict):
        values = next(
            (values[key] for key in ("error", "message", "detail") if values.get(key)), ""
        )
    return _short(str(values))


def _short(text: str) -> str:
    return one_line(text, _LONGEST_REASON).rstrip(".")


def _context(model: dict[str, Any]) -> int | None:
    """Give a model's context as vLLM tells it."""
    tokens = model.get("max_model_len")
    return tokens if isinstance(tokens, int) and tokens > 0 else None


def _is_local(url: str) -> bool:
    """Whether a server runs on this machine, which is not asked through a proxy."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
