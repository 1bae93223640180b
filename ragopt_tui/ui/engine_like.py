"""What the interface needs of an engine; `chat.engine_client.EngineClient` is one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any, Protocol

from ragopt_tui.chat.engine_client import EngineState
from ragopt_tui.chat.protocol import Event, Method


class RequestLike(Protocol):
    """A request under way: iterate it for its events."""

    def __aiter__(self) -> AsyncIterator[Event]:
        """Send the request and give its events; raises EngineDied."""
        ...

    async def cancel(self) -> None:
        """End it; its last event is then `cancelled`."""
        ...


class EngineLike(Protocol):
    """Answers requests; starts when first needed and again after it died."""

    on_state: Callable[[EngineState, str], None] | None

    async def start(self) -> None:
        """Start it unless it lives."""
        ...

    def request(self, method: Method, params: dict[str, Any] | None = None) -> RequestLike:
        """Prepare a request."""
        ...

    async def call(self, method: Method, params: dict[str, Any] | None = None) -> dict[str, Any]:
        """Make a request and give what it is done with; raises RagoptError."""
        ...

    async def close(self) -> None:
        """End it."""
        ...
