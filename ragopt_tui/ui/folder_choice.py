"""Folders of documents to choose from: what is typed, used before, or shipped."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import ragopt_tui
from ragopt_tui.errors import RagoptError
from ragopt_tui.settings import folders

_REMEMBERED = 8
_OFFERED = 50


def checked_folder(typed: str) -> Path:
    """Give the folder that was typed; raises RagoptError that says what is wrong with it."""
    if not typed.strip():
        raise RagoptError("No folder was given.", "Type a path, or choose one below.")
    folder = Path(typed.strip()).expanduser()
    try:
        if folder.is_file():
            raise RagoptError(f"{folder} is a file.", f"Give the folder it is in: {folder.parent}.")
        if not folder.is_dir():
            raise RagoptError(f"There is no folder {folder}.", "Check the spelling.")
        with os.scandir(folder):
            pass
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise RagoptError(f"{folder} cannot be opened: {reason}.", "Choose another one.") from error
    return folder.resolve()


def folders_like(typed: str) -> list[Path]:
    """Give the folders whose path begins with what is typed, at most 50; hidden ones when asked."""
    return entries_like(typed, lambda _name, is_folder: is_folder)


def entries_like(typed: str, offers: Callable[[str, bool], bool]) -> list[Path]:
    """Give what begins with what is typed, at most 50; hidden ones when asked.

    `offers` says of a name, and whether it is a folder's, if it may be meant.
    """
    path = Path(typed).expanduser()
    parent, start = (path, "") if typed.endswith("/") else (path.parent, path.name)
    try:
        with os.scandir(parent) as entries:
            names = [
                entry.name
                for entry in entries
                if _begins(entry, start) and offers(entry.name, entry.is_dir())
            ]
    except (OSError, ValueError):
        return []
    return [parent / name for name in sorted(names, key=str.lower)[:_OFFERED]]


def known_folders() -> list[tuple[Path, str]]:
    """Give folders used before, newest first, then the sample documents where they are."""
    offered = [(path, "used before") for path in _recent() if path.is_dir()]
    seen = {path for path, _ in offered}
    for parent in (Path.cwd(), Path(ragopt_tui.__file__).parent.parent):
        sample = (parent / "sample_docs").resolve()
        if sample.is_dir() and sample not in seen:
            seen.add(sample)
            offered.append((sample, "sample documents"))
    return offered


def short_path(path: Path) -> str:
    """Give a path with `~` for the user's home."""
    try:
        return str(Path("~", path.relative_to(Path.home())))
    except (ValueError, RuntimeError):
        return str(path)


def remember(folder: Path) -> None:
    """Put a folder first among those used before; a disk that cannot be written is no matter."""
    recent = [folder, *(path for path in _recent() if path != folder)][:_REMEMBERED]
    file = _recent_file()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        aside = file.with_name(f".{file.name}.{os.getpid()}")
        aside.write_text(json.dumps([str(path) for path in recent]), encoding="utf-8")
        aside.replace(file)
    except OSError:
        return


def _recent() -> list[Path]:
    try:
        values = json.loads(_recent_file().read_text(encoding="utf-8"))
        return [Path(value) for value in values if isinstance(value, str)]
    except (OSError, ValueError, TypeError):
        return []


def _recent_file() -> Path:
    return folders().data / "recent_folders.json"


def _begins(entry: os.DirEntry[str], start: str) -> bool:
    hidden = entry.name.startswith(".") and not start.startswith(".")
    return entry.name.lower().startswith(start.lower()) and not hidden
