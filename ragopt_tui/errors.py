"""Errors that a user can act on."""

from __future__ import annotations

import re

from ragopt_tui.plaintext import one_line, without_controls

_ERROR_NUMBER = re.compile(r"^\[Errno -?\d+\] ")


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


def reason(error: BaseException) -> str:
    """Give what an error of a library says as the end of a sentence, without number and full stop."""
    said = one_line(_ERROR_NUMBER.sub("", str(error))).rstrip(".")
    begins_a_word = said[:1].isupper() and said[1:2].islower()
    return (said[:1].lower() + said[1:] if begins_a_word else said) or type(error).__name__
