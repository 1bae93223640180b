"""Bring the index of a folder up to date with its files."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from filelock import FileLock, Timeout

from ragopt_tui.errors import RagoptError
from ragopt_tui.knowledge.catalogue import FileRecord
from ragopt_tui.knowledge.embedder import Embedder, embedder_identity, load_embedder
from ragopt_tui.knowledge.generation_writer import GenerationWriter, delete_unless_read
from ragopt_tui.knowledge.location import CorruptIndex, Generation, IndexLocation, Manifest
from ragopt_tui.knowledge.scan import FoundFile, Scan, content_hash, scan
from ragopt_tui.knowledge.splitter import SPLITTER_VERSION
from ragopt_tui.knowledge.sync_report import Progress, ProgressClock, SyncSummary

__all__ = ["IndexBusy", "Progress", "SyncSummary", "synchronise"]

Say = Callable[[str], None]


class IndexBusy(RagoptError):
    """Another process is synchronising the same folder."""


def synchronise(
    docs: Path,
    embedder_name: str,
    report: Callable[[Progress], None],
    rebuild: bool = False,
    say: Say = lambda _: None,
) -> SyncSummary:
    """Read what changed in `docs` and index it; what is unchanged is not touched.

    Whatever ends it early, also a kill, leaves an index that answers and that the next call
    completes. With `rebuild`, or after the embedder or splitter changed, another index is built
    while the old one serves. What `report` raises ends the call. `say` is called with sentences
    about anything out of the ordinary. Raises IndexBusy while another process does the same, and
    RagoptError for a folder, an embedder or a disk that cannot be used.
    """
    started = time.monotonic()
    location = IndexLocation.of(docs)
    if not docs.is_dir():
        raise RagoptError(f"There is no folder {docs}.", "Check its name, or give another one.")
    with _only_writer(location):
        run = _Sync(location, embedder_name, report, say)
        summary = run.run(rebuild)
    return replace(summary, seconds=round(time.monotonic() - started, 3))


@contextmanager
def _only_writer(location: IndexLocation) -> Iterator[None]:
    try:
        location.folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(location.write_lock, timeout=0)
        lock.acquire()
    except Timeout as error:
        raise IndexBusy(
            f"Another process is indexing {location.docs}.", "Its result will be seen here, too."
        ) from error
    except OSError as error:
        raise RagoptError(
            f"The index folder {location.folder} cannot be written: {error.strerror or error}.",
            "Check its permissions and the space on its disk.",
        ) from error
    try:
        yield
    finally:
        lock.release()


@dataclass(slots=True)
class _Changes:
    """What differs between the files and the catalogue."""

    to_read: list[FoundFile]
    to_record: list[FileRecord]
    removed: list[FileRecord]
    known: dict[str, FileRecord]
    pending: set[str]

    @property
    def added(self) -> int:
        return sum(found.file not in self.known for found in self.to_read)


class _Sync:
    def __init__(
        self,
        location: IndexLocation,
        embedder_name: str,
        report: Callable[[Progress], None],
        say: Say,
    ) -> None:
        self._location = location
        self._embedder_name = embedder_name
        self._identity = embedder_identity(embedder_name)
        self._report = report
        self._say_to_user = say
        self._notes: list[str] = []
        self._loaded: Embedder | None = None

    def run(self, rebuild: bool) -> SyncSummary:
        found = scan(self._location.docs, self._report_scanning)
        with contextlib.closing(self._writer(rebuild)) as writer:
            changes = self._changes(found, writer)
            embedded = self._apply(changes, writer)
            self._report(Progress("finishing", 0, 0, "files", "", None))
            writer.finish()
            self._publish(writer.generation)
            summary = self._summary(changes, embedded, writer)
        self._clear_away(writer.generation)
        return summary

    def _writer(self, rebuild: bool) -> GenerationWriter:
        """Give the generation to bring up to date: what serves if it fits, else one beside it."""
        serving = self._serving()
        if serving is not None:
            if serving.matches(self._identity, SPLITTER_VERSION) and not rebuild:
                return serving
            serving.close()
            self._say(f"The index of {self._location.docs} is built anew; the old one serves.")
        started = None if rebuild else self._started_before(serving)
        if started is not None:
            return started
        numbers = [generation.number for generation in self._location.generations()]
        writer = GenerationWriter.create(
            self._location.generation(max(numbers, default=0) + 1),
            self._embedder().dimensions,
            self._identity,
            SPLITTER_VERSION,
        )
        if serving is None:
            # Nothing is there to serve meanwhile: what is indexed so far answers at once.
            self._publish(writer.generation)
        return writer

    def _serving(self) -> GenerationWriter | None:
        try:
            manifest = self._location.manifest()
        except CorruptIndex as error:
            self._location.manifest_file.unlink()
            self._say(f"The index of {self._location.docs} was damaged ({error.why}).")
            return None
        if manifest is None:
            return None
        generation = self._location.generation(manifest.generation)
        try:
            return GenerationWriter.open(generation)
        except CorruptIndex as error:
            aside = self._set_aside(generation)
            self._say(
                f"The index of {self._location.docs} was damaged ({error.why}); it was set aside"
                f" as {aside.name} and is being built again."
            )
            return None

    def _started_before(self, serving: GenerationWriter | None) -> GenerationWriter | None:
        """Give a generation that an interrupted run began to build with what is wanted now."""
        for generation in reversed(self._location.generations()):
            if serving is not None and generation.number <= serving.generation.number:
                return None
            with contextlib.suppress(RagoptError):
                writer = GenerationWriter.open(generation)
                if writer.matches(self._identity, SPLITTER_VERSION):
                    return writer
                writer.close()
        return None

    def _changes(self, found: Scan, writer: GenerationWriter) -> _Changes:
        known = {record.file: record for record in writer.catalogue.records()}
        pending = writer.catalogue.pending()
        changes = _Changes([], [], [], known, pending)
        for file in found.files.values():
            record = None if file.file in pending else known.get(file.file)
            if record is None:
                changes.to_read.append(file)
            elif (record.size, record.modified_ns) != (file.size, file.modified_ns):
                self._compare(file, record, changes)
        for name, reason in found.left_out.items():
            record = FileRecord(name, 0, 0, "", "left_out", reason, 0, "")
            if known.get(name) != record or name in pending:
                changes.to_record.append(record)
        here = found.files.keys() | found.left_out.keys()
        gone = (known.keys() | pending) - here
        changes.removed = [known.get(name) or _never_written(name) for name in sorted(gone)]
        return changes

    @staticmethod
    def _compare(file: FoundFile, record: FileRecord, changes: _Changes) -> None:
        same = False
        with contextlib.suppress(OSError):
            same = bool(record.content_hash) and content_hash(file.path) == record.content_hash
        if same:
            times = replace(record, size=file.size, modified_ns=file.modified_ns)
            changes.to_record.append(times)
        else:
            changes.to_read.append(file)

    def _apply(self, changes: _Changes, writer: GenerationWriter) -> int:
        became_left_out = [
            r.file for r in changes.to_record if r.status == "left_out" and _had(r.file, changes)
        ]
        writer.remove(became_left_out)
        if changes.to_record:
            writer.record(changes.to_record)
        embedded = 0
        if changes.to_read:
            from ragopt_tui.knowledge.ingest import Ingest

            clock = ProgressClock(
                self._report, len(changes.to_read), sum(f.size for f in changes.to_read)
            )
            ingest = Ingest(
                writer,
                self._embedder(),
                self._location.docs,
                clock,
                may_have_rows={r.file for r in changes.known.values() if r.passages}
                | changes.pending,
                moved={r.content_hash: r.file for r in changes.removed if r.passages},
            )
            embedded = ingest.run(changes.to_read)
        # After the renamed files took over the vectors of their old names.
        writer.remove([record.file for record in changes.removed])
        return embedded

    def _embedder(self) -> Embedder:
        # Loaded only when something is to be embedded: it takes longer than looking for changes.
        if self._loaded is None:
            self._loaded = load_embedder(self._embedder_name)
        return self._loaded

    def _publish(self, generation: Generation) -> None:
        manifest = Manifest(
            str(self._location.docs),
            self._embedder_name,
            self._identity,
            SPLITTER_VERSION,
            generation.number,
        )
        with contextlib.suppress(CorruptIndex):
            if self._location.manifest() == manifest:
                return
        try:
            self._location.write_manifest(manifest)
        except OSError as error:
            raise RagoptError(
                f"{self._location.manifest_file} cannot be written: {error.strerror}.",
                "Check the space on its disk.",
            ) from error

    def _set_aside(self, generation: Generation) -> Path:
        self._location.manifest_file.unlink(missing_ok=True)
        aside = generation.folder.with_name(f"damaged-{generation.folder.name}")
        shutil.rmtree(aside, ignore_errors=True)
        if generation.folder.exists():
            generation.folder.rename(aside)
        return aside

    def _clear_away(self, serving: Generation) -> None:
        for generation in self._location.generations():
            if generation != serving:
                delete_unless_read(generation)
        for damaged in self._location.folder.glob("damaged-*"):
            shutil.rmtree(damaged, ignore_errors=True)

    def _summary(self, changes: _Changes, embedded: int, writer: GenerationWriter) -> SyncSummary:
        records = writer.catalogue.records()
        indexed = [record for record in records if record.status == "indexed"]
        read = {found.file for found in changes.to_read}
        return SyncSummary(
            files=len(indexed),
            passages=sum(record.passages for record in indexed),
            added=sum(r.file in read and r.file not in changes.known for r in indexed),
            changed=sum(r.file in read and r.file in changes.known for r in indexed),
            removed=sum(record.status == "indexed" for record in changes.removed),
            unchanged=sum(r.file not in read for r in indexed),
            embedded=embedded,
            left_out=[(r.file, r.reason) for r in records if r.status == "left_out"],
            notes=self._notes,
            seconds=0.0,
            index_version=f"g{writer.generation.number}.v{writer.table_version}",
        )

    def _report_scanning(self, files: int) -> None:
        self._report(Progress("scanning", files, 0, "files", "", None))

    def _say(self, sentence: str) -> None:
        self._notes.append(sentence)
        self._say_to_user(sentence)


def _never_written(file: str) -> FileRecord:
    return FileRecord(file, 0, 0, "", "left_out", "", 0, "")


def _had(file: str, changes: _Changes) -> bool:
    record = changes.known.get(file)
    return file in changes.pending or (record is not None and record.passages > 0)
