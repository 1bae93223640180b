"""Turns of a dialogue out of rows of files, with the sentence for what is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ragopt_tui.plaintext import one_line
from ragopt_tui.training.data.example import Message, Role

_ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
}


class BadRow(ValueError):
    """A row that is left out; the message says why, without an end mark."""


def dialogue(turns: object, what: str = "messages") -> tuple[Message, ...]:
    """Read turns of `role` and `content`, or ShareGPT's `from` and `value`; answers are trained.

    An answer with `weight` 0 is not. Raises BadRow.
    """
    if isinstance(turns, str) or not isinstance(turns, Sequence):
        raise BadRow(f"{what} is no list of turns")
    messages = tuple(_message(number, turn) for number, turn in enumerate(turns, start=1))
    if not any(message.trained for message in messages):
        raise BadRow("there is no answer to learn")
    return messages


def text_of(value: object, what: str) -> str:
    """Give a text that must be there; raises BadRow where it is missing, null, empty or no text."""
    # Tables write what is missing as a number that is none.
    if value is None or value != value:
        raise BadRow(f"{what} is missing")
    if isinstance(value, bool | Mapping) or not isinstance(value, str | int | float):
        raise BadRow(f"{what} is no text")
    text = str(value)
    if not text.strip():
        raise BadRow(f"{what} is empty")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BadRow(f"{what} holds half of a character") from error
    return text


def optional_text(value: object, what: str) -> str:
    """Give a text that may be missing, null or empty; raises BadRow if it is no text."""
    if value is None or value != value or (isinstance(value, str) and not value.strip()):
        return ""
    return text_of(value, what)


def _message(number: int, turn: object) -> Message:
    if not isinstance(turn, Mapping):
        raise BadRow(f"turn {number} has no role and content")
    named = turn.get("role", turn.get("from"))
    role = _ROLES.get(str(named).strip().lower())
    if role is None:
        raise BadRow(f"turn {number} is of {one_line(str(named), 40)!r}, which is not trained on")
    if turn.get("tool_calls"):
        raise BadRow(f"turn {number} calls tools, which is not trained on")
    content = text_of(_content(turn, number), f"what turn {number} says")
    return Message(role, content, role == "assistant" and turn.get("weight") != 0)


def _content(turn: Mapping[str, Any], number: int) -> object:
    content = turn.get("content", turn.get("value"))
    if not isinstance(content, list):
        return content
    if not all(isinstance(part, Mapping) and part.get("type") == "text" for part in content):
        raise BadRow(f"turn {number} holds more than text")
    return "".join(str(part.get("text") or "") for part in content)
