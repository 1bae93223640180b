"""Causes told from predictions alone, where the files give no reason."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ragopt_tui.verification.reasons.seen import CONVERT_AGAIN, Seen, cause
from ragopt_tui.verification.report import Cause

_GROWTH = 4.0


def causes(seen: Seen) -> Iterator[Cause]:
    """Give the causes that predictions point to."""
    found = seen.predictions
    if found is None or not seen.text_equal or any(map(_in_files, seen.bad)):
        return
    told = seen.found("distribution.kl_mean")
    by_position: Sequence[Any] = told.get("by_position") or ()
    growth = _growth(by_position)
    compared = seen.values_equal
    if growth >= _GROWTH:
        start = _start(by_position)
        yield cause(
            "positions", "Only later positions diverge: rotary scaling, rope theta or a sliding window differs.",
            f"From position {start} on the divergence is {growth:.0f} times that before; the first ones agree.",
            f"{CONVERT_AGAIN} Compare the rope and attention keys of both.", 0.5 if compared else 0.6,
        )  # fmt: skip
    if compared and seen.fails("quantisation.type") is None and _quantised(seen):
        yield cause(
            "too few bits", "The quantisation loses more than its type usually does.",
            f"{found.sentence} All tensors are the parent's within the rounding of their types.",
            "Take a type with more bits, or measure importance from your documents "
            "(`ragopt-tui quantize --importance`).", 0.45,
        )  # fmt: skip
    elif compared:
        yield cause(
            "other arithmetic", "The same weights are computed with otherwise: a setting of the architecture differs.",
            f"{found.sentence} All tensors are equal to the parent's.",
            f"{CONVERT_AGAIN} Compare the keys of the header with config.json.", 0.4,
        )  # fmt: skip
    else:
        yield cause(
            "weights differ", "The weights, or how they are computed with, are not the parent's.",
            f"{found.sentence} Text becomes the same tokens.", CONVERT_AGAIN, 0.2,
        )  # fmt: skip


def _in_files(check: str) -> bool:
    """Whether a check is of what files say, which then explains predictions."""
    return check.startswith(("weights.", "adapter.", "head.", "embedding.", "metadata.", "config."))


def _quantised(seen: Seen) -> bool:
    kind = str(seen.found("quantisation.type").get("main", ""))
    return bool(kind) and kind not in ("F32", "F16", "BF16")


def _growth(by_position: Sequence[Any]) -> float:
    """Give how many times larger the divergence is in later positions than in the first ones."""
    means = [float(each[2]) for each in by_position]
    if len(means) < 3:
        return 0.0
    return max(means[len(means) // 2 :]) / max(means[0], 1e-9) if max(means) > 1e-3 else 0.0


def _start(by_position: Sequence[Any]) -> int:
    means = [float(each[2]) for each in by_position]
    high = max(means) / 2
    return int(next(each[0] for each, mean in zip(by_position, means, strict=True) if mean >= high))
