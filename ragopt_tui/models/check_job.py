"""Checking that a variant's files are whole and what they were, as a job."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from ragopt_tui.errors import RagoptError
from ragopt_tui.jobs.events import Reporter
from ragopt_tui.models import integrity
from ragopt_tui.models.adapter_base import mismatch
from ragopt_tui.models.gguf_reading import problem_for_reader
from ragopt_tui.models.inspection import Inspection, inspect
from ragopt_tui.models.memory import size_text
from ragopt_tui.models.record import VariantFile, VariantRecord
from ragopt_tui.models.store import VariantStore
from ragopt_tui.models.transfer import TransferProgress
from ragopt_tui.plaintext import one_line
from ragopt_tui.settings import folders

_LONGEST_PROBLEM = 500
_MAY_CHANGE = (".md",)


def run(parameters: dict[str, Any], report: Reporter) -> dict[str, Any]:
    """Check `variant`: headers, hashes, weights that are no numbers, tokens, an adapter's base.

    The variant keeps the hashes, and the `problem` that is given, which is "" where all is well.
    """
    store = VariantStore(folders().models)
    record = store.record(parameters["variant"])
    if record.variant.path is None:
        raise RagoptError(f"{record.variant.name} has no files to check.")
    check = _Check(report)
    problem = _problem(store, record, record.variant.path, check)
    store.mark(record.variant.id, problem)
    if not problem:
        store.set_files(record.variant.id, check.checked)
    return {
        "variant": record.variant.id,
        "problem": problem,
        "files": [{"name": f.name, "size": f.size, "sha256": f.sha256} for f in check.checked],
        "tensors": check.tensors,
        "message": _message(record.variant.name, problem, check),
    }


def _problem(store: VariantStore, record: VariantRecord, path: Path, check: _Check) -> str:
    try:
        found = inspect(path)
        problem = found.problem or check.files(found, record) or _of_base(store, record, path)
    except RagoptError as error:
        problem = error.message
    except OSError as error:
        problem = f"{error.filename or path} cannot be read: {error.strerror}."
    return one_line(problem, _LONGEST_PROBLEM)


def _message(name: str, problem: str, check: _Check) -> str:
    if problem:
        return f"{name} cannot be trusted: {problem}"
    size, count = sum(file.size for file in check.checked), len(check.checked)
    return (
        f"{name} is whole: {count} {'file' if count == 1 else 'files'} with {size_text(size)}, "
        f"{check.tensors} tensors without NaN or infinity."
    )


class _Check:
    """The files of a model, read one after the other."""

    def __init__(self, report: Reporter) -> None:
        self.checked: list[VariantFile] = []
        self.tensors = 0
        self._report = report

    def files(self, found: Inspection, record: VariantRecord) -> str:
        """Read all files; gives what is wrong with the first bad one, or ""."""
        folder = found.path if found.path.is_dir() else found.path.parent
        progress = TransferProgress(self._report, "checking", sum(f.size for f in found.files))
        recorded = {file.name: file for file in record.files}
        for file in found.files:
            problem = self._one(folder, file, recorded.get(file.name, file), progress)
            if problem:
                return problem
        return ""

    def _one(
        self, folder: Path, file: VariantFile, before: VariantFile, progress: TransferProgress
    ) -> str:
        path = folder / file.name
        kinds = {".safetensors": integrity.check_safetensors, ".gguf": integrity.check_gguf}
        read = kinds.get(path.suffix.lower(), integrity.check_other)
        progress.tell(file.name, 0)
        found = read(path, lambda done: progress.tell(file.name, done))
        progress.finish(file.name, file.size)
        self.checked.append(replace(file, sha256=found.sha256))
        self.tensors += found.tensors
        if path.suffix not in _MAY_CHANGE:
            if file.size != before.size:
                return f"{path} is not the file that was added: its size is another."
            if before.sha256 not in ("", found.sha256):
                return f"{path} is not the file that was added: its SHA-256 is another."
        if found.not_finite:
            count = len(found.not_finite)
            return (
                f"{path} has NaN or infinity among its weights, in {count} of {found.tensors} "
                f"tensors, first in {found.not_finite[0]}."
            )
        return _of_content(path)


def _of_content(path: Path) -> str:
    if path.suffix == ".json":
        try:
            json.loads(path.read_bytes())
        except (ValueError, RecursionError) as error:
            return f"{path} is damaged: {error}."
    if path.suffix.lower() == ".gguf":
        return problem_for_reader(path)
    return ""


def _of_base(store: VariantStore, record: VariantRecord, path: Path) -> str:
    if record.variant.kind != "adapter" or not record.variant.parent:
        return ""
    base = store.known(record.variant.parent)
    return mismatch(path, base) if base else ""
