"""The variants of the library as they are now: listed, found by name, and in their lineage."""

from __future__ import annotations

import difflib
import functools
from dataclasses import replace
from pathlib import Path

from ragopt_tui.errors import RagoptError
from ragopt_tui.models.adapter_base import AnotherBase, NoBase, can_carry, fitting_base
from ragopt_tui.models.condition import Known, problem_of, what_helps
from ragopt_tui.models.generation_settings import GenerationSettings
from ragopt_tui.models.inspection import RECORD_FILE, absolute, inspect
from ragopt_tui.models.library_folder import LibraryFolder, is_id
from ragopt_tui.models.lineage import Branch, lineage
from ragopt_tui.models.record import Source, VariantRecord, read_record
from ragopt_tui.models.variant import Variant, builtin_variants
from ragopt_tui.plaintext import one_line

_MOST_NAMED = 4
_LONGEST_PROBLEM = 1000


class VariantReader:
    """The variants in a folder, behind those that come with the program.

    Everything is read anew on each call, so that what other processes change is seen.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = LibraryFolder(absolute(folder))

    def variants(self) -> list[Variant]:
        """Give all variants, those of the program first, the others by id.

        One that cannot answer now says why in its `problem`.
        """
        return [record.variant for record in self.records()]

    def records(self) -> list[VariantRecord]:
        """Give the records of all variants, in the order of `variants`."""
        builtin = [self._with_own_record(record) for record in builtin_records()]
        ids = {record.variant.id for record in builtin}
        others = [self._read(id) for id in self.folder.ids() if id not in ids]
        known = {record.variant.id: record for record in (*builtin, *others) if record is not None}
        return [judged(record, known.get) for record in known.values()]

    def record(self, id: str) -> VariantRecord:
        """Give the record of one variant; raises RagoptError if there is none with that id."""
        record = self.known(id)
        if record is None:
            raise RagoptError(f"There is no variant {id!r}.", "`ragopt-tui models list` names all.")
        return judged(record, self.known)

    def find(self, name: str) -> Variant:
        """Find a variant by its id, its name, the unique beginning of its id, or its path.

        What lies at a path need not be in the library. Raises RagoptError if there is nothing of
        that name, or more than one; what is found may still have a `problem`.
        """
        exact = self.known(name) or self.known(name.lower())
        if exact is not None:
            return judged(exact, self.known).variant
        variants = self.variants()
        for matching in (
            [each for each in variants if each.name == name],
            [each for each in variants if name and each.id.startswith(name.lower())],
        ):
            if len(matching) == 1:
                return matching[0]
            if matching and not _exists(name):
                ids = ", ".join(each.id for each in matching[:_MOST_NAMED])
                raise RagoptError(
                    f"{len(matching)} variants are called {name!r}: {ids}.", "Give more of the id."
                )
        if not _exists(name):
            raise _no_variant(name, variants)
        return self._at(absolute(Path(name)))

    def answering(self, name: str) -> Variant:
        """Find a variant as `find` does; raises RagoptError with its problem if it has one."""
        variant = self.find(name)
        if variant.problem:
            kept = self.known(variant.id) is not None
            check = f"; `ragopt-tui models check {variant.id}` looks at it again" if kept else ""
            mend = what_helps(variant) or f"Mend it or choose another{check}."
            raise RagoptError(variant.problem, mend)
        return variant

    def lineage(self) -> tuple[Branch, ...]:
        """Give all variants as trees: under each those that sit on it or were made from it."""
        return lineage(self.variants())

    def dependents(self, id: str) -> list[Variant]:
        """Give the adapters that cannot answer without the variant."""
        return [each for each in self.variants() if each.kind == "adapter" and each.parent == id]

    def bases_for(self, id: str) -> list[Variant]:
        """Give the variants that an adapter fits by the shapes of its tensors."""
        adapter, records = self.record(id), self.records()
        return [each.variant for each in records if can_carry(each, adapter)]

    def from_builtin(self, variant: Variant) -> bool:
        """Whether a variant is the built-in model or was made from it, and is asked as it is."""
        seen: set[str] = set()
        at: Variant | None = variant
        while at is not None and not at.builtin and at.parent not in seen:
            seen.add(at.parent)
            parent = self.known(at.parent)
            at = parent.variant if parent else None
        return at is not None and at.builtin and at.kind != "quotes"

    def holds(self, record: VariantRecord) -> bool:
        """Whether the files of a variant lie in the library, so that purging it frees their space."""
        path = record.variant.path
        return path is not None and path.is_relative_to(self.folder.path)

    def settings_of(self, id: str) -> GenerationSettings:
        """Give how a variant is loaded and writes; raises RagoptError if there is none."""
        return self.record(id).settings

    def known(self, id: str) -> VariantRecord | None:
        """Give the record of a variant as it is kept, or None if there is none with that id."""
        for record in builtin_records():
            if record.variant.id == id:
                return self._with_own_record(record)
        return self._read(id) if is_id(id) else None

    def _with_own_record(self, builtin: VariantRecord) -> VariantRecord:
        """Add to a variant that comes with the program what its user keeps with it."""
        try:
            kept = read_record(self.folder.path / builtin.variant.id / RECORD_FILE)
        except RagoptError:
            return builtin
        variant = replace(builtin.variant, problem=kept.variant.problem)
        sizes = [(file.name, file.size) for file in kept.files]
        same = sizes == [(file.name, file.size) for file in builtin.files]
        files = kept.files if same else builtin.files
        return replace(kept, variant=variant, facts=builtin.facts, files=files)

    def _read(self, id: str) -> VariantRecord | None:
        folder = self.folder.path / id
        try:
            return read_record(folder / RECORD_FILE)
        except RagoptError as error:
            if not folder.is_dir():
                return None
            broken = Variant(id, id, "base", folder, False, problem=error.message)
            return VariantRecord(broken)

    def _at(self, path: Path) -> Variant:
        """Give what lies at a path: the variant that is in the library, or one of its own."""
        found = inspect(path)
        records = self.records()
        for record in records:
            if record.variant.path == found.path:
                return record.variant
        record = found.record(str(found.path))
        if record.variant.kind == "adapter" and not found.problem:
            try:
                base = fitting_base(record, records)
                record = record.changed(parent=base.variant.id)
            except (AnotherBase, NoBase) as error:
                record = record.changed(problem=error.message)
        return judged(record, self.known).variant


@functools.cache
def builtin_records() -> tuple[VariantRecord, ...]:
    """Give the records of the variants that come with the program."""
    records = []
    for variant in builtin_variants():
        if variant.path is None:
            records.append(VariantRecord(variant))
            continue
        found = inspect(variant.path)
        source = Source(folder=str(variant.path))
        records.append(VariantRecord(variant, found.facts, source, found.files))
    return tuple(records)


def judged(record: VariantRecord, known: Known) -> VariantRecord:
    """Give a record whose variant says what keeps it from answering now."""
    problem = one_line(problem_of(record, known), _LONGEST_PROBLEM)
    return record if problem == record.variant.problem else record.changed(problem=problem)


def _exists(name: str) -> bool:
    try:
        return bool(name) and Path(name).expanduser().exists()
    except (OSError, RuntimeError, ValueError):
        return False


def _no_variant(name: str, variants: list[Variant]) -> RagoptError:
    ids = [variant.id for variant in variants]
    near = difflib.get_close_matches(name.lower(), ids, n=1, cutoff=0.5)
    few = ", ".join(ids) if len(ids) <= _MOST_NAMED else f"{', '.join(ids[:_MOST_NAMED])}, …"
    return RagoptError(
        f"There is no model {name!r}: no variant has that name ({few}), and no Hugging Face "
        "folder or .gguf file is at that path.",
        f"Did you mean {near[0]}?" if near else "Give one of those names, or a path that exists.",
    )
