"""How far a child's predictions are from its parent's, token by token.

The divergence at a position is KL(parent || child) = sum_v p(v) (log p(v) - log q(v)) over the
tokens v that both have, in nats (Kullback and Leibler 1951; llama.cpp's --kl-divergence measures
the same). Perplexity is exp of the mean negative log-probability of the tokens that follow.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ragopt_tui.plaintext import without_controls
from ragopt_tui.verification.report import Finding, Position
from ragopt_tui.verification.sides import Logits, Side
from ragopt_tui.verification.thresholds import Measure, Thresholds

Floats = npt.NDArray[np.float64]
Ids = npt.NDArray[np.int64]

_NUMBERS_AT_ONCE = 4 << 20
_WORST = 8
_CHARACTERS_BEFORE = 80
_TOKENS_BEFORE = 48
_EDGES = (0.0, 1e-6, 1e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 3.0, 10.0, 1000.0)
_BUCKETS = 8

OnTokens = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Predictions:
    """Both sides' predictions at every position, in order of the sequences.

    Arrays have one value a position: the divergence in nats, the likeliest token of each side, the
    negative log-probability in nats of the token that follows (NaN behind the last of a
    sequence), the sequence's number, the position in it, and whether a side gave numbers there
    that are not finite, where the divergence is NaN.
    """

    divergence: Floats
    parent_top: Ids
    child_top: Ids
    parent_loss: Floats
    child_loss: Floats
    sequence: Ids
    position: Ids
    parent_broken: npt.NDArray[np.bool_]
    child_broken: npt.NDArray[np.bool_]

    @property
    def finite(self) -> npt.NDArray[np.bool_]:
        """Where both sides gave numbers."""
        return np.isfinite(self.divergence)


def log_probabilities(logits: Logits, width: int) -> Floats:
    """Give log-softmax over the first `width` logits, in 64 bits, shape (rows, width)."""
    values = logits[:, :width].astype(np.float64)
    values -= values.max(axis=1, keepdims=True)
    normaliser: Floats = np.log(np.exp(values).sum(axis=1, keepdims=True))
    values -= normaliser
    return values


def write_logits(
    side: Side, sequences: Sequence[Sequence[int]], file: Path, tell: OnTokens
) -> None:
    """Write a side's logits at every position as float32, row after row.

    `tell` is told the positions computed and those there are, and may raise to stop. Raises
    SideFailed; OSError.
    """
    total, done = sum(map(len, sequences)), 0
    with file.open("wb") as stream:
        for ids in sequences:
            for rows in side.logits(ids):
                stream.write(rows.astype(np.float32, copy=False).tobytes())
                done += len(rows)
                tell(done, total)


def compare(
    parent: Side,
    child_logits: Path,
    child_width: int,
    sequences: Sequence[Sequence[int]],
    tell: OnTokens,
) -> Predictions:
    """Compute the parent's predictions and compare them with the child's that were written.

    Only one side's weights are in memory so, and of the logits only some rows. Raises SideFailed.
    """
    width = min(parent.facts.width, child_width)
    total, row, parts = sum(map(len, sequences)), 0, []
    stored = np.memmap(child_logits, np.float32, "r", shape=(total, child_width))
    for number, ids in enumerate(sequences):
        following = np.array([*ids[1:], -1], np.int64)
        at = 0
        for rows in parent.logits(ids):
            for start in range(0, len(rows), max(1, _NUMBERS_AT_ONCE // width)):
                piece = rows[start : start + max(1, _NUMBERS_AT_ONCE // width)]
                theirs = stored[row : row + len(piece)]
                parts.append(_compared(piece, theirs, width, following[at : at + len(piece)]))
                parts[-1] |= {
                    "sequence": np.full(len(piece), number),
                    "position": np.arange(at, at + len(piece)),
                }
                row, at = row + len(piece), at + len(piece)
            tell(row, total)
    return Predictions(
        **{name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    )


def _compared(ours: Logits, theirs: Logits, width: int, following: Ids) -> dict[str, Any]:
    mine, other = np.isfinite(ours).all(axis=1), np.isfinite(theirs).all(axis=1)
    with np.errstate(all="ignore"):
        p, q = log_probabilities(ours, width), log_probabilities(theirs, width)
        divergence = (np.exp(p) * (p - q)).sum(axis=1).clip(min=0.0)
    divergence[~(mine & other)] = np.nan
    known = (following >= 0) & (following < width)
    at = np.arange(len(ours)), np.where(known, following, 0)
    return {
        "divergence": divergence,
        "parent_top": p.argmax(axis=1),
        "child_top": q.argmax(axis=1),
        "parent_loss": np.where(known & mine, -p[at], np.nan),
        "child_loss": np.where(known & other, -q[at], np.nan),
        "parent_broken": ~mine,
        "child_broken": ~other,
    }


def check_predictions(found: Predictions, context: int, limits: Thresholds) -> list[Finding]:
    """Judge the divergence (mean, far half of the context, median, p99), likeliest tokens and perplexity."""
    kept = found.finite
    values = found.divergence[kept]
    if not len(values):
        sentence = "No position has numbers on both sides."
        return [Finding("distribution.kl_mean", "not compared", sentence)]
    far = values[found.position[kept] >= context // 2]
    evidence = _evidence(found, context)
    findings = [
        _judged("kl_mean", float(values.mean()), limits, "The mean KL divergence is", evidence),
        _judged("kl_median", float(np.median(values)), limits, "The median divergence is"),
        _judged("kl_p99", float(np.quantile(values, 0.99)), limits, "99 % of positions are below"),
    ]
    if len(far):
        words = f"At the {len(far):,} positions in the far half of the context it is"
        findings.insert(1, _judged("kl_far", float(far.mean()), limits, words))
    same = float((found.parent_top[kept] == found.child_top[kept]).mean())
    outcome, limit = limits.outcome("same_top", same)
    sentence = f"The likeliest token is the same at {same:.1%} of positions."
    findings.append(Finding("distribution.same_top", outcome, sentence, same, limit))
    return [*findings, *_perplexity(found, limits)]


def perplexities(found: Predictions) -> tuple[float, float]:
    """Give the perplexity of parent and child on the same text; NaN where there is none."""
    both = np.isfinite(found.parent_loss) & np.isfinite(found.child_loss)
    if not both.any():
        return math.nan, math.nan
    with np.errstate(over="ignore"):
        ours, theirs = (
            float(np.exp(loss[both].mean())) for loss in (found.parent_loss, found.child_loss)
        )
    return ours, theirs


def histogram(found: Predictions) -> tuple[tuple[float, ...], tuple[int, ...]]:
    """Count positions by divergence; gives edges in nats, and counts, one fewer."""
    values = found.divergence[found.finite].clip(max=_EDGES[-1])
    counts, _ = np.histogram(values, bins=np.array(_EDGES))
    return _EDGES, tuple(int(count) for count in counts)


def worst_positions(
    found: Predictions, sequences: Sequence[Sequence[int]], parent: Side, child: Side
) -> tuple[Position, ...]:
    """Give the positions that differ most, in their text."""
    order = np.argsort(np.where(found.finite, found.divergence, -1.0))[::-1]
    shown = []
    for index in order[:_WORST]:
        if not found.finite[index]:
            break
        ids, at = sequences[int(found.sequence[index])], int(found.position[index])
        before = parent.text(ids[max(0, at + 1 - _TOKENS_BEFORE) : at + 1])
        shown.append(
            Position(
                text_before=without_controls(before[-_CHARACTERS_BEFORE:]),
                token=without_controls(parent.text(ids[at + 1 : at + 2])),
                divergence=float(found.divergence[index]),
                parent_top=without_controls(parent.text([int(found.parent_top[index])])),
                child_top=without_controls(child.text([int(found.child_top[index])])),
            )
        )
    return tuple(shown)


def check_finite(found: Predictions) -> Finding:
    """See whether every logit is a number, on both sides."""
    count = len(found.divergence)
    broken, before = int(found.child_broken.sum()), int(found.parent_broken.sum())
    evidence = {"child": broken, "parent": before, "positions": count}
    if broken:
        sentence = (
            f"At {broken:,} of {count:,} positions it computes numbers that are not finite (NaN or "
            f"infinity){', as what it was made from does' if before else ''}."
        )
        return Finding("finite.logits", "failed", sentence, float(broken), 0.0, evidence)
    if before:
        sentence = f"What it was made from computes no numbers at {before:,} positions."
        return Finding("finite.logits", "degraded", sentence, 0.0, 0.0, evidence)
    return Finding("finite.logits", "passed", "All logits are finite.", 0.0, 0.0, evidence)


def _judged(
    measure: Measure,
    value: float,
    limits: Thresholds,
    words: str,
    evidence: Any = None,  # noqa: ANN401
) -> Finding:
    outcome, limit = limits.outcome(measure, value)
    sentence = f"{words} {value:.2g} nats."
    return Finding(f"distribution.{measure}", outcome, sentence, value, limit, evidence or {})


def _perplexity(found: Predictions, limits: Thresholds) -> list[Finding]:
    ours, theirs = perplexities(found)
    if math.isnan(ours):
        return []
    ratio = theirs / ours
    # Text that became likelier by much is as suspicious as text that became less likely.
    outcome, limit = limits.outcome("perplexity", max(ratio, 1 / ratio) if ratio else math.inf)
    sentence = f"The perplexity of the text is {theirs:.4g}, it was {ours:.4g}: {ratio:.4f} times."
    evidence = {"parent": ours, "child": theirs, "ratio": ratio}
    return [Finding("distribution.perplexity", outcome, sentence, ratio, limit, evidence)]


def _evidence(found: Predictions, context: int) -> dict[str, Any]:
    """Give the mean divergence by position in the context, from which causes are reasoned."""
    kept = found.finite
    positions, values = found.position[kept], found.divergence[kept]
    step = max(1, -(-int(found.position.max() + 1) // _BUCKETS))
    by_position = []
    for start in range(0, int(found.position.max()) + 1, step):
        inside = values[(positions >= start) & (positions < start + step)]
        if len(inside):
            by_position.append([start, start + step, float(inside.mean()), len(inside)])
    return {
        "positions": int(np.count_nonzero(kept)),
        "by_position": by_position,
        "first": float(values[positions == 0].mean()) if (positions == 0).any() else None,
        "context": context,
    }
