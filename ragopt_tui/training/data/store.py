"""The data sets of this user, each in a folder that appears whole. Imports no heavy library."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import secrets
import shutil
import time
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ragopt_tui.errors import RagoptError
from ragopt_tui.plaintext import one_line
from ragopt_tui.settings import folders
from ragopt_tui.training.data.example import Example, Problem
from ragopt_tui.training.data.record import SPLITS, DataSetRecord, Split, read_record

RECORD_FILE = "dataset.json"
PROBLEMS_FILE = "problems.jsonl"
_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
_LONGEST_ID = 48
_VERSION_DIGITS = 12


@dataclass(frozen=True, slots=True)
class DataSet:
    """A stored set: what is known of it, and where its examples lie."""

    record: DataSetRecord
    folder: Path

    @property
    def id(self) -> str:
        """What commands and configurations call it."""
        return self.record.id

    def examples(self, split: Split) -> Iterator[Example]:
        """Give the examples of a split in their order.

        Raises RagoptError where the file is gone or damaged.
        """
        if not self.record.rows[split]:
            return
        file = self.folder / f"{split}.jsonl"
        try:
            with file.open(encoding="utf-8") as lines:
                yield from (Example.from_json(json.loads(line)) for line in lines)
        except OSError as error:
            raise RagoptError(
                f"The data set {self.id} cannot be read: {file.name}: {error.strerror or error}.",
                "Import it again.",
            ) from error
        except (ValueError, KeyError, TypeError) as error:
            raise RagoptError(
                f"The data set {self.id} is damaged: {file.name} is not as it was written.",
                "Import it again.",
            ) from error

    def problems(self) -> list[Problem]:
        """Give what was left out at the import, with the reason."""
        try:
            lines = (self.folder / PROBLEMS_FILE).read_text(encoding="utf-8").splitlines()
            return [Problem(**json.loads(line)) for line in lines]
        except (OSError, ValueError, TypeError):
            return []

    def check(self) -> None:
        """Raise RagoptError where the examples are not those that the version was made of."""
        if version_of({split: self.examples(split) for split in SPLITS}) != self.record.version:
            raise RagoptError(
                f"The data set {self.id} is damaged: its examples are not those of its version.",
                "Import it again.",
            )


class DataSetStore:
    """The sets in a folder; nothing is created before something is written."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or folders().data / "datasets"

    @property
    def trash(self) -> Path:
        """The folders of removed sets."""
        return self.folder / ".trash"

    def sets(self) -> list[DataSet]:
        """Give all sets that can be read, the newest first."""
        return _readable(self.folder)

    def removed(self) -> list[DataSet]:
        """Give the sets in the trash."""
        return _readable(self.trash)

    def find(self, name: str) -> DataSet:
        """Find a set by its id, its name or the unique beginning of its id.

        Raises RagoptError if there is none, or more than one.
        """
        if _ID.fullmatch(name) and (self.folder / name).is_dir():
            return _opened(self.folder / name)
        known = self.sets()
        for found in (
            [each for each in known if each.record.name == name],
            [each for each in known if name and each.id.startswith(name)],
        ):
            if len(found) == 1:
                return found[0]
            if found:
                ids = ", ".join(each.id for each in found[:4])
                raise RagoptError(
                    f"{len(found)} data sets begin so: {ids}.", "Give more of the id."
                )
        ids = ", ".join(each.id for each in known[:8])
        raise RagoptError(
            f"There is no data set {one_line(name, 100)!r}.",
            f"There are: {ids}." if ids else "`ragopt-tui data import FILE` makes one.",
        )

    def add(
        self,
        record: DataSetRecord,
        examples: Mapping[Split, Sequence[Example]],
        problems: Sequence[Problem] = (),
    ) -> DataSet:
        """Keep a set; its id, version, counts and time are set here.

        The same examples in the same format are kept once: then the known set is given. Raises
        RagoptError where the folder cannot be written.
        """
        version = version_of(examples)
        for known in self.sets():
            if (known.record.version, known.record.format) == (version, record.format):
                return known
        record = replace(
            record,
            version=version,
            created=time.time(),
            rows={split: len(examples.get(split, ())) for split in SPLITS},
            problems=len(problems),
        )
        with self._writing():
            making = self.folder / f".new-{os.getpid()}-{secrets.token_hex(4)}"
            making.mkdir(parents=True)
            try:
                for split in SPLITS:
                    lines = (each.to_json() for each in examples.get(split, ()))
                    _write_lines(making / f"{split}.jsonl", lines)
                _write_lines(making / PROBLEMS_FILE, (each.to_json() for each in problems))
                return self._named(record, making)
            finally:
                shutil.rmtree(making, ignore_errors=True)

    def rename(self, id: str, name: str) -> DataSet:
        """Give a set another name; its id stays."""
        found = self.find(id)
        with self._writing():
            _write_record(replace(found.record, name=_shown(name)), found.folder)
        return self.find(found.id)

    def remove(self, id: str) -> None:
        """Move a set to the trash."""
        found = self.find(id)
        with self._writing():
            self.trash.mkdir(exist_ok=True)
            found.folder.rename(self.trash / found.id)

    def restore(self, id: str) -> DataSet:
        """Take a set out of the trash; raises RagoptError if it is not there."""
        folder = self._in_trash(id)
        with self._writing():
            folder.rename(self.folder / id)
        return self.find(id)

    def purge(self, id: str) -> None:
        """Delete a set in the trash for good."""
        folder = self._in_trash(id)
        with self._writing():
            doomed = self.folder / f".new-{os.getpid()}-{secrets.token_hex(4)}"
            folder.rename(doomed)
            shutil.rmtree(doomed)

    def _named(self, record: DataSetRecord, making: Path) -> DataSet:
        """Let a set appear under the first free id of its name."""
        wanted = _slug(record.name)
        for number in range(1, 10_000):
            id = wanted if number == 1 else f"{wanted}-{number}"
            if (self.folder / id).exists() or (self.trash / id).exists():
                continue
            _write_record(replace(record, id=id, name=_shown(record.name)), making)
            with contextlib.suppress(FileExistsError):
                making.rename(self.folder / id)
                return _opened(self.folder / id)
        raise RagoptError(f"Too many data sets are called {record.name}.", "Choose another name.")

    def _in_trash(self, id: str) -> Path:
        if not _ID.fullmatch(id) or not (self.trash / id).is_dir():
            raise RagoptError(f"There is no data set {one_line(id, 100)!r} in the trash.")
        return self.trash / id

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise RagoptError(
                f"The data sets in {self.folder} cannot be changed: {error.strerror or error}.",
                "Free some space or check the folder's permissions.",
            ) from error


def version_of(examples: Mapping[Split, Sequence[Example] | Iterator[Example]]) -> str:
    """Give the version of a set: a hash of its examples, split by split."""
    digest = hashlib.sha256()
    for split in SPLITS:
        digest.update(f"{split}\n".encode())
        for example in examples.get(split, ()):
            digest.update(_line(example.to_json()))
    return digest.hexdigest()[:_VERSION_DIGITS]


def _line(values: Mapping[str, object]) -> bytes:
    return json.dumps(values, ensure_ascii=False).encode() + b"\n"


def _write_lines(file: Path, lines: Iterator[Mapping[str, object]]) -> None:
    with file.open("wb") as out:
        out.writelines(map(_line, lines))
        out.flush()
        os.fsync(out.fileno())


def _write_record(record: DataSetRecord, folder: Path) -> None:
    aside = folder / f".{RECORD_FILE}.{os.getpid()}"
    aside.write_text(json.dumps(record.to_json(), indent=1, ensure_ascii=False), encoding="utf-8")
    aside.replace(folder / RECORD_FILE)


def _opened(folder: Path) -> DataSet:
    return DataSet(read_record(folder / RECORD_FILE), folder)


def _readable(folder: Path) -> list[DataSet]:
    found: list[DataSet] = []
    with contextlib.suppress(OSError):
        for each in sorted(folder.iterdir()):
            if _ID.fullmatch(each.name) and each.is_dir():
                with contextlib.suppress(RagoptError):
                    found.append(_opened(each))
    return sorted(found, key=lambda each: -each.record.created)


def _shown(name: str) -> str:
    shown = one_line(name, 120)
    if not shown:
        raise RagoptError("A data set needs a name.")
    return shown


def _slug(name: str) -> str:
    ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9._]+", "-", ascii_only).strip("-._")[:_LONGEST_ID].rstrip("-._")
    return slug or "data"
