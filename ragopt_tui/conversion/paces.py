"""How long steps took on this machine, by which the next ones are estimated.

The file may be deleted at any time.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ragopt_tui.conversion.path import between
from ragopt_tui.models.record import VariantRecord
from ragopt_tui.settings import folders

_KEPT = 24
_START_SECONDS = 5.0
_ALIKE = 1.1
_FARTHEST = 30.0


@dataclass(frozen=True, slots=True)
class Paces:
    """What steps took: for each kind the sizes of models, in parameters, and seconds."""

    file: Path

    @classmethod
    def of(cls, data: Path) -> Paces:
        """Give those of a data folder."""
        return cls(data / "paces.json")

    @contextmanager
    def measured(self, step: str, size: int) -> Iterator[None]:
        """Note how long a block takes, unless it raises."""
        begun = time.monotonic()
        yield
        self.note(step, size, time.monotonic() - begun)

    def note(self, step: str, size: int, seconds: float) -> None:
        """Keep what a step took; an estimate is not worth failing for where that cannot be done.

        Of two processes that note at once one may be lost.
        """
        known = self._read()
        known[step] = [*known.get(step, []), (size, round(seconds, 3))][-_KEPT:]
        aside = self.file.with_name(f".{self.file.name}.{os.getpid()}")
        with contextlib.suppress(OSError):
            try:
                aside.write_text(json.dumps(known), encoding="utf-8")
                aside.replace(self.file)
            finally:
                aside.unlink(missing_ok=True)

    def expected(self, step: str, size: int) -> float | None:
        """Estimate the seconds of a step, by those that took the nearest size.

        Starting takes the same for each size, the rest grows with it. None where nothing near
        that size was done here.
        """
        known = [(each, seconds) for each, seconds in self._read().get(step, []) if each > 0]
        if not known or size <= 0:
            return None
        near = min((each for each, _ in known), key=lambda each: abs(math.log(size / each)))
        if size / near > _FARTHEST:
            return None
        alike = [s for each, s in known if 1 / _ALIKE <= each / near <= _ALIKE]
        seconds = sum(alike) / len(alike)
        start = min(_START_SECONDS, seconds)
        return start + (seconds - start) * size / near

    def expected_in_all(self, steps: Iterable[tuple[str, int]]) -> float | None:
        """Estimate the seconds of steps, each with its size; None where one is not known."""
        total = 0.0
        for step, size in steps:
            seconds = self.expected(step, size)
            if seconds is None:
                return None
            total += seconds
        return total

    def _read(self) -> dict[str, list[tuple[int, float]]]:
        try:
            stored = json.loads(self.file.read_bytes())
            return {
                str(step): [(int(size), float(seconds)) for size, seconds in points]
                for step, points in stored.items()
            }
        except (OSError, ValueError, OverflowError, AttributeError, TypeError):
            return {}


def compared_size(*records: VariantRecord | None) -> int:
    """Give the size by which comparing is estimated: the parameters of the largest of variants."""
    return max((each.facts.parameters or 0 for each in records if each is not None), default=0)


def comparing_seconds(*variants: VariantRecord | None) -> float | None:
    """Estimate how long comparing variants takes here, in seconds; None if that is not known.

    Of an adapter its base is to be given too.
    """
    return Paces.of(folders().data).expected("compare", compared_size(*variants))


def quantising(to: str, *, importance: bool) -> str:
    """Name the step that quantises: those of the IQ types, and measuring, take longer."""
    return " ".join(
        filter(None, ["quantise", "IQ" * to.startswith("IQ"), "importance" * importance])
    )


def seconds_needed(
    paces: Paces,
    start: VariantRecord,
    model: VariantRecord,
    to: str,
    *,
    compared: bool,
    importance: bool,
) -> float | None:
    """Estimate the seconds of the path to a GGUF of type `to`; None where one step is not known.

    `model` is the base of an adapter, else `start` itself; the other values are those of the path.
    """
    steps: list[tuple[str, int]] = []
    parameters = model.facts.parameters or 0
    if start.variant.kind == "adapter":
        steps.append(("merge", parameters))
    if start.variant.kind != "gguf":
        steps.append(("convert", parameters))
    if start.variant.kind == "gguf" or between(model, to) != to:
        steps.append((quantising(to, importance=importance), parameters))
    if compared:
        steps += [("compare", parameters)] * len(steps)
    return paces.expected_in_all(steps)
