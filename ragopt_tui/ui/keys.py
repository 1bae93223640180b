"""Keys of the actions: bindings for Textual, the user's own keys, and how keys are written."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple, cast

from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual.binding import Binding, BindingType

from ragopt_tui.errors import RagoptError
from ragopt_tui.ui.actions import ACTIONS, BY_NAME, SCOPE_TITLES, Action, Scope

# Scopes whose keys are live at the same time as those of the first.
_LIVE_TOGETHER: dict[Scope, tuple[Scope, ...]] = {
    "app": ("app",),
    "main": ("main", "app"),
    "prompt": ("prompt", "main", "app"),
    "chats": ("chats", "app"),
    "models": ("models", "app"),
    "sources": ("sources", "main", "app"),
    "sidebar": ("sidebar", "main", "app"),
    "documents": ("documents", "main", "app"),
    "document": ("document", "app"),
    "training": ("training", "main", "app"),
    "run": ("run", "app"),
    "training form": ("training form", "app"),
    "data sets": ("data sets", "app"),
    "report": ("report", "app"),
}
_SIGNS = {
    "/": "slash",
    "?": "question_mark",
    "+": "plus",
    "-": "minus",
    "=": "equals_sign",
    ",": "comma",
    ".": "full_stop",
}
_SPOKEN = {name: sign for sign, name in _SIGNS.items()} | {"escape": "Esc", "enter": "Enter"}
_LONG = _SIGNS | {"esc": "escape", "return": "enter"}


class _Named(NamedTuple):
    """A key as Textual's table of sequences holds it."""

    value: str


def bindings(scope: Scope) -> list[BindingType]:
    """Give Textual bindings for the actions of a scope; an action without keys has none."""
    return [_binding(action) for action in ACTIONS if action.scope == scope and action.keys]


def remapped(keys: Mapping[str, str]) -> tuple[Action, ...]:
    """Give the actions with the user's keys; raises RagoptError for an unknown name or a clash."""
    for name in keys:
        if name not in BY_NAME:
            near = difflib.get_close_matches(name, BY_NAME, n=1)
            raise RagoptError(
                f"The setting keys names an unknown action {name!r}.",
                f"Did you mean {near[0]}?" if near else f"Known: {', '.join(BY_NAME)}.",
            )
    actions = tuple(replace(a, keys=_long_form(keys.get(a.name, a.keys))) for a in ACTIONS)
    for scope in SCOPE_TITLES:
        _refuse_clash(actions, scope, set(keys))
    return actions


def tell_alt_numbers() -> None:
    """Have Esc followed by a digit, as most terminals send Alt and a number, read as that.

    Textual reads it as what a Mac's option key types (Alt+3 as £), which no terminal sends so.
    """
    sequences = cast("dict[str, tuple[_Named, ...]]", ANSI_SEQUENCES_KEYS)
    for number in range(1, 10):
        sequences[f"\x1b{number}"] = (_Named(f"alt+{number}"),)


def spoken(keys: str) -> str:
    """Give keys as they stand on a keyboard: `Ctrl+J or Shift+Enter`."""
    return " or ".join(_spoken_key(key) for key in keys.split(",") if key)


def spoken_of(name: str, keys: Mapping[str, str]) -> str:
    """Give the first key of an action under the user's keys as it stands on a keyboard, or ""."""
    return spoken(_long_form(keys.get(name, BY_NAME[name].keys)).split(",")[0])


def _binding(action: Action) -> Binding:
    # Priority, because the prompt would otherwise take Enter, F6 and F7 for itself.
    scopes = ("app", "main", "prompt", "chats", "models", "training form", "data sets")
    above = action.scope in scopes and action.keys != "escape"
    return Binding(
        action.keys,
        action.name if action.name != "commands" else "command_palette",
        action.label or action.title,
        show=bool(action.label),
        priority=above,
        tooltip=action.help,
        id=action.name,
    )


def _spoken_key(key: str) -> str:
    return "+".join(
        _SPOKEN.get(part, part if len(part) == 1 and "+" not in key else part.capitalize())
        for part in key.split("+")
    )


def _long_form(keys: str) -> str:
    parts = [part.strip() for part in keys.split(",")]
    parts = [part if len(part) == 1 else part.lower() for part in parts]
    return ",".join(_LONG.get(part, part) for part in parts)


def _refuse_clash(actions: tuple[Action, ...], scope: Scope, changed: set[str]) -> None:
    """Raise where a key that the user set means two things at once in a scope."""
    taken: dict[str, Action] = {}
    for action in actions:
        if action.scope not in _LIVE_TOGETHER[scope]:
            continue
        for key in filter(None, action.keys.split(",")):
            other = taken.setdefault(key, action)
            if other is not action and {other.name, action.name} & changed:
                raise RagoptError(
                    f"The setting keys gives {spoken(key)} to both {other.name} and {action.name}.",
                    "Give one of them another key.",
                )
