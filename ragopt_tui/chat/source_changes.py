"""Whether the files that an answer rests on are still what they were when it was given."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from ragopt_tui.chat.answer import Answer, SourceState
from ragopt_tui.knowledge.catalogue import Catalogue
from ragopt_tui.knowledge.file_key import path_of_key
from ragopt_tui.knowledge.location import IndexLocation
from ragopt_tui.knowledge.passage import Hit
from ragopt_tui.knowledge.scan import has_changed


@dataclass(frozen=True, slots=True)
class SourceChange:
    """What became of `source`; `now` is the name of a renamed file, else empty."""

    source: SourceState
    kind: Literal["changed", "gone", "renamed"]
    now: str = ""


def source_states(location: IndexLocation, hits: Iterable[Hit]) -> tuple[SourceState, ...]:
    """Give the files of passages that were just found, as the index has read them."""
    file = location.catalogue_file
    if file is None:
        return ()
    files = dict.fromkeys(hit.passage.file for hit in hits)
    with Catalogue(file, read_only=True) as catalogue:
        records = [catalogue.record(each) for each in files]
    return tuple(
        SourceState(r.file, r.size, r.modified_ns, r.content_hash)
        for r in records
        if r is not None and r.content_hash
    )


def with_sources(answer: Answer, states: Sequence[SourceState]) -> Answer:
    """Note in an answer, and in the quotes beside it, the states of the files it rests on."""
    files = {hit.passage.file for hit in answer.evidence}
    quotes = with_sources(answer.quotes, states) if answer.quotes else None
    return replace(answer, quotes=quotes, sources=tuple(s for s in states if s.file in files))


def source_changes(docs: Path, states: Iterable[SourceState]) -> list[SourceChange]:
    """Give those of the states that hold no longer; none while the folder itself is away.

    Raises RagoptError for an index that cannot be read.
    """
    found = [_change(docs, state) for state in states] if docs.is_dir() else []
    return [_renamed(docs, change) for change in found if change is not None]


def _change(docs: Path, state: SourceState) -> SourceChange | None:
    try:
        path = path_of_key(docs, state.file)
        if has_changed(path, state.size, state.modified_ns, state.content_hash):
            return SourceChange(state, "changed")
    except (FileNotFoundError, NotADirectoryError):
        return SourceChange(state, "gone")
    except (OSError, ValueError):
        # It cannot be read now, so that nothing is known of it.
        return None
    return None


def _renamed(docs: Path, change: SourceChange) -> SourceChange:
    """Say of a file that is gone which one has its content now, as far as the index knows."""
    catalogue_file = IndexLocation.of(docs).catalogue_file
    if change.kind != "gone" or catalogue_file is None:
        return change
    with Catalogue(catalogue_file, read_only=True) as catalogue:
        names = catalogue.with_content(change.source.content_hash)
    there = [name for name in names if path_of_key(docs, name).is_file()]
    return replace(change, kind="renamed", now=there[0]) if there else change
