"""What the interface and the engine say to each other: one JSON object a line over pipes.

A request has an `id`, a `method` and `params`; the engine answers each with any number of
events that carry its id, of which the last is `done`, `failed` or `cancelled`. Requests are
served in order, except `cancel`, which takes effect at once.

Methods and their params:

- `open` {docs, embedder}: use the index of that folder; done: {index_version, passages}.
- `load` {variant}: make a variant ready to generate; event `status`; done: {variant}.
- `ask` {question, variant, passages, earlier: [{question, answer}], read_as, without}: events
  `settings`, `resolved`, `status`, `filters`, `evidence`, `prompt`, `text`; done: the answer's JSON.
  `earlier` are the questions before, as they were read, oldest first, with the beginning of each
  answer or ""; `read_as` is how to read the question whatever came before; `without` are the
  filters that the user took away, [kind, value] each, all of a kind where the value is "". These
  three may be left out.
- `search` {question, limit, without}: done: {hits: [Hit JSON], filters}.
- `document` {file}: done: {file, title, text, line_numbers, pages, changed}.
- `cancel` {request}: ends the request with that id with `cancelled`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Literal

Method = Literal["open", "load", "ask", "search", "document", "cancel"]
EventType = Literal[
    "ready",
    "settings",
    "resolved",
    "status",
    "filters",
    "evidence",
    "prompt",
    "text",
    "done",
    "failed",
    "cancelled",
]
LAST_EVENTS: frozenset[str] = frozenset({"done", "failed", "cancelled"})


@dataclass(frozen=True, slots=True)
class Request:
    """One request to the engine."""

    id: int
    method: Method
    params: dict[str, Any] = field(default_factory=dict)

    def to_line(self) -> bytes:
        """Give the request as one line of JSON."""
        return _line({"id": self.id, "method": self.method, "params": self.params})

    @classmethod
    def from_line(cls, line: bytes) -> Request:
        """Parse one line; raises ValueError, KeyError or TypeError if it is not a request."""
        values = json.loads(line)
        return cls(id=values["id"], method=values["method"], params=values["params"])


@dataclass(frozen=True, slots=True)
class Event:
    """One event of the engine; `request` is the id it answers, 0 for `ready`.

    `data` by type: settings {the settings that shape answers, seed: null while decoding is greedy};
    resolved {question} (how a follow-up is read; does not come where it is read as it is);
    status {message, fraction | null, loading: the id of a variant that is being loaded};
    filters {filters: [Filter JSON]} (the companies and periods read from the question);
    evidence {hits: [Hit JSON]}; prompt {messages} (what the model is given); text {text} (a piece to append);
    failed {message, hint}; done as the method says.
    """

    request: int
    type: EventType
    data: dict[str, Any] = field(default_factory=dict)

    def to_line(self) -> bytes:
        """Give the event as one line of JSON."""
        return _line({"request": self.request, "type": self.type, "data": self.data})

    @classmethod
    def from_line(cls, line: bytes) -> Event:
        """Parse one line; raises ValueError, KeyError or TypeError if it is not an event."""
        values = json.loads(line)
        return cls(request=values["request"], type=values["type"], data=values["data"])


def _line(values: dict[str, Any]) -> bytes:
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
