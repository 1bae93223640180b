"""The one writer of a generation: table and catalogue kept in step, whatever happens in between."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from ragopt_tui.errors import RagoptError
from ragopt_tui.knowledge.catalogue import Catalogue, FileRecord
from ragopt_tui.knowledge.location import CorruptIndex, Generation
from ragopt_tui.knowledge.passage import Passage

if TYPE_CHECKING:
    from ragopt_tui.knowledge.embedder import Vectors
    from ragopt_tui.knowledge.passage_table import Table

_FINGERPRINT = "table_fingerprint"
_TABLE_VERSION = "table_version"
_VECTOR_INDEX_ROWS = "vector_index_rows"
_IDENTITY = "embedder_identity"
_SPLITTER = "splitter_version"

_TIDY_EVERY_ROWS = 20_000
"""While rows stream in, how many at least may stand outside the indexes."""


class GenerationWriter:
    """Writes one generation. Whoever has it holds the index's write lock.

    lancedb, slow to import, is only needed once something is read or written.
    """

    def __init__(self, generation: Generation, catalogue: Catalogue) -> None:
        self.generation = generation
        self.catalogue = catalogue
        self._opened: Table = None
        self._rows_since_tidy = 0
        self._touched = False

    @classmethod
    def create(cls, generation: Generation, dimensions: int, identity: str, splitter: str) -> Self:
        """Make an empty generation; raises RagoptError when the disk is full."""
        from ragopt_tui.knowledge import passage_table

        with explained(generation):
            shutil.rmtree(generation.folder, ignore_errors=True)
            generation.folder.mkdir(parents=True)
            generation.readers_lock.touch()
            passage_table.create_table(generation.folder, dimensions)
            catalogue = Catalogue(generation.catalogue_file)
            catalogue.set_fact(_SPLITTER, splitter)
            # Last, because it makes the generation one that can be gone on with.
            catalogue.set_fact(_IDENTITY, identity)
        return cls(generation, catalogue)

    @classmethod
    def open(cls, generation: Generation) -> Self:
        """Open a generation and make sure that it is whole; raises CorruptIndex if not."""
        if not generation.catalogue_file.is_file() or not generation.readers_lock.is_file():
            raise CorruptIndex(generation.folder, "files of it are missing")
        catalogue = Catalogue(generation.catalogue_file)
        writer = cls(generation, catalogue)
        try:
            writer._check()
        except BaseException:
            catalogue.close()
            raise
        return writer

    def matches(self, identity: str, splitter: str) -> bool:
        """Whether it was made with this embedder and splitter."""
        made_with = self.catalogue.fact(_IDENTITY), self.catalogue.fact(_SPLITTER)
        return made_with == (identity, splitter)

    @property
    def table_version(self) -> str:
        """The table's version as of the last `finish`, or now if it is open."""
        if self._opened is not None:
            return str(self._opened.version)
        return self.catalogue.fact(_TABLE_VERSION)

    def known_vectors(self, files: Sequence[str]) -> dict[str, Vectors]:
        """Give the vectors of files' passages as they stand, by the hash of what was embedded."""
        from ragopt_tui.knowledge import passage_table

        with explained(self.generation):
            return passage_table.vectors_by_hash(self._table, files)

    def begin(self, files: Sequence[str], to_clear: Sequence[str]) -> None:
        """Note that rows of `files` will be written; rows of `to_clear` are deleted now."""
        from ragopt_tui.knowledge import passage_table

        with explained(self.generation):
            self._touched = True
            self.catalogue.mark_pending(files)
            if to_clear:
                passage_table.delete_files(self._table, to_clear)

    def write(self, passages: Sequence[Passage], vectors: Vectors, stale: Sequence[str]) -> None:
        """Write passages whose files `begin` was told of; what `stale` files had is replaced."""
        from ragopt_tui.knowledge import passage_table

        with explained(self.generation):
            rows = passage_table.rows_of(passages, vectors)
            if stale:
                passage_table.replace_files(self._table, rows, stale)
            elif passages:
                self._table.add(rows)
            self._rows_since_tidy += len(passages)
            # Each time the table has grown by half: rewriting stays in proportion to writing.
            if self._rows_since_tidy > max(_TIDY_EVERY_ROWS, self._table.count_rows() // 3):
                self._tidy()

    def record(self, records: Sequence[FileRecord]) -> None:
        """Note that the passages of files are written."""
        with explained(self.generation):
            self.catalogue.upsert(records)

    def remove(self, files: Sequence[str]) -> None:
        """Delete the passages and records of files."""
        if not files:
            return
        self.begin(files, files)
        with explained(self.generation):
            self.catalogue.remove(files)

    def finish(self) -> None:
        """Bring everything written into the indexes; quick when nothing was."""
        if not self._touched and self.catalogue.fact(_FINGERPRINT) == self._fingerprint():
            return
        from ragopt_tui.knowledge import passage_table

        with explained(self.generation):
            if passage_table.is_untidy(self._table):
                self._tidy()
            self.catalogue.set_fact(_TABLE_VERSION, str(self._table.version))
            self.catalogue.set_fact(_FINGERPRINT, self._fingerprint())

    def close(self) -> None:
        """Close the catalogue and let go of the table."""
        self._opened = None
        self.catalogue.close()

    @property
    def _table(self) -> Table:
        if self._opened is None:
            from ragopt_tui.knowledge import passage_table

            self._opened = passage_table.open_table(self.generation.folder)
        return self._opened

    def _tidy(self) -> None:
        from ragopt_tui.knowledge import passage_table

        passage_table.tidy(self._table)
        self._rows_since_tidy = 0
        rows = self._table.count_rows()
        trained_on = int(self.catalogue.fact(_VECTOR_INDEX_ROWS) or 0)
        fits = trained_on / 2 <= rows <= 2 * trained_on
        if rows >= passage_table.FLAT_ROWS and not fits:
            passage_table.index_vectors(self._table)
            self.catalogue.set_fact(_VECTOR_INDEX_ROWS, str(rows))

    def _check(self) -> None:
        self.catalogue.check()
        if self.catalogue.fact(_FINGERPRINT) == self._fingerprint():
            return
        from ragopt_tui.knowledge.table_check import check_table

        pending = self.catalogue.pending()
        records = self.catalogue.records()
        expected = {r.file: r.passages for r in records if r.passages and r.file not in pending}
        self._opened = check_table(self.generation, expected, pending)

    def _fingerprint(self) -> str:
        """Give what changes whenever a file of the table does, by their sizes and times."""
        digest = hashlib.blake2b(digest_size=16)
        folder = self.generation.table_folder
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            status = file.stat()
            name = file.relative_to(folder)
            digest.update(f"{name} {status.st_size} {status.st_mtime_ns}\n".encode())
        return digest.hexdigest()


def delete_unless_read(generation: Generation) -> bool:
    """Delete a generation that serves no more, unless a reader still has it; says whether."""
    try:
        fd = os.open(generation.readers_lock, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        shutil.rmtree(generation.folder, ignore_errors=True)
        return True
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(generation.folder, ignore_errors=True)
        return True
    except BlockingIOError:
        return False
    finally:
        os.close(fd)


@contextmanager
def explained(generation: Generation) -> Iterator[None]:
    """Turn what the disk and lancedb raise into a RagoptError that says what to do."""
    try:
        yield
    except (OSError, RuntimeError, ValueError, sqlite3.Error) as error:
        if _is_full(error):
            raise RagoptError(
                f"The disk with the index is full ({generation.folder.parent}).",
                "Free some space and index the folder again; what is indexed so far can be used.",
            ) from error
        first_line = str(error).partition("\n")[0]
        raise RagoptError(
            f"The index in {generation.folder} could not be written: {first_line[:300]}",
            "Index the folder again; with --rebuild if that does not help.",
        ) from error


def _is_full(error: Exception) -> bool:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return True
    text = str(error)
    return any(
        sign in text for sign in ("No space left", "os error 28", "os error 27", "disk is full")
    )
