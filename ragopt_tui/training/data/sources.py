"""Where a data set is imported from: a file, a folder of files by split, documents, or the hub."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from ragopt_tui.errors import RagoptError
from ragopt_tui.training.data.documents import is_document
from ragopt_tui.training.data.record import Origin, Split
from ragopt_tui.training.data.rows import DATA_SUFFIXES

_HUB_ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
_DESCRIBING = {"dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json"}
_SPLIT_NAMES: dict[str, Split] = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "eval": "validation",
    "test": "test",
}
_DEEPEST = 3


@dataclass(frozen=True, slots=True)
class Source:
    """What is read: data files by split, or `documents`, a document or a folder of such."""

    name: str
    origin: Origin
    files: tuple[tuple[Split, Path], ...] = ()
    documents: Path | None = None


def is_hub_id(text: str) -> bool:
    """Whether a text names a repository of the hub, as `owner/name` or `hf:owner/name`."""
    return _HUB_ID.fullmatch(text.removeprefix("hf:")) is not None


def local_source(path: Path) -> Source:
    """Find out what lies at a path; raises RagoptError where there is nothing to learn from."""
    path = path.expanduser().absolute()
    origin = Origin(place=str(path))
    if path.is_file():
        suffix = path.suffix.lower()
        if suffix in DATA_SUFFIXES:
            return Source(path.stem, _hashed(path), (("train", path),))
        if is_document(path):
            return Source(path.stem, _hashed(path), documents=path)
        raise RagoptError(
            f"{path} is no data file that is read.",
            f"Read are {', '.join(sorted(DATA_SUFFIXES))}, and documents.",
        )
    if not path.is_dir():
        raise RagoptError(f"{path} does not exist.", "Give a file, a folder or owner/name.")
    files = data_files(path)
    if not files:
        return Source(path.name, origin, documents=path)
    return Source(path.name, origin, tuple((split_of(f.relative_to(path)), f) for f in files))


def data_files(folder: Path) -> list[Path]:
    """Give the data files below a folder, unless it also holds documents other than tables.

    A folder of reports with some tables among them is one of documents.
    """
    inside = [
        file
        for file in sorted(folder.rglob("*"))
        if file.is_file()
        and len(file.relative_to(folder).parts) <= _DEEPEST
        and not any(part.startswith(".") for part in file.relative_to(folder).parts)
        and file.name not in _DESCRIBING
    ]
    data = [file for file in inside if file.suffix.lower() in DATA_SUFFIXES]
    readme = ("readme", "licence", "license", "notice", "sources")
    documents = [
        file
        for file in inside
        if is_document(file) and file not in data and file.stem.lower().split(".")[-1] not in readme
    ]
    return [] if documents else data


def split_of(file: Path) -> Split:
    """Tell the split by a file's name or its folder's, such as `data/train-00000-of-00001.parquet`."""
    for part in (file.name, *reversed(file.parts[:-1])):
        named = _SPLIT_NAMES.get(re.split(r"[-_.\d]", part.lower(), maxsplit=1)[0])
        if named:
            return named
    return "train"


def _hashed(file: Path) -> Origin:
    try:
        with file.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise RagoptError(f"{file} cannot be read: {error.strerror}.") from error
    return Origin(place=str(file), sha256=digest)
