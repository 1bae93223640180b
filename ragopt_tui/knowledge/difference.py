"""What of a folder is not yet, or no longer, as its index has it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ragopt_tui.knowledge.catalogue import Catalogue, FileRecord
from ragopt_tui.knowledge.location import IndexLocation
from ragopt_tui.knowledge.scan import FoundFile, has_changed, scan


@dataclass(frozen=True, slots=True)
class Difference:
    """The files by their keys; `emptied` says that none is left of those that were read."""

    changed: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    emptied: bool = False

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.changed or self.added or self.removed)


def find_difference(docs: Path) -> Difference:
    """Compare the files below `docs` with the index; what cannot be read in either is left aside.

    Raises RagoptError for a folder that cannot be listed and an index that cannot be read.
    """
    found = scan(docs).files
    # Files of a kind that is never read have a record, too, but no time of change.
    known = {record.file: record for record in _records(docs) if record.modified_ns}
    return Difference(
        changed=tuple(f for f in found if f in known and _is_to_read(found[f], known[f])),
        added=tuple(file for file in found if file not in known),
        removed=tuple(file for file in known if file not in found),
        emptied=bool(known) and not found,
    )


def _records(docs: Path) -> list[FileRecord]:
    file = IndexLocation.of(docs).catalogue_file
    if file is None:
        return []
    with Catalogue(file, read_only=True) as catalogue:
        return catalogue.records()


def _is_to_read(found: FoundFile, record: FileRecord) -> bool:
    try:
        return has_changed(found.path, record.size, record.modified_ns, record.content_hash)
    except OSError:
        # One that could not be opened and still cannot is no news.
        return record.status == "indexed"
