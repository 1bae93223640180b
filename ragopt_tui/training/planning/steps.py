"""How many steps a run takes, and how long: arithmetic on the lengths of its rows."""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence
from dataclasses import dataclass

from ragopt_tui.training.configuration.values import Schedule, TrainingConfig


@dataclass(frozen=True, slots=True)
class RowLengths:
    """The rows that a run trains on: their number, and the lengths of all or some in tokens."""

    rows: int
    lengths: tuple[int, ...]
    """Of rows evenly chosen from all, as they are cut to max_length."""

    truncated: int = 0
    left_out: int = 0
    validation_rows: int = 0

    @property
    def sampled(self) -> bool:
        """Whether only some rows were looked at."""
        return len(self.lengths) < self.rows

    @property
    def tokens(self) -> int:
        """How many tokens all rows have, an estimate where they were sampled."""
        if not self.lengths:
            return 0
        return round(sum(self.lengths) * self.rows / len(self.lengths))

    @property
    def longest(self) -> int:
        """The longest of the rows looked at."""
        return max(self.lengths, default=0)

    def packed(self, max_length: int) -> int:
        """Give how many rows of `max_length` hold all of these, packed as TRL does."""
        if not self.lengths:
            return self.rows
        return math.ceil(packed_rows(self.lengths, max_length) * self.rows / len(self.lengths))


@dataclass(frozen=True, slots=True)
class Steps:
    """The steps of a run, one for each change of the weights."""

    total: int
    per_epoch: int
    rows_per_step: int
    evaluations: int
    checkpoints: int
    warmup: int
    tokens: int
    """Tokens that are read in all, without padding."""

    @property
    def epochs(self) -> float:
        """How often all rows are seen."""
        return self.total / self.per_epoch


def plan_steps(config: TrainingConfig, lengths: RowLengths) -> Steps:
    """Count the steps of a run as transformers does."""
    schedule = config.training
    rows = lengths.packed(schedule.max_length) if schedule.packing else lengths.rows
    batches = math.ceil(rows / schedule.per_device_train_batch_size)
    batches = math.ceil(batches / config.num_processes)
    per_epoch = max(1, math.ceil(batches / schedule.gradient_accumulation_steps))
    total = schedule.max_steps
    if total <= 0:
        total = math.ceil(schedule.num_train_epochs * per_epoch)
    evaluates = lengths.validation_rows > 0
    return Steps(
        total=total,
        per_epoch=per_epoch,
        rows_per_step=rows_per_step(config),
        evaluations=_times(schedule.eval_steps, total) if evaluates else 0,
        checkpoints=_times(schedule.save_steps, total),
        warmup=warmup_steps(schedule, total),
        tokens=round(lengths.tokens * total / per_epoch),
    )


def rows_per_step(config: TrainingConfig) -> int:
    """Give how many rows, packed ones where they are packed, make one step."""
    schedule = config.training
    batch = schedule.per_device_train_batch_size * schedule.gradient_accumulation_steps
    return batch * config.num_processes


def interval(value: float, total: int) -> int:
    """Give every how many steps something happens: `value`, or that share of all; 0 is never."""
    if value <= 0:
        return 0
    return int(value) if value >= 1 else max(1, math.ceil(total * value))


def warmup_steps(schedule: Schedule, total: int) -> int:
    """Give for how many steps the learning rate rises."""
    value = schedule.warmup_steps
    return int(value) if value >= 1 else math.ceil(total * value)


def packed_rows(lengths: Sequence[int], max_length: int) -> int:
    """Count the rows that best-fit decreasing packs lengths into; none is longer than the row."""
    free: list[int] = []
    for length in sorted(lengths, reverse=True):
        at = bisect.bisect_left(free, length)
        left = free.pop(at) - length if at < len(free) else max_length - length
        bisect.insort(free, left)
    return len(free)


def _times(value: float, total: int) -> int:
    every = interval(value, total)
    return total // every if every else 0
