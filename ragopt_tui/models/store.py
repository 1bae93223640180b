"""The model library: every variant of this user, with what is known of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ragopt_tui.errors import RagoptError
from ragopt_tui.models.adapter_base import AnotherBase, NoBase, fitting_base, mismatch
from ragopt_tui.models.generation_settings import GenerationSettings
from ragopt_tui.models.inspection import RECORD_FILE, Inspection, inspect
from ragopt_tui.models.library_folder import Trashed
from ragopt_tui.models.reading import VariantReader
from ragopt_tui.models.record import ModelFacts, Source, VariantFile, VariantRecord, read_record
from ragopt_tui.models.standing import earlier_steps
from ragopt_tui.models.variant import Variant, VariantKind, builtin_variants
from ragopt_tui.plaintext import one_line

_LONGEST_NAME = 120


class VariantStore(VariantReader):
    """The variants of the library and what changes them.

    Whatever changes the library raises RagoptError where its folder cannot be written.
    """

    def add(
        self,
        path: Path,
        *,
        name: str = "",
        parent: str = "",
        source: Source | None = None,
        hashes: Mapping[str, str] | None = None,
        broken: bool = False,
    ) -> VariantRecord:
        """Put what lies at a path into the library, where it stays; what is known already is renewed.

        `parent` is the base of an adapter, which is otherwise found by its name, or the variant
        that a model was made from; `hashes` are the SHA-256 of files by name, where they are known.
        Raises RagoptError for what is no model, and, unless `broken`, for what is broken.
        """
        found = inspect(path)
        if found.problem and not broken:
            raise RagoptError(found.problem, "Get it again, or complete it.")
        with self.folder.changing():
            others = self.records()
            record = _renewed(found, hashes or {}, others)
            if record.variant.builtin:
                return record
            if source is not None:
                record = replace(record, source=source)
            return self._added(self._based(record, parent, broken, others), others, name)

    def adopt(
        self,
        folder: Path,
        *,
        name: str,
        kind: VariantKind | None = None,
        parent: str = "",
        source: Source | None = None,
        hashes: Mapping[str, str] | None = None,
        made: dict[str, Any] | None = None,
        chat_template: str = "",
    ) -> VariantRecord:
        """Take over a folder that grew in `self.folder.new_folder()` as a variant.

        It holds one model, whose files move with it; `made` says how it was made, and
        `chat_template` is the one that the user gave. Raises RagoptError as `add`.
        """
        inside = sorted(folder.glob("*.gguf"))
        found = inspect(inside[0] if inside else folder)
        if found.problem:
            raise RagoptError(found.problem)
        record = replace(
            found.record("").changed(kind=kind or found.kind, parent=parent),
            files=_with_hashes(found.files, hashes or {}),
            source=source or Source(),
            created=time.time(),
            made=made,
            chat_template=chat_template,
        )
        with self.folder.changing():
            others = self.records()
            record = self._based(record, parent, False, others)
            id = self._free_id(name)
            self.folder.write(record.changed(id=id, name=_shown(name)), folder)
            folder.rename(self.folder.path / id)
            self._settle_orphans(others, id)
            return self.record(id)

    def add_endpoint(
        self, url: str, served: str, *, name: str = "", key_variable: str = ""
    ) -> VariantRecord:
        """Put a model of an OpenAI-compatible server into the library; the server is not asked.

        `key_variable` is the environment variable with its key. Raises RagoptError for a bad URL.
        """
        url = endpoint_url(url)
        with self.folder.changing():
            others = self.records()
            for known in others:
                if (known.variant.url, known.variant.served) == (url, served):
                    return known
            variant = Variant("", "", "endpoint", None, False, url=url, served=served)
            facts = ModelFacts(format="openai", own_chat_template=True)
            record = VariantRecord(
                variant, facts, created=time.time(), key_variable=key_variable.strip()
            )
            return self._added(record, others, name or served)

    def rename(self, id: str, name: str) -> VariantRecord:
        """Give a variant another name; its id stays. Raises RagoptError if the name is empty."""
        shown = _shown(name)
        if any(each.id == id for each in builtin_variants()):
            raise RagoptError(f"{id} comes with the program and keeps its name.")
        return self._change(id, lambda record: record.changed(name=shown))

    def tag(self, id: str, tags: Iterable[str]) -> VariantRecord:
        """Give a variant these tags in place of those it has."""
        shown = (one_line(tag, 40) for tag in tags)
        unique = tuple(dict.fromkeys(tag for tag in shown if tag))
        return self._change(id, lambda record: replace(record, tags=unique))

    def note(self, id: str, text: str) -> VariantRecord:
        """Keep a note with a variant, in place of the one it has."""
        return self._change(id, lambda record: replace(record, note=text.strip()))

    def set_settings(self, id: str, settings: GenerationSettings) -> VariantRecord:
        """Keep how a variant is loaded and writes."""
        return self._change(id, lambda record: replace(record, settings=settings))

    def set_chat_template(self, id: str, template: str) -> VariantRecord:
        """Keep a Jinja chat template for a variant; "" leaves it to the one of its files."""
        return self._change(id, lambda record: replace(record, chat_template=template))

    def mark(self, id: str, problem: str) -> VariantRecord:
        """Keep with a variant why it cannot answer, or that it can with ""."""
        return self._change(id, lambda record: record.changed(problem=problem))

    def set_parent(self, id: str, parent: str) -> VariantRecord:
        """Say which variant a made one comes from, where those in between are to go."""
        return self._change(id, lambda record: record.changed(parent=parent))

    def keep_verification(
        self, id: str, report: Mapping[str, Any], summary: Mapping[str, Any]
    ) -> VariantRecord:
        """Keep what a verification found: the whole `report` beside variant.json, and its summary.

        `summary` names the `verdict`, and the `state` and `parent_state` of the files that were
        compared, by which `standing_of` knows whether it still holds. What was kept of the steps
        before stays.
        """

        def verified(record: VariantRecord) -> VariantRecord:
            before = self._report(id).get("before") or []
            self.folder.write_report(id, {**report, "before": before})
            kept = {**summary, "before": earlier_steps(record)}
            return replace(record, verification=kept)

        return self._change(id, verified)

    def keep_earlier_verifications(self, id: str, earlier: Sequence[str]) -> VariantRecord:
        """Keep with a variant how those between it and its origin were verified, as they are to go."""
        records = [self.record(each) for each in earlier]
        kept = [each for each in records if each.verification]

        def with_earlier(record: VariantRecord) -> VariantRecord:
            if record.verification is None:
                return record
            reports = [self._report(each.variant.id) for each in kept]
            self.folder.write_report(id, {**self._report(id), "before": reports})
            summaries = [each.verification for each in kept]
            # Another variant may come to have the id of the parent that goes.
            gone = {"parent_state": "", "before": summaries}
            return replace(record, verification=record.verification | gone)

        return self._change(id, with_earlier)

    def keep_merge_targets(self, id: str, measured: Mapping[str, Any]) -> VariantRecord:
        """Keep with an adapter how near a merge into each form of its base comes to it.

        `measured` has the `state` of its files, by which `merge_targets_of` knows whether it holds.
        """
        kept = {"merging": dict(measured)}
        return self._change(id, lambda record: replace(record, verification=kept))

    def set_files(self, id: str, files: Iterable[VariantFile]) -> VariantRecord:
        """Keep the files of a variant, with the hashes that were computed."""
        return self._change(id, lambda record: replace(record, files=tuple(files)))

    def remove(self, id: str) -> None:
        """Move a variant to the trash, where its files take up their space until it is purged.

        Files outside of the library stay where they are. Raises RagoptError for what comes with
        the program.
        """
        if any(each.id == id for each in builtin_variants()):
            raise RagoptError(f"{id} comes with the program and cannot be removed.")
        with self.folder.changing():
            self.record(id)
            self.folder.move_to_trash(id)

    def trashed(self) -> list[Trashed]:
        """Give what is in the trash, the last removed first."""
        return self.folder.trashed()

    def restore(self, id: str) -> VariantRecord:
        """Take a variant out of the trash; raises RagoptError if it is not there."""
        with self.folder.changing():
            self.folder.move_from_trash(id)
            return self.record(id)

    def purge(self, id: str) -> None:
        """Delete a variant in the trash for good, with its files in the library."""
        with self.folder.changing():
            self.folder.delete_from_trash(id)

    def _report(self, id: str) -> dict[str, Any]:
        try:
            return self.folder.read_report(id)
        except RagoptError:
            # A damaged report is replaced by the one to be written.
            return {}

    def _change(self, id: str, change: Callable[[VariantRecord], VariantRecord]) -> VariantRecord:
        with self.folder.changing():
            record = self.known(id)
            if record is None:
                return self.record(id)
            folder = self.folder.path / id
            if record.variant.builtin:
                folder.mkdir(exist_ok=True)
            else:
                record = read_record(folder / RECORD_FILE)
            self.folder.write(change(record), folder)
            return self.record(id)

    def _based(
        self, record: VariantRecord, parent: str, broken: bool, others: Sequence[VariantRecord]
    ) -> VariantRecord:
        """Set a variant on its parent; raises RagoptError where one does not fit, unless `broken`."""
        variant = record.variant
        if variant.kind != "adapter":
            return record.changed(parent=self.find(parent).id) if parent else record
        if variant.problem or variant.path is None:
            return record
        try:
            known = variant.parent if self.known(variant.parent) else ""
            if parent or known:
                base = self.record(self.find(parent or known).id)
                problem = mismatch(variant.path, base)
                if problem:
                    raise AnotherBase(problem, "Name the base that it was trained on.")
            else:
                base = fitting_base(record, others)
        except NoBase:
            return record.changed(parent="")
        except AnotherBase as error:
            if not broken:
                raise
            return record.changed(parent="", problem=error.message)
        return record.changed(parent=base.variant.id)

    def _added(
        self, record: VariantRecord, others: Sequence[VariantRecord], name: str
    ) -> VariantRecord:
        """Write a record, into a folder of its own if it has none, and find what waited for it."""
        record = record.changed(name=_shown(name or record.variant.name))
        if record.variant.id:
            self.folder.write(record, self.folder.path / record.variant.id)
        else:
            record = record.changed(id=self._free_id(record.variant.name))
            self.folder.create(record)
        self._settle_orphans(others, record.variant.id)
        return self.record(record.variant.id)

    def _settle_orphans(self, others: Sequence[VariantRecord], id: str) -> None:
        """Set those of the others that are adapters without base on the one that has come."""
        come = self.record(id)
        for other in others:
            if other.variant.kind != "adapter" or other.variant.parent or other.variant.id == id:
                continue
            kept = self.known(other.variant.id)
            if kept is not None and not kept.variant.problem:
                based = self._based(kept, "", True, [come])
                if based != kept:
                    self.folder.write(based, self.folder.path / kept.variant.id)

    def _free_id(self, name: str) -> str:
        return self.folder.free_id(name, {variant.id for variant in builtin_variants()})


def _shown(name: str) -> str:
    shown = one_line(name, _LONGEST_NAME)
    if not shown:
        raise RagoptError("A variant needs a name.")
    return shown


def _renewed(
    found: Inspection, hashes: Mapping[str, str], others: Sequence[VariantRecord]
) -> VariantRecord:
    """Give the record of a path, the known one if there is one, with what was found there now."""
    files = _with_hashes(found.files, hashes)
    for known in others:
        if known.variant.builtin and known.variant.path == found.path:
            return known
        if known.variant.path == found.path:
            return replace(known.changed(problem=found.problem), facts=found.facts, files=files)
    return replace(found.record(""), files=files, created=time.time())


def _with_hashes(
    files: tuple[VariantFile, ...], hashes: Mapping[str, str]
) -> tuple[VariantFile, ...]:
    return tuple(replace(file, sha256=hashes.get(file.name, "")) for file in files)


def endpoint_url(text: str) -> str:
    """Give the base URL of a server, which ends in /v1; raises RagoptError if `text` is none."""
    url = text.strip().rstrip("/")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise RagoptError(
            f"{one_line(text)} is no URL of a server.", "Give one such as http://localhost:8000/v1."
        )
    if parts.username or parts.password:
        raise RagoptError(
            "A key in the URL would be written to disk.",
            "Put it into an environment variable and name that.",
        )
    return url if url.endswith("/v1") else f"{url}/v1"
