"""Reading the text of a configuration file."""

from __future__ import annotations

from pathlib import Path

from ragopt_tui.errors import RagoptError

_LARGEST_FILE = 1 << 20


def read_text(path: Path) -> str:
    """Read a YAML file; raises RagoptError where it cannot be read or is no text in UTF-8."""
    try:
        if path.is_file() and path.stat().st_size > _LARGEST_FILE:
            raise RagoptError(f"{path} is too large for a training configuration.")
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise RagoptError(
            f"The training configuration {path} cannot be read: {error.strerror}."
        ) from error
    except UnicodeDecodeError as error:
        raise RagoptError(f"{path} is no text in UTF-8.", "Save it as UTF-8.") from error
