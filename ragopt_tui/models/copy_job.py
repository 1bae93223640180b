"""Copying a model into the library, as a job."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

from ragopt_tui.errors import RagoptError
from ragopt_tui.jobs import supervisor
from ragopt_tui.jobs.events import Reporter
from ragopt_tui.jobs.job import Job
from ragopt_tui.models.inspection import Inspection, absolute, inspect, source_of
from ragopt_tui.models.store import VariantStore
from ragopt_tui.models.transfer import TransferProgress
from ragopt_tui.plaintext import one_line
from ragopt_tui.settings import folders

KIND = "copy"
TARGET = "ragopt_tui.models.copy_job:run"
_CHUNK = 1 << 22


def start_copy(path: Path, name: str = "", parent: str = "") -> Job:
    """Start a job that copies what lies at `path` into the library.

    `parent` is the base of an adapter, which is otherwise found by its name.
    """
    parameters = {"path": str(absolute(path)), "name": name, "parent": parent}
    return supervisor.start(KIND, f"copy {one_line(path.name, 80)}", TARGET, parameters)


def run(parameters: dict[str, Any], report: Reporter) -> dict[str, Any]:
    """Copy the model at `path`; gives the `variant` that the library has it as."""
    found = inspect(Path(parameters["path"]))
    if found.problem:
        raise RagoptError(found.problem, "Get it again, or complete it.")
    store = VariantStore(folders().models)
    with store.folder.changing():
        folder = store.folder.new_folder()
    try:
        _check_room(found, folder)
        hashes = _copied(found, folder, report)
        record = store.adopt(
            folder,
            name=parameters["name"] or found.record("").variant.name,
            parent=parameters["parent"],
            source=source_of(found.path),
            hashes=hashes,
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    variant = record.variant
    return {
        "variant": variant.id,
        "problem": variant.problem,
        "message": f"{variant.name} is in the library. {variant.problem}".rstrip(),
    }


def _check_room(found: Inspection, folder: Path) -> None:
    needed, free = sum(file.size for file in found.files), shutil.disk_usage(folder).free
    if needed > free:
        raise RagoptError(
            f"{found.path} has {needed / 1e9:.1f} GB, the disk of {folder.parent} has "
            f"{free / 1e9:.1f} GB free.",
            "Free some space, or add the model where it is, without copying.",
        )


def _copied(found: Inspection, folder: Path, report: Reporter) -> dict[str, str]:
    """Copy the files and give their SHA-256 by name."""
    origin = found.path if found.path.is_dir() else found.path.parent
    progress = TransferProgress(report, "copying", sum(file.size for file in found.files))
    hashes: dict[str, str] = {}
    for file in found.files:
        digest, done = hashlib.sha256(), 0
        progress.tell(file.name, 0)
        with (origin / file.name).open("rb") as source, (folder / file.name).open("xb") as target:
            while chunk := source.read(_CHUNK):
                digest.update(chunk)
                target.write(chunk)
                done += len(chunk)
                progress.tell(file.name, done)
        if done != file.size:
            raise RagoptError(f"{origin / file.name} changed while it was copied.", "Try again.")
        progress.finish(file.name, done)
        hashes[file.name] = digest.hexdigest()
    return hashes
