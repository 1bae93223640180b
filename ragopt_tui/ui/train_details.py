"""What an opened training run shows beside its curves, read in threads as it grows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ragopt_tui.errors import RagoptError
from ragopt_tui.plaintext import without_controls
from ragopt_tui.training.configuration.config import parse_config, write_config
from ragopt_tui.training.runs.curves import Curves
from ragopt_tui.training.runs.listing import Run, find_run
from ragopt_tui.ui.train_reader import row_of, warned
from ragopt_tui.ui.train_rows import RunRow

_LOG_BYTES = 20_000


@dataclass(frozen=True, slots=True)
class Sample:
    """What the model wrote to one of the fixed prompts at a step."""

    step: int
    prompt: str
    text: str


@dataclass(frozen=True, slots=True)
class Kept:
    """A checkpoint: the variant that it is, whether it evaluated best, and is still there."""

    step: int
    variant: str
    best: bool
    there: bool


@dataclass(frozen=True, slots=True)
class Told:
    """Something the run said; a `warning` of the watch has a hint."""

    time: float
    text: str
    hint: str = ""
    warning: bool = False


@dataclass(frozen=True, slots=True)
class Details:
    """All of that at one moment; `log` is the end of what its process printed."""

    row: RunRow | None
    samples: tuple[Sample, ...] = ()
    checkpoints: tuple[Kept, ...] = ()
    told: tuple[Told, ...] = ()
    settings: str = ""
    log: str = ""


@dataclass
class RunDetails:
    """Follows one run by its id."""

    id: str
    _curves: Curves = field(default_factory=Curves)

    def read(self) -> Details:
        """Read what there is now; of a run that is gone there is nothing."""
        try:
            run = find_run(self.id)
        except RagoptError:
            return Details(None)
        self._curves.follow(run.jobs)
        self._curves.read()
        there = _variants()
        return Details(
            warned(row_of(run), self._curves),
            tuple(_sample(event) for event in self._curves.samples),
            tuple(_kept(self._curves.checkpoints, there)),
            tuple(sorted(self._told(), key=lambda each: each.time)),
            yaml_of(run),
            _tail(run.job.log_file),
        )

    def _told(self) -> list[Told]:
        said = [(event, False) for event in self._curves.messages]
        said += [(event, True) for event in self._curves.watches]
        return [
            Told(float(event.get("time") or 0), _text(event, "text"), _text(event, "hint"), warning)
            for event, warning in said
        ]


def yaml_of(run: Run) -> str:
    """Give the YAML of a run: as its user wrote it, unless it was started with other settings."""
    original = str(run.jobs[0].spec.parameters.get("original") or "")
    try:
        as_written = bool(original) and parse_config(original) == run.config
    except RagoptError:
        as_written = False
    return original if as_written else write_config(run.config)


def _sample(event: dict[str, Any]) -> Sample:
    return Sample(int(event["step"]), _text(event, "prompt"), _text(event, "text"))


def _kept(events: list[dict[str, Any]], there: set[str]) -> Iterator[Kept]:
    """Give the checkpoints, the newest first; of those that were the best the last one is it."""
    best = max((int(event["step"]) for event in events if event.get("best")), default=-1)
    for event in reversed(events):
        step, variant = int(event["step"]), str(event.get("variant", ""))
        yield Kept(step, variant, step == best, variant in there)


def _variants() -> set[str]:
    from ragopt_tui.models.store import VariantStore
    from ragopt_tui.settings import folders

    try:
        return {record.variant.id for record in VariantStore(folders().models).records()}
    except RagoptError:
        return set()


def _text(event: dict[str, Any], key: str) -> str:
    return without_controls(str(event.get(key) or ""))


def _tail(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            size = stream.seek(0, 2)
            stream.seek(max(0, size - _LOG_BYTES))
            text = stream.read().decode(errors="replace")
    except OSError:
        return ""
    # A progress bar draws over its own line.
    lines = [line.rpartition("\r")[2] for line in text.split("\n")]
    return without_controls("\n".join(lines))
