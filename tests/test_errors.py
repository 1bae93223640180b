"""Errors are sentences, whatever stands in the names they mention."""

from __future__ import annotations

import pytest

from ragopt_tui.cli import main
from ragopt_tui.errors import RagoptError, reason


def test_message_and_hint_carry_no_terminal_controls() -> None:
    error = RagoptError("a\x1b[2Jb cannot be read.", "Rename \x07it.")
    assert str(error) == "a\ufffd[2Jb cannot be read. Rename \ufffdit."


def test_a_folder_with_escape_codes_in_its_name_does_not_steer_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["index", "/no/such\x1b[31m/folder"]) == 1
    assert "\x1b" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(111, "Connection refused"), "connection refused"),
        (ConnectionError("All connection attempts failed."), "all connection attempts failed"),
        (EOFError("EOF occurred\nin \x1b[1mviolation"), "EOF occurred in \ufffd[1mviolation"),
        (TimeoutError(), "TimeoutError"),
    ],
)
def test_what_a_library_says_stands_within_a_sentence(error: Exception, said: str) -> None:
    assert reason(error) == said
