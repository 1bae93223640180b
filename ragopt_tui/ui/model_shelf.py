"""The variants there are, in the order and depth of their lineage, as lists and trees show them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ragopt_tui.models.record import VariantRecord
from ragopt_tui.models.standing import Standing, standing_of
from ragopt_tui.models.variant import Variant
from ragopt_tui.ui.variant_words import form

if TYPE_CHECKING:
    from ragopt_tui.models.lineage import Branch


@dataclass(frozen=True, slots=True)
class Entry:
    """A variant; `depth` counts those that it was made from or sits on.

    `memory` says what it needs here and what there is, `fits` whether that is enough.
    """

    record: VariantRecord
    depth: int = 0
    memory: str = ""
    fits: bool = True
    standing: Standing | None = None
    """How it compares with what it was made from; None where there is nothing to compare."""

    @property
    def variant(self) -> Variant:
        """The variant itself."""
        return self.record.variant


@dataclass(frozen=True, slots=True)
class Shelf:
    """All variants; one stands behind that which it sits on, before the next of the same depth."""

    entries: tuple[Entry, ...] = ()

    @classmethod
    def of(cls, variants: Sequence[Variant]) -> Shelf:
        """Give variants of which no more is known yet, without lineage."""
        return cls(tuple(Entry(VariantRecord(variant)) for variant in variants))

    def find(self, id: str) -> Entry | None:
        """Find a variant by its id."""
        return next((entry for entry in self.entries if entry.variant.id == id), None)

    def name(self, id: str) -> str:
        """Name a variant by its id; one that is not here by the id itself."""
        entry = self.find(id)
        return entry.variant.name if entry else id

    def made_from(self, id: str) -> list[Entry]:
        """Give the variants that sit on one or were made from it."""
        return [entry for entry in self.entries if entry.variant.parent == id]

    def matching(self, typed: str) -> list[Entry]:
        """Give the variants about which all the typed words are said."""
        words = typed.lower().split()
        return [each for each in self.entries if all(word in _said(each) for word in words)]


def read_shelf() -> Shelf:
    """Read the library from disk; to be called in a thread."""
    from ragopt_tui.models.lineage import lineage
    from ragopt_tui.models.store import VariantStore
    from ragopt_tui.settings import folders

    records = {each.variant.id: each for each in VariantStore(folders().models).records()}
    trees = lineage([record.variant for record in records.values()])
    return Shelf(tuple(_entry(records, id, depth) for id, depth in _flat(trees, 0)))


def _flat(branches: Sequence[Branch], depth: int) -> Iterator[tuple[str, int]]:
    for branch in branches:
        yield branch.variant.id, depth
        yield from _flat(branch.children, depth + 1)


def _entry(records: Mapping[str, VariantRecord], id: str, depth: int) -> Entry:
    return Entry(records[id], depth, standing=standing_of(records[id], records.get))


def _said(entry: Entry) -> str:
    record, facts = entry.record, entry.record.facts
    states = ("broken" if entry.variant.problem else "", "fits" if entry.fits else "too large")
    words = (
        *(entry.variant.name, entry.variant.id, entry.variant.kind, record.source.hub_id),
        *(form(record), facts.format, facts.dtype, facts.architecture, facts.licence),
        *(record.note, *(f"#{tag}" for tag in record.tags), *states, _verified(entry.standing)),
    )
    return " ".join(words).lower()


def _verified(standing: Standing | None) -> str:
    if standing is None:
        return ""
    return standing.verdict if standing.holds else "unverified"
