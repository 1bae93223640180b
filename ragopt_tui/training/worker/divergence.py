"""Watching a run's loss: what looks wrong about it, and what could be changed."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["nan", "exploding", "flat", "zero"]

_SMOOTHING = 0.8
_RISE, _LEAST_RISE = 1.5, 0.5
_POINTS_BEFORE_RISE = 3
_WINDOW = 20
_POINTS_BEFORE_FLAT = 60
_LEAST_GAIN = 0.02
_ZERO = 1e-3
_POINTS_AT_ZERO = 5
_POINTS_WITHOUT_GRADIENT = 3


@dataclass(frozen=True, slots=True)
class Warning:
    """What is seen at a step, in a sentence, and what to change."""

    step: int
    kind: Kind
    text: str
    hint: str


@dataclass(slots=True)
class Watch:
    """Looks at the logged points of one run, in order; each kind is told of once."""

    broken: int = 0
    """How many points in a row, up to the last, had a loss that is not a number."""

    _told: set[Kind] = field(default_factory=set)
    _points: int = 0
    _first: list[float] = field(default_factory=list)
    _last: deque[float] = field(default_factory=lambda: deque(maxlen=_WINDOW))
    _smooth: float = math.nan
    _lowest: float = math.inf
    _at_zero: int = 0
    _without_gradient: int = 0

    def look(self, step: int, loss: float, gradient_norm: float | None = None) -> list[Warning]:
        """Take one point; gives what is seen for the first time."""
        if not math.isfinite(loss):
            self.broken += 1
            return self._new(self._not_a_number(step))
        self.broken = 0
        self._take(loss, gradient_norm)
        seen = (
            self._exploding(step, loss),
            self._no_gradient(step),
            self._flat(step),
            self._zero(step),
        )
        return self._new(*seen)

    def _take(self, loss: float, gradient_norm: float | None) -> None:
        self._points += 1
        if len(self._first) < _WINDOW:
            self._first.append(loss)
        self._last.append(loss)
        before = self._smooth
        begun = not math.isnan(before)
        self._smooth = _SMOOTHING * before + (1 - _SMOOTHING) * loss if begun else loss
        self._lowest = min(self._lowest, self._smooth)
        self._at_zero = self._at_zero + 1 if loss < _ZERO else 0
        self._without_gradient = self._without_gradient + 1 if gradient_norm == 0 else 0

    def _new(self, *seen: Warning | None) -> list[Warning]:
        new = [each for each in seen if each is not None and each.kind not in self._told]
        self._told.update(each.kind for each in new)
        return new

    def _not_a_number(self, step: int) -> Warning:
        return Warning(
            step,
            "nan",
            f"The loss at step {step} is not a number: the weights have run off.",
            "Lower learning_rate (a tenth is a start), keep max_grad_norm at 1, and train in bf16 "
            "or fp32 rather than fp16.",
        )

    def _exploding(self, step: int, loss: float) -> Warning | None:
        risen = self._smooth > max(self._lowest * _RISE, self._lowest + _LEAST_RISE)
        if self._points <= _POINTS_BEFORE_RISE or not risen:
            return None
        return Warning(
            step,
            "exploding",
            f"The loss has risen from {self._lowest:.2f} to {loss:.2f}: the run diverges.",
            "Lower learning_rate (a tenth is a start) or give it more warmup_steps, and keep "
            "max_grad_norm at 1.",
        )

    def _no_gradient(self, step: int) -> Warning | None:
        if self._without_gradient < _POINTS_WITHOUT_GRADIENT:
            return None
        return Warning(
            step,
            "flat",
            "The gradient is zero: nothing is learnt.",
            "Look whether the rows carry loss (`ragopt-tui data show`) and whether learning_rate "
            "is above zero.",
        )

    def _flat(self, step: int) -> Warning | None:
        if self._points < _POINTS_BEFORE_FLAT:
            return None
        first = sum(self._first) / len(self._first)
        last = sum(self._last) / len(self._last)
        if first < _ZERO or first - last > _LEAST_GAIN * first:
            return None
        return Warning(
            step,
            "flat",
            f"The loss has not fallen since the start: {first:.3f}, and {last:.3f} now.",
            "Raise learning_rate (2e-4 is usual for LoRA), adapt more layers "
            "(target_modules: all-linear), or look at what the rows teach.",
        )

    def _zero(self, step: int) -> Warning | None:
        if self._at_zero < _POINTS_AT_ZERO:
            return None
        return Warning(
            step,
            "zero",
            "The loss is at zero: these rows have nothing more to teach.",
            "Stop here, or train on more rows. Where it came soon, look whether answers stand word "
            "for word in their own prompts.",
        )
