"""Errors that a user can act on."""

from __future__ import annotations

from ragopt_tui.plaintext import without_controls


class RagoptError(Exception):
    """What went wrong, said to the user in one sentence, and what can be done about it.

    `message` names the file or setting concerned; `hint` says what to do next.
    The interface and the commands show both and never a traceback. Control characters in them,
    as from a file's name, are replaced.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        self.message = without_controls(message)
        self.hint = without_controls(hint)
        super().__init__(self.message)

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()
