"""How far a tensor is from what it should be: as a whole, and in its worst row and column."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch

_CHUNK = 1_000_000

Rows = Callable[[int, int], torch.Tensor]
"""Gives the rows from one number to another in 32 bits."""

ROUNDING = {
    "F64": 1e-6,
    "F32": 1e-6,
    "F16": 6e-4,
    "BF16": 5e-3,
    "Q8_0": 0.02,
    "Q6_K": 0.04,
    "Q5_K": 0.08,
    "Q5_0": 0.1,
    "Q5_1": 0.09,
    "Q4_K": 0.16,
    "Q4_0": 0.19,
    "Q4_1": 0.17,
    "IQ4_NL": 0.16,
    "IQ4_XS": 0.16,
    "Q3_K": 0.3,
    "IQ3_S": 0.3,
    "IQ3_XXS": 0.4,
    "Q2_K": 0.5,
}
"""The largest error of rounding to a type, relative to the size of the tensor's values.

About twice the root mean square error of normally distributed weights; what is not named here has
so few bits that half of it may be lost.
"""
COARSEST = 0.7


@dataclass(frozen=True, slots=True)
class Distance:
    """`relative` is |child - expected| / |expected|, rows and columns likewise, each by its own.

    `scale` is the factor by which expected values best give the child's.
    """

    relative: float
    scale: float
    row: int
    row_error: float
    column: int
    column_error: float
    not_finite: int
    rows_off: int
    """How many rows are further away than half of their length."""


def in_blocks(kind: str) -> bool:
    """Whether numbers of a format share scales."""
    return kind not in ("F64", "F32", "F16", "BF16")


def rounding(*kinds: str) -> float:
    """Give the largest relative error that storing in these formats one after another explains."""
    return min(math.hypot(*(ROUNDING.get(kind, COARSEST) for kind in kinds)), COARSEST)


def distance(expected: torch.Tensor, rows: Rows, *, blocks: bool = False) -> Distance:
    """Compare a tensor with the rows of another of its shape, a few million numbers at a time.

    `blocks` where numbers share the scale of a block: the error of a small column is then
    measured by the mean column.
    """
    flat = expected.reshape(1, -1) if expected.dim() < 2 else expected.flatten(1)
    count, width = flat.shape
    single = expected.dim() < 2
    step = max(_CHUNK // max(width, 1), 1)
    product = 0.0
    bad = 0
    row_errors, row_sizes = [], []
    column_error = torch.zeros(width, dtype=torch.float64)
    column_size = torch.zeros(width, dtype=torch.float64)
    for start in range(0, count, step):
        stop = min(start + step, count)
        wanted = flat[start:stop].float()
        got = rows(0, max(width, 1)) if single else rows(start, stop)
        got = got.reshape(wanted.shape)
        if torch.equal(got, wanted):
            size = wanted.square()
            sizes = size.sum(1).double()
            row_errors.append(torch.zeros_like(sizes))
            row_sizes.append(sizes)
            column_size += size.sum(0)
            product += float(sizes.sum())
            continue
        error = got - wanted
        # Sums of rows tell whether all is finite, at a tenth of the time of looking at each number.
        if not bool(torch.isfinite(error.sum(1)).all()):
            finite = torch.isfinite(got)
            bad += int((~finite).sum())
            got = torch.where(finite, got, torch.zeros(()))
            error = got - wanted
        product += float((got * wanted).sum(1).double().sum())
        error, size = error.square_(), wanted.square()
        row_errors.append(error.sum(1).double())
        row_sizes.append(size.sum(1).double())
        column_error += error.sum(0)
        column_size += size.sum(0)
    by_row, by_column = (
        _relative(torch.cat(row_errors), torch.cat(row_sizes), blocks),
        _relative(column_error, column_size, blocks),
    )
    total, own = float(torch.cat(row_errors).sum()), float(torch.cat(row_sizes).sum())
    relative = math.sqrt(total / own) if own else (0.0 if total == 0 else math.inf)
    return Distance(
        relative,
        product / own if own else 1.0,
        int(by_row.argmax()) if count else 0,
        float(by_row.max()) if count else 0.0,
        int(by_column.argmax()) if width else 0,
        float(by_column.max()) if width else 0.0,
        bad,
        int((by_row > 0.5).sum()),
    )


def _relative(errors: torch.Tensor, sizes: torch.Tensor, blocks: bool) -> torch.Tensor:
    # A row of almost nothing has no rounding error of its own.
    floor = sizes.mean() * (1.0 if blocks else 0.01) + 1e-30
    return (errors / torch.maximum(sizes, floor)).sqrt()
