"""What lies at a path, read without loading it: a model folder, an adapter or a GGUF file."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ragopt_tui.errors import RagoptError
from ragopt_tui.models.record import ModelFacts, Source, VariantFile, VariantRecord
from ragopt_tui.models.variant import Variant, VariantKind
from ragopt_tui.plaintext import one_line

RECORD_FILE = "variant.json"
REPORT_FILE = "report.json"
OWN_FILES = (RECORD_FILE, REPORT_FILE)
"""What the library keeps in a variant's folder beside the files of the model."""

_ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")
_WHOLE_FILES = ("model.safetensors", "model.safetensors.index.json")
_DESCRIBING = (".json", ".jinja", ".model", ".txt", ".md")
_LICENCE = re.compile(r"^license:[ \t]*[\"']?([\w.+-]+)", re.MULTILINE)
_FRONT_MATTER = re.compile(r"\A---\s*\n(.*?)\n---", re.DOTALL)
_LONGEST_README = 1 << 20
_LONGEST_VALUE = 120
_LONGEST_PROBLEM = 1000


class NotAModel(RagoptError):
    """There is nothing at the path that could ever answer."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """A model as it lies on disk; `problem` says why it cannot be loaded, if it cannot.

    Whatever was read from its files is `plain`.
    """

    kind: VariantKind
    path: Path
    name: str
    facts: ModelFacts
    files: tuple[VariantFile, ...]
    problem: str = ""

    def record(self, id: str) -> VariantRecord:
        """Give a record with what was found."""
        source = source_of(self.path)
        in_cache = source.hub_id and not source.file
        name = source.hub_id.rsplit("/", 1)[-1] if in_cache else self.name
        problem = one_line(self.problem, _LONGEST_PROBLEM)
        variant = Variant(id, plain(name), self.kind, self.path, False, problem=problem)
        return VariantRecord(variant, self.facts, source, self.files)


def inspect(path: Path) -> Inspection:
    """Inspect the Hugging Face folder, adapter folder or GGUF file at `path`.

    Raises NotAModel with the reason if it is none of these, cannot write text, or has only pickled
    weights. What is broken or incomplete is inspected all the same and has a `problem`.
    """
    from ragopt_tui.models.inspection_adapter import inspect_adapter
    from ragopt_tui.models.inspection_folder import inspect_folder
    from ragopt_tui.models.inspection_gguf import inspect_gguf

    path = absolute(path)
    try:
        if path.is_file():
            return inspect_gguf(path)
        if not path.is_dir():
            raise NotAModel(f"There is nothing at {path}.", "Give a path that exists.")
        whole = (path / "config.json").is_file()
        adapter = any((path / name).is_file() for name in _ADAPTER_FILES)
        if adapter and not (whole and any((path / name).is_file() for name in _WHOLE_FILES)):
            return inspect_adapter(path)
        if whole:
            return inspect_folder(path)
        raise _nothing_in(path)
    except OSError as error:
        raise RagoptError(
            f"{error.filename or path} cannot be read: {error.strerror}.", "Check its permissions."
        ) from error


def absolute(path: Path) -> Path:
    """Give a path from the root on; links keep their names, as a hub cache's files have no others."""
    return Path(os.path.abspath(path.expanduser()))  # noqa: PTH100


def plain(value: object) -> str:
    """Give a value of a model's file as a short line without control characters; "" for none."""
    return one_line(str(value), _LONGEST_VALUE) if value else ""


def source_of(path: Path) -> Source:
    """Say where a path comes from: the repository, if it lies in a hub cache's snapshot of one."""
    parts = path.parts
    for at in range(len(parts) - 3, -1, -1):
        if parts[at].startswith("models--") and parts[at + 1] == "snapshots":
            hub_id = parts[at].removeprefix("models--").replace("--", "/")
            return Source(hub_id, parts[at + 2], "/".join(parts[at + 3 :]))
    return Source(folder=str(path))


def read_json(file: Path) -> dict[str, Any]:
    """Read a JSON object; raises RagoptError that names the file."""
    try:
        values = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise RagoptError(f"{file} cannot be read: {reason}.") from error
    if not isinstance(values, dict):
        raise RagoptError(f"{file} cannot be read: it holds no JSON object.")
    return values


def listed_files(folder: Path, weights: list[Path]) -> tuple[VariantFile, ...]:
    """Give the weight files that are there and the files of the folder that describe the model."""
    describing = [file for file in folder.iterdir() if _describes(file)]
    there = {file for file in weights if file.is_file()} | set(describing)
    return tuple(
        VariantFile(str(file.relative_to(folder)), file.stat().st_size) for file in sorted(there)
    )


def has_chat_template(folder: Path) -> bool:
    """Whether the tokenizer of a folder brings a chat template."""
    if any((folder / name).is_file() for name in ("chat_template.jinja", "chat_template.json")):
        return True
    try:
        return bool(read_json(folder / "tokenizer_config.json").get("chat_template"))
    except RagoptError:
        return False


def licence_of(folder: Path) -> str:
    """Give the licence that the front matter of README.md names, or ""."""
    try:
        with (folder / "README.md").open("rb") as stream:
            text = stream.read(_LONGEST_README).decode("utf-8", errors="replace")
    except OSError:
        return ""
    front = _FRONT_MATTER.match(text.replace("\r\n", "\n"))
    found = _LICENCE.search(front.group(1)) if front else None
    return found.group(1) if found else ""


def pickled(folder: Path) -> bool:
    """Whether a folder holds weights that can run code when they are loaded."""
    return any(file.suffix in (".bin", ".pt", ".pth", ".ckpt") for file in folder.iterdir())


def pickled_only(folder: Path) -> NotAModel:
    """Give the error of a folder whose weights are all pickled."""
    return NotAModel(
        f"{folder} has only pickled weights, which can run code when they are loaded.",
        "Get the model with *.safetensors files.",
    )


def _describes(file: Path) -> bool:
    hidden = file.name.startswith(".") or file.name in OWN_FILES
    return file.suffix in _DESCRIBING and not hidden and file.is_file()


def _nothing_in(folder: Path) -> NotAModel:
    files = sorted(folder.glob("*.gguf"))
    if files:
        return NotAModel(f"{folder} holds GGUF files.", f"Give the file itself: {files[0]}.")
    return NotAModel(
        f"{folder} is not a Hugging Face model: it has no config.json.",
        "Give the folder that holds config.json and *.safetensors.",
    )
