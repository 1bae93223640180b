"""What planning worked out before: counts and lengths that take seconds and depend on little."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import ragopt_tui
from ragopt_tui.jobs.folder import write_aside
from ragopt_tui.settings import folders

_LIBRARIES = ("transformers", "peft", "tokenizers")
_MOST_KEPT = 200


def remembered(what: object, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Give what was made of `what` before, or make it and keep it; both are JSON-ready.

    It is made anew with other versions of this program or of the libraries it is made with.
    """
    key = json.dumps([what, _versions()], sort_keys=True, ensure_ascii=True, default=str)
    file = _folder() / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.json"
    with contextlib.suppress(OSError, ValueError):
        known = json.loads(file.read_bytes())
        if isinstance(known, dict):
            os.utime(file)
            return known
    made = make()
    # A plan does not fail because it cannot be kept.
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_aside(file, json.dumps(made).encode())
        _forget_oldest()
    return made


def state_of(*files: Path) -> list[tuple[str, int, int]]:
    """Give what changes when files do: their names, sizes and times; those that are not there not."""
    found = []
    for file in files:
        with contextlib.suppress(OSError):
            state = file.stat()
            found.append((str(file), state.st_size, state.st_mtime_ns))
    return found


def _folder() -> Path:
    return folders().data / "plans"


def _versions() -> list[str]:
    found = [ragopt_tui.__version__]
    for library in _LIBRARIES:
        with contextlib.suppress(PackageNotFoundError):
            found.append(version(library))
    return found


def _forget_oldest() -> None:
    kept = sorted(_folder().glob("*.json"), key=lambda file: file.stat().st_mtime, reverse=True)
    for file in kept[_MOST_KEPT:]:
        file.unlink(missing_ok=True)
