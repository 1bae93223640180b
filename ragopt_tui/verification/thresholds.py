"""How much a step may lose: limits of every measure, by what was made, with their sources.

A KL divergence is in nats, per predicted token. Limits are pairs: beyond the first a variant counts
as degraded, beyond the second as broken. `[verification]` in the settings changes them, a pair each:

    [verification]
    "Q4_K_M.kl_mean" = [0.2, 0.8]
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from ragopt_tui.errors import RagoptError
from ragopt_tui.verification.report import Outcome

Measure = Literal[
    "kl_mean",
    "kl_far",
    "kl_median",
    "kl_p99",
    "same_top",
    "perplexity",
    "slice_kl",
    "slice_distance",
]
Limits = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Threshold:
    """What one type of result may lose.

    `kl_mean` limits the mean divergence, `same_top` the share of positions with the same likeliest
    token (from below). Of some layers computed in 32 bits, `slice_kl` limits the divergence and
    `slice_distance` the relative distance of the logits. `source` says where the numbers come from.
    """

    kl_mean: Limits
    same_top: Limits
    slice_kl: Limits
    slice_distance: Limits
    source: str


_ROUNDING = "rounding alone: measured on the built-in model"
_TABLES = "llama.cpp's tables and published comparisons of 7-8B models:"
_SMALL = "the built-in model of 33 million:"
_EXACT = (1e-6, 1e-2)
_NEAR = (1e-2, 0.1)
TABLE: dict[str, Threshold] = {
    "merge": Threshold((5e-4, 1e-2), (0.97, 0.8), _EXACT, _NEAR, f".00004: bf16, {_ROUNDING}"),
    "merge nf4": Threshold(
        (5e-3, 5e-2), (0.94, 0.75), _EXACT, _NEAR,
        f"QLoRA into the dequantised base, .0004: {_ROUNDING}",
    ),
    "import": Threshold(
        (2e-3, 2e-2), (0.96, 0.8), (1e-3, 2e-2), _NEAR,
        "merged by another tool, which may round otherwise",
    ),
    "F32": Threshold((1e-5, 1e-3), (0.99, 0.9), _EXACT, _NEAR, "6e-7 or less: small models of eight families"),
    "F16": Threshold((2e-4, 1e-2), (0.98, 0.85), _EXACT, _NEAR, f"2e-6: {_ROUNDING}"),
    "BF16": Threshold((1e-3, 2e-2), (0.97, 0.8), _EXACT, _NEAR, f"BF16: {_ROUNDING}"),
    "Q8_0": Threshold((8e-3, 8e-2), (0.93, 0.7), (0.1, 0.5), (0.06, 0.3), f"{_TABLES} .0004-.0014, {_SMALL} .0018"),
    "Q6_K": Threshold((3e-2, 0.2), (0.88, 0.6), (0.2, 0.7), (0.1, 0.4), f"{_TABLES} .002-.0055, {_SMALL} .011"),
    "Q5": Threshold((8e-2, 0.4), (0.82, 0.55), (0.3, 1), (0.15, 0.5), f"{_TABLES} .011 (Q5_K_M), {_SMALL} .031"),
    "Q4": Threshold((0.25, 0.8), (0.75, 0.45), (0.5, 2), (0.25, 0.6), f"{_TABLES} .013-.031 (Q4_K_M), {_SMALL} .091"),
    "Q3": Threshold((0.7, 1.5), (0.6, 0.35), (1, 4), (0.4, 0.8), f"{_TABLES} .10 (Q3_K_M)"),
    "Q2": Threshold((1.6, 3.0), (0.4, 0.2), (2, 6), (0.6, 0.95), f"{_TABLES} .11-.45 (Q2_K)"),
}  # fmt: skip
"""Limits leave room above what was measured: small models lose more than large ones."""

_P99_TO_MEAN = 20.0
_PERPLEXITY_TO_ROOT = 0.5


class Thresholds:
    """The limits for one type of result, with what the settings change of them."""

    def __init__(self, kind: str, chosen: Mapping[str, Any] | None = None) -> None:
        """Take a key of `TABLE`, `merge`, or a GGUF type.

        Raises RagoptError for settings that name no limit or are no pair.
        """
        self.kind = kind
        self.source = threshold(kind).source
        self._chosen = _read(chosen or {})

    def limits(self, measure: Measure) -> Limits:
        """Give the limits of a measure: degraded from, broken from."""
        chosen = self._changed(measure)
        if chosen is not None:
            return chosen
        known = threshold(self.kind)
        if measure == "same_top":
            return known.same_top
        if measure == "slice_kl":
            return known.slice_kl
        if measure == "slice_distance":
            return known.slice_distance
        degraded, broken = self._changed("kl_mean") or known.kl_mean
        if measure == "kl_p99":
            return degraded * _P99_TO_MEAN, broken * _P99_TO_MEAN
        if measure == "perplexity":
            return _ratio(degraded), _ratio(broken)
        return degraded, broken

    def _changed(self, measure: Measure) -> Limits | None:
        names = (self.kind, row(self.kind))
        return next(
            (self._chosen[k] for n in names if (k := f"{n}.{measure}") in self._chosen), None
        )

    def outcome(self, measure: Measure, value: float) -> tuple[Outcome, float]:
        """Judge a value; gives the limit that it passed, or the one it has gone beyond."""
        degraded, broken = self.limits(measure)
        if measure == "same_top":
            if value < broken:
                return "failed", broken
            return ("degraded" if value < degraded else "passed"), degraded
        if not value <= broken:
            return "failed", broken
        return ("degraded" if value > degraded else "passed"), degraded


def row(kind: str) -> str:
    """Give the row of the table for a type: `Q4` for `Q4_K_M`, `IQ4_XS` and their like."""
    if kind in TABLE:
        return kind
    family = next((name for name in ("Q5", "Q4", "Q3", "Q2") if name in kind), "")
    return family or ("Q2" if "Q1" in kind or kind.startswith("TQ") else "F16")


def threshold(kind: str) -> Threshold:
    """Give what a type may lose."""
    return TABLE[row(kind)]


def _ratio(divergence: float) -> float:
    """Give the factor of perplexity that goes with a divergence.

    The mean log-probability of the text moves by less than the root of the divergence, half of
    which is far more than rounding alone was seen to do.
    """
    return math.exp(_PERPLEXITY_TO_ROOT * math.sqrt(divergence))


def _read(chosen: Mapping[str, Any]) -> dict[str, Limits]:
    measures = get_args(Measure)
    read: dict[str, Limits] = {}
    for key, value in chosen.items():
        kind, _, measure = key.rpartition(".")
        if measure not in measures or not kind:
            near = difflib.get_close_matches(measure, measures, n=1)
            raise RagoptError(
                f"The setting verification has no limit {key!r}.",
                f"Did you mean {kind or 'Q4_K_M'}.{near[0]}?"
                if near
                else f"Name a type and a measure, such as Q4_K_M.kl_mean; measures are "
                f"{', '.join(measures)}.",
            )
        numbers = [n for n in value if isinstance(n, (int, float))] if _is_pair(value) else []
        if len(numbers) != 2:
            raise RagoptError(
                f"The setting verification.{key!r} must be two numbers, not {value!r}.",
                "The first is where degraded begins, the second where broken does.",
            )
        read[key] = (float(numbers[0]), float(numbers[1]))
    return read


def _is_pair(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2
