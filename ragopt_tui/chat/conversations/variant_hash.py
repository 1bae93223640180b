"""Which files answered: one hash for a variant, computed once for each state of its files."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ragopt_tui.models.inspection_gguf import gguf_parts

_CHUNK = 1 << 22


@dataclass(frozen=True, slots=True)
class FileState:
    """A file as `stat` sees it: another size (bytes) or time of change means another content."""

    path: str
    size: int
    modified_ns: int


class HashingStopped(Exception):
    """Nobody waits for the hash any more."""


def variant_files(path: Path | None) -> list[FileState]:
    """Give the files of a variant by name: the GGUF, or what lies in the Hugging Face folder.

    Of a split GGUF, `path` is the first part.
    """
    if path is None:
        return []
    folder = path.is_dir()
    files = [file for file in path.iterdir() if file.is_file()] if folder else gguf_parts(path)
    states = [(file, file.stat()) for file in sorted(files) if not file.name.startswith(".")]
    return [FileState(str(file), stat.st_size, stat.st_mtime_ns) for file, stat in states]


def file_hash(state: FileState, stopped: Callable[[], bool]) -> str:
    """Give a file's SHA-256 in hexadecimal; raises HashingStopped once `stopped()` is true."""
    digest = hashlib.sha256()
    with Path(state.path).open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            if stopped():
                raise HashingStopped
            digest.update(chunk)
    return digest.hexdigest()


def combined_hash(states: list[FileState], hashes: list[str]) -> str:
    """Give the hash of a variant: its only file's, or that of the list of its files' hashes.

    The list is what `sha256sum *` prints in the folder.
    """
    if len(hashes) <= 1:
        return "".join(hashes)
    lines = [f"{sha}  {Path(s.path).name}\n" for s, sha in zip(states, hashes, strict=True)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()
