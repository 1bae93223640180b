"""Scales of a chart: where a value stands, round numbers for the axis, and how values are written."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Unit = Literal["", "bytes"]
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_KILO = 1000.0
_PREFIXES = ("", "k", "M", "G", "T", "P")


@dataclass(frozen=True, slots=True)
class Scale:
    """An axis from `low` to `high` (`low < high`); `log` ones are above 0."""

    low: float
    high: float
    log: bool = False

    def place(self, value: float) -> float:
        """Give where a value stands: 0 at `low`, 1 at `high`, beyond them outside of the axis."""
        if self.log:
            low, high = math.log10(self.low), math.log10(self.high)
            return (math.log10(value) - low) / (high - low) if value > 0 else -math.inf
        return (value - self.low) / (self.high - self.low)

    def shows(self, value: float) -> bool:
        """Whether a value has a place: finite, and above 0 on a logarithmic axis."""
        return math.isfinite(value) and (value > 0 or not self.log)


def scale_over(values: Iterable[float], log: bool = False) -> Scale:
    """Give the axis that holds all finite values; a logarithmic one needs at least one above 0."""
    finite = [value for value in values if math.isfinite(value)]
    above = [value for value in finite if value > 0]
    if log and above:
        low, high = min(above), max(above)
        return Scale(low, high, True) if high > low else Scale(low / 2, high * 2, True)
    if not finite:
        return Scale(0.0, 1.0)
    low, high = min(finite), max(finite)
    if high > low:
        return Scale(low, high)
    room = abs(low) / 2 or 0.5
    return Scale(low - room, high + room)


def ticks(scale: Scale, most: int) -> list[float]:
    """Give at most `most` round values on an axis, in rising order."""
    if most < 1:
        return []
    if scale.log:
        first, last = math.ceil(math.log10(scale.low)), math.floor(math.log10(scale.high))
        decades = [10.0**power for power in range(first, last + 1)]
        if len(decades) > 1:
            return decades[:: math.ceil(len(decades) / most)]
    return _linear_ticks(scale.low, scale.high, most)


def written(value: float | None, unit: Unit = "") -> str:
    """Write a value in four digits: `1.234`, `0.0132`, `2e-4`, `12.3k`, `1.07 GB`; – where none is."""
    if value is None or not math.isfinite(value):
        return "–"
    size = abs(value)
    if unit == "bytes" or size >= 9999.5:
        power = min(len(_PREFIXES) - 1, int(math.log10(size) // 3)) if size >= 1 else 0
        if power == len(_PREFIXES) - 1 and unit != "bytes":
            return f"{value:.2e}"
        scaled = f"{value / _KILO**power:.3g}"
        return f"{scaled} {_PREFIXES[power]}B" if unit == "bytes" else f"{scaled}{_PREFIXES[power]}"
    if value == 0 or value == int(value):
        return f"{value:.0f}"
    if size >= 1e-3:
        return f"{value:.4g}"
    mantissa, exponent = f"{value:.2e}".split("e")
    return f"{float(mantissa):g}e{int(exponent)}"


def _linear_ticks(low: float, high: float, most: int) -> list[float]:
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(each * power for each in _STEPS if each * power >= rough * 0.999999)
    first = math.ceil(low / step - 1e-9)
    count = math.floor(high / step + 1e-9) - first + 1
    # Rounded, as 3 * 0.1 is not 0.3.
    return [float(f"{(first + n) * step:.12g}") for n in range(count)][:most]
