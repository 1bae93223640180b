"""Errors that a user can act on."""

from __future__ import annotations


class RagoptError(Exception):
    """What went wrong, said to the user in one sentence, and what can be done about it.

    `message` names the file or setting concerned; `hint` says what to do next.
    The interface and the commands show both and never a traceback.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()
