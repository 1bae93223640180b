"""Where the index of a folder of documents lies, and which of its generations serves.

    <indexes>/<name>-<hash>/
        index.json        the serving generation, and what it was made with
        write.lock        held by the one process that synchronises
        generation-3/     catalogue.db, passages.lance/, readers.lock

A generation never changes its embedder or splitter. Another one is built beside it and takes
its place when index.json is renamed over.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ragopt_tui.errors import RagoptError
from ragopt_tui.settings import folders

TABLE_NAME = "passages"

_GENERATION = re.compile(r"generation-(\d+)")


class CorruptIndex(RagoptError):
    """An index whose files are damaged; synchronising sets it aside and builds another."""

    def __init__(self, where: Path, why: str) -> None:
        super().__init__(
            f"The index in {where} is damaged: {why}.",
            "Index the folder again with --rebuild; the documents themselves are not touched.",
        )
        self.why = why


@dataclass(frozen=True, slots=True)
class Manifest:
    """Which generation serves, of which folder, and the embedder and splitter it was made with.

    `embedder` is the name to load it by, `identity` what it must then be.
    """

    docs: str
    embedder: str
    identity: str
    splitter: str
    generation: int


@dataclass(frozen=True, slots=True)
class Generation:
    """One generation of an index by its file names."""

    folder: Path

    @property
    def number(self) -> int:
        """Its number, counted from 1."""
        return int(self.folder.name.rpartition("-")[2])

    @property
    def catalogue_file(self) -> Path:
        """The SQLite file with one row for each document."""
        return self.folder / "catalogue.db"

    @property
    def table_folder(self) -> Path:
        """The LanceDB table with one row for each passage."""
        return self.folder / f"{TABLE_NAME}.lance"

    @property
    def readers_lock(self) -> Path:
        """Share-locked by each reader, so that a generation in use is not deleted."""
        return self.folder / "readers.lock"


@dataclass(frozen=True, slots=True)
class IndexLocation:
    """The folder that holds the index of a folder of documents."""

    docs: Path
    folder: Path

    @classmethod
    def of(cls, docs: Path) -> IndexLocation:
        """Give the place for the index of `docs`, however it is spelt; nothing is created."""
        resolved = docs.resolve()
        digest = hashlib.sha256(os.fsencode(resolved)).hexdigest()[:12]
        slug = re.sub(r"[^a-z0-9]+", "-", resolved.name.lower()).strip("-")[:40] or "documents"
        return cls(resolved, folders().indexes / f"{slug}-{digest}")

    @property
    def manifest_file(self) -> Path:
        """The JSON of `Manifest`."""
        return self.folder / "index.json"

    @property
    def write_lock(self) -> Path:
        """Locked by the one process that writes."""
        return self.folder / "write.lock"

    @property
    def catalogue_file(self) -> Path | None:
        """The serving generation's catalogue; None while nothing serves."""
        manifest = self.manifest()
        return self.generation(manifest.generation).catalogue_file if manifest else None

    @property
    def table_folder(self) -> Path | None:
        """The serving generation's table; None while nothing serves."""
        manifest = self.manifest()
        return self.generation(manifest.generation).table_folder if manifest else None

    def manifest(self) -> Manifest | None:
        """Read which generation serves; None before the first one. Raises CorruptIndex."""
        try:
            values: dict[str, Any] = json.loads(self.manifest_file.read_bytes())
            manifest = Manifest(**values)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise RagoptError(f"{self.manifest_file} cannot be read: {error.strerror}.") from error
        except (ValueError, TypeError) as error:
            raise CorruptIndex(self.folder, "index.json is not readable as JSON") from error
        if not isinstance(manifest.generation, int):
            raise CorruptIndex(self.folder, "index.json names no generation")
        return manifest

    def write_manifest(self, manifest: Manifest) -> None:
        """Let a generation serve, from one moment to the next."""
        aside = self.manifest_file.with_suffix(".json.new")
        with aside.open("wb") as stream:
            stream.write(json.dumps(asdict(manifest), indent=1).encode())
            stream.flush()
            os.fsync(stream.fileno())
        aside.replace(self.manifest_file)

    def generation(self, number: int) -> Generation:
        """Give a generation by its number."""
        return Generation(self.folder / f"generation-{number}")

    def generations(self) -> list[Generation]:
        """Give every generation on disk, the oldest first."""
        if not self.folder.is_dir():
            return []
        found = [p for p in self.folder.iterdir() if _GENERATION.fullmatch(p.name) and p.is_dir()]
        return sorted(map(Generation, found), key=lambda generation: generation.number)
