"""How far the reading of the documents is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragopt_tui.ui.wording import count, shorten, time_left

if TYPE_CHECKING:
    from ragopt_tui.jobs.events import JobProgress
    from ragopt_tui.knowledge.difference import Difference

_NAME = 32
_STAGES = {
    "scanning": "looking for changes",
    "reading": "reading",
    "embedding": "embedding",
    "finishing": "finishing",
}


@dataclass(frozen=True, slots=True)
class Indexing:
    """A state of the index job: under way, ended with a `summary`, or ended with a `problem`.

    `note` is what the job says of itself, such as that it rebuilds, in a sentence.
    `noticed` says what had changed and when, where that is why the documents are read.
    `summary` holds the values of `knowledge.sync.SyncSummary`, and what is to be said as `message`.
    """

    folder: Path
    running: bool = True
    progress: JobProgress | None = None
    note: str = ""
    noticed: str = ""
    summary: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""
    hint: str = ""

    @property
    def fraction(self) -> float | None:
        """How much of the stage is done, from 0 to 1; None where its size is not known."""
        return self.progress.fraction if self.progress else None

    @property
    def stage(self) -> str:
        """The stage as shown."""
        stage = self.progress.stage if self.progress else ""
        return _STAGES.get(stage, stage or "starting")

    @property
    def left(self) -> str:
        """The time that is left, as far as it is known: `12 s left`."""
        return time_left(self.progress.eta_seconds if self.progress else None)

    @property
    def line(self) -> str:
        """One quiet line: `reading documents… 43 %`, `14:32 report.md changed · 12 documents`."""
        if self.problem:
            return f"! {self.problem}"
        if self.running:
            percent = "" if self.fraction is None else f" {self.fraction:.0%}"
            parts = [f"● reading documents…{percent}", self.left, self.noticed]
        else:
            # What is new first, as a small window cuts the end.
            parts = [self.noticed, summary_line(self.summary)]
        return " · ".join(filter(None, parts))


def summary_line(summary: Mapping[str, Any]) -> str:
    """Give the counts of a finished job; files left out are said, without fuss."""
    if "files" not in summary:
        return ""
    left_out = len(summary.get("left_out", ()))
    parts = [count(int(summary["files"]), "document"), count(int(summary["passages"]), "passage")]
    if left_out:
        parts.append(f"{count(left_out, 'file')} left out")
    return " · ".join(parts)


def noticed_line(difference: Difference, at: datetime) -> str:
    """Say what was noticed: `14:32 report.md changed`, or `14:32 3 changed, 2 new, 1 gone`."""
    kinds = (
        (difference.changed, "changed"),
        (difference.added, "new"),
        (difference.removed, "gone"),
    )
    files = [file for of_kind, _ in kinds for file in of_kind]
    said = [
        f"{shorten(files[0], _NAME) if len(files) == 1 else f'{len(of_kind):,}'} {kind}"
        for of_kind, kind in kinds
        if of_kind
    ]
    return f"{at:%H:%M} {', '.join(said)}"
