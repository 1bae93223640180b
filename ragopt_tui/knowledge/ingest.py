"""From files to rows: read, split, embed in batches across documents, write."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ragopt_tui.errors import RagoptError
from ragopt_tui.knowledge.catalogue import FileRecord
from ragopt_tui.knowledge.embedder import Embedder
from ragopt_tui.knowledge.generation_writer import GenerationWriter
from ragopt_tui.knowledge.passage import Passage
from ragopt_tui.knowledge.passage_table import text_hash
from ragopt_tui.knowledge.profile import detect_profile
from ragopt_tui.knowledge.readers import UnreadableDocument, read_document
from ragopt_tui.knowledge.scan import FoundFile, content_hash
from ragopt_tui.knowledge.splitter import split
from ragopt_tui.knowledge.sync_report import ProgressClock

if TYPE_CHECKING:
    from ragopt_tui.knowledge.embedder import Vectors

_BATCH_PASSAGES = 1024
_BATCH_SECONDS = 10.0
_LOOK_AGAIN = -1
"""A time of change that no file has: the file is compared by content next time."""


@dataclass(slots=True)
class _Waiting:
    """Files that are read and split but not yet embedded."""

    records: list[FileRecord] = field(default_factory=list)
    passages: list[Passage] = field(default_factory=list)
    vectors: dict[str, Vectors] = field(default_factory=dict)
    size: int = 0
    since: float = field(default_factory=time.monotonic)

    @property
    def is_due(self) -> bool:
        """Whether it is time to embed and write them."""
        waited = time.monotonic() - self.since
        return len(self.passages) >= _BATCH_PASSAGES or (waited > _BATCH_SECONDS)


class Ingest:
    """Indexes files that are new or changed.

    `may_have_rows` are files of which the table may hold passages. `moved` maps the content hash
    of files that are gone to their names: a file that has the same content takes their vectors.
    """

    def __init__(
        self,
        writer: GenerationWriter,
        embedder: Embedder,
        docs: Path,
        clock: ProgressClock,
        may_have_rows: Set[str],
        moved: Mapping[str, str],
    ) -> None:
        self._writer = writer
        self._embedder = embedder
        self._docs = docs
        self._clock = clock
        self._may_have_rows = may_have_rows
        self._moved = moved
        self._waiting = _Waiting()
        self._files_done = 0
        self._bytes_done = 0
        self._embedded = 0

    def run(self, files: Sequence[FoundFile]) -> int:
        """Index files; gives how many passages were embedded."""
        for found in files:
            done = self._files_done + len(self._waiting.records)
            self._clock.at("reading", done, self._bytes_done, found.file)
            self._read(found)
            if self._waiting.is_due:
                self._flush()
        self._flush()
        return self._embedded

    def _read(self, found: FoundFile) -> None:
        record, passages = self._passages_of(found)
        waiting = self._waiting
        waiting.records.append(record)
        waiting.passages.extend(passages)
        waiting.size += found.size
        sources = [found.file] if found.file in self._may_have_rows else []
        if passages and record.content_hash in self._moved:
            sources.append(self._moved[record.content_hash])
        if passages and sources:
            waiting.vectors |= self._writer.known_vectors(sources)

    def _passages_of(self, found: FoundFile) -> tuple[FileRecord, list[Passage]]:
        digest, modified = "", found.modified_ns
        try:
            digest = content_hash(found.path)
            document = read_document(found.path, found.file)
            passages = split(
                document,
                detect_profile(document),
                self._embedder.count_tokens,
                self._embedder.max_tokens,
            )
            if found.path.stat().st_mtime_ns != modified:
                modified = _LOOK_AGAIN
        except UnreadableDocument as error:
            return _left_out(found, digest, error.message), []
        except OSError as error:
            self._make_sure_of_folder()
            reason = f"It cannot be read: {error.strerror or error}."
            return _left_out(found, "", reason), []
        except Exception as error:  # noqa: BLE001 - one file must not end the reading of all others
            traceback.print_exc()
            return _left_out(found, digest, f"It cannot be read: {type(error).__name__}."), []
        record = FileRecord(
            found.file, found.size, modified, digest, "indexed", "", len(passages), document.title
        )
        return record, passages

    def _make_sure_of_folder(self) -> None:
        if not self._docs.is_dir():
            raise RagoptError(
                f"The folder {self._docs} has vanished.",
                "What was indexed of it so far is kept; index it again once it is back.",
            )

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, _Waiting()
        if not waiting.records:
            return
        files = [record.file for record in waiting.records]
        stale = [file for file in files if file in self._may_have_rows]
        # One version takes a batch; of a giant document each piece is a version of its own.
        in_pieces = len(waiting.passages) > 4 * _BATCH_PASSAGES
        self._writer.begin(files, stale if in_pieces else ())
        step = _BATCH_PASSAGES if in_pieces else max(1, len(waiting.passages))
        for start in range(0, max(1, len(waiting.passages)), step):
            piece = waiting.passages[start : start + step]
            vectors = self._vectors(piece, waiting, start)
            self._write(piece, vectors, [] if in_pieces else stale)
        self._writer.record(waiting.records)
        self._files_done += len(files)
        self._bytes_done += waiting.size
        self._waiting.since = time.monotonic()

    def _write(self, passages: list[Passage], vectors: Vectors, stale: list[str]) -> None:
        known = set(stale)
        fresh = [row for row, passage in enumerate(passages) if passage.file not in known]
        again = [row for row, passage in enumerate(passages) if passage.file in known]
        if stale:
            self._writer.write([passages[row] for row in again], vectors[again], stale)
        if fresh:
            self._writer.write([passages[row] for row in fresh], vectors[fresh], ())

    def _vectors(self, passages: list[Passage], waiting: _Waiting, before: int) -> Vectors:
        """Give the passages' vectors; only those are embedded whose text has none yet."""
        texts = [passage.indexed_text for passage in passages]
        vectors = np.empty((len(texts), self._embedder.dimensions), dtype=np.float32)
        missing: list[int] = []
        for row, text in enumerate(texts):
            known = waiting.vectors.get(text_hash(text)) if waiting.vectors else None
            if known is None:
                missing.append(row)
            else:
                vectors[row] = known
        report = self._embedding_report(waiting, before + len(texts) - len(missing))
        vectors[missing] = self._embedder.embed([texts[row] for row in missing], report)
        self._embedded += len(missing)
        return vectors

    def _embedding_report(self, waiting: _Waiting, before: int) -> Callable[[int], None]:
        total = max(1, len(waiting.passages))
        last = waiting.records[-1].file

        def report(done: int) -> None:
            part = (before + done) / total
            files = self._files_done + int(part * len(waiting.records))
            self._clock.at("embedding", files, self._bytes_done + part * waiting.size, last)

        return report


def _left_out(found: FoundFile, digest: str, reason: str) -> FileRecord:
    # Without a hash it could not be opened, which may change without its time of change.
    modified = found.modified_ns if digest else _LOOK_AGAIN
    return FileRecord(found.file, found.size, modified, digest, "left_out", reason, 0, "")
