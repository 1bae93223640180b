"""What became of a tensor that is not what it should be.

Each explanation is a way to make the child's values from known ones; that which makes them within
the error of rounding is given, with its numbers. Nothing here knows of models.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch

_LARGEST = 16_000_000
_SAMPLED = 192
_FP16_LARGEST = 65504.0
_SHARE = 0.25
"""An explanation must leave less than this share of the difference it explains."""

Read = Callable[[], torch.Tensor]


def explain(
    child: torch.Tensor,
    expected: torch.Tensor,
    allowed: float,
    *,
    before: torch.Tensor | None = None,
    arranged: Mapping[str, Read] | None = None,
    others: Iterable[tuple[str, Read]] = (),
    blocks: bool = False,
) -> dict[str, Any]:
    """Say how a tensor differs from what was expected, as JSON values with a `kind`.

    `allowed` is the relative error that rounding explains; `before` the tensor before adapters,
    `arranged` other arrangements of the expected values by name, `others` tensors of that shape
    that the child may have taken in its place; `blocks` where the child is quantised, so that
    it has few different values anyway.
    """
    got, wanted, base = _cut(child), _cut(expected), None if before is None else _cut(before)
    finite = torch.isfinite(got)
    if not bool(finite.all()):
        return _not_finite(got, wanted)
    if got.numel() and float(got.max() - got.min()) == 0.0 and got.numel() > 1:
        value = float(got.flatten()[0])
        return {"kind": "zeros" if value == 0 else "constant", "value": value}
    found = _against_before(got, wanted, base, allowed) if base is not None else None
    found = found or _arranged(got, wanted, allowed, arranged or {})
    found = found or _simple(got, wanted, allowed)
    found = found or _another(got, wanted, allowed, others)
    found = found or (None if blocks else _few_values(got, wanted))
    found = found or _moved(got, wanted, allowed)
    found = found or _partly(got, wanted, allowed)
    return found or _unknown(got, wanted)


def error(got: torch.Tensor, wanted: torch.Tensor) -> float:
    """Give |got - wanted| / |wanted|."""
    size = float(wanted.norm())
    return float((got - wanted).norm()) / size if size else math.inf


def _cut(tensor: torch.Tensor) -> torch.Tensor:
    """Give enough rows in 32 bits to see what happened."""
    if tensor.dim() < 2:
        return tensor.float()
    flat = tensor.flatten(1)
    return flat[: max(_LARGEST // max(flat.shape[1], 1), 1)].float()


def _not_finite(got: torch.Tensor, wanted: torch.Tensor) -> dict[str, Any]:
    bad = ~torch.isfinite(got)
    return {
        "kind": "not finite",
        "count": int(bad.sum()),
        "nan": int(torch.isnan(got).sum()),
        "too large": bool((wanted[bad].abs() > _FP16_LARGEST).all()),
    }


def _against_before(
    got: torch.Tensor, wanted: torch.Tensor, base: torch.Tensor, allowed: float
) -> dict[str, Any] | None:
    """Compare with what was there before adapters changed it."""
    if got.shape != base.shape or got.shape != wanted.shape:
        return None
    change, happened = wanted - base, got - base
    size = float(change.square().sum())
    if size == 0:
        return None
    ratio = float((happened * change).sum()) / size
    left = float((happened - ratio * change).norm()) / math.sqrt(size)
    rounding = allowed * float(wanted.norm()) / math.sqrt(size)
    if left > max(_SHARE * max(abs(ratio), 0.1), rounding):
        return None
    if float(happened.norm()) == 0 or abs(ratio) < 0.02:
        return {"kind": "unchanged", "ratio": ratio}
    if abs(ratio - 1) < 0.01:
        return None
    return {"kind": "change scaled", "ratio": ratio, "left": left}


def _arranged(
    got: torch.Tensor, wanted: torch.Tensor, allowed: float, arranged: Mapping[str, Read]
) -> dict[str, Any] | None:
    for name, read in arranged.items():
        other = _cut(read())
        if other.shape == got.shape and _fits(got, other, wanted, allowed):
            return {"kind": "arrangement", "arrangement": name}
    return None


def _fits(got: torch.Tensor, other: torch.Tensor, wanted: torch.Tensor, allowed: float) -> bool:
    return error(got, other) <= max(allowed, min(_SHARE * error(got, wanted), 0.1))


def _simple(got: torch.Tensor, wanted: torch.Tensor, allowed: float) -> dict[str, Any] | None:
    """Try a factor, an added number, a transposition, a clip."""
    if got.shape != wanted.shape:
        return None
    off = error(got, wanted)
    limit = max(allowed, _SHARE * off)
    power = float(wanted.square().sum())
    if power:
        scale = float((got * wanted).sum()) / power
        left = error(got, scale * wanted)
        if (
            abs(scale) > 0.01
            and left <= min(limit, 0.3) * max(abs(scale), 0.1)
            and left < 0.8 * off
        ):
            return {"kind": "scaled", "ratio": scale}
    offset = float((got - wanted).mean())
    if error(got - offset, wanted) <= min(limit, 0.3, 0.8 * off):
        return {"kind": "offset", "offset": offset}
    if got.dim() == 2 and got.shape[0] == got.shape[1] and _fits(got, wanted.T, wanted, allowed):
        return {"kind": "transposed"}
    largest = float(got.abs().max())
    if 0 < largest < float(wanted.abs().max()) and _fits(
        got, wanted.clamp(-largest, largest), wanted, allowed
    ):
        return {"kind": "clipped", "largest": largest}
    return None


def _another(
    got: torch.Tensor, wanted: torch.Tensor, allowed: float, others: Iterable[tuple[str, Read]]
) -> dict[str, Any] | None:
    limit = max(allowed, min(_SHARE * error(got, wanted), 0.3))
    for name, read in others:
        other = _cut(read())
        if other.shape == got.shape and error(got, other) <= limit:
            return {"kind": "another tensor", "tensor": name}
    return None


def _few_values(got: torch.Tensor, wanted: torch.Tensor) -> dict[str, Any] | None:
    """Recognise values rounded to so few levels in each block that only 4 or 8 bits explain it."""
    if got.dim() != 2 or got.numel() < 4096 or got.shape != wanted.shape:
        return None
    if error(got, wanted) > 0.5:
        return None
    for block in (32, 64, 128, 256):
        if got.shape[1] % block:
            continue
        blocks, original = (t.reshape(-1, block)[:256] for t in (got, wanted))
        levels, before = _levels(blocks), _levels(original)
        if levels <= 16 and before > 16 and block >= 64:
            return {"kind": "rounded", "bits": 4, "levels": levels, "block": block}
    rows, original = got[:64], wanted[:64]
    if got.shape[1] >= 512 and _levels(rows) <= 256 < _levels(original):
        return {"kind": "rounded", "bits": 8, "levels": _levels(rows), "block": got.shape[1]}
    return None


def _levels(rows: torch.Tensor) -> int:
    """Give the most distinct values that a row has, zero counted once."""
    return max((int(torch.unique(row + 0.0).numel()) for row in rows), default=0)


def _moved(got: torch.Tensor, wanted: torch.Tensor, allowed: float) -> dict[str, Any] | None:
    """See whether the rows, or the columns, are those expected, at other places."""
    if got.dim() != 2:
        return _moved_values(got, wanted)
    for what, one, other in (("rows", got, wanted), ("columns", got.T, wanted.T)):
        if one.shape[1] < 8 or one.shape[1] != other.shape[1]:
            continue
        moves = _moves(one, other, allowed)
        if moves is not None:
            return {"kind": f"{what} moved", **moves}
    return None


def _moves(got: torch.Tensor, wanted: torch.Tensor, allowed: float) -> dict[str, Any] | None:
    count = min(got.shape[0], wanted.shape[0])
    errors = (got[:count] - wanted[:count]).norm(dim=1) / (wanted[:count].norm(dim=1) + 1e-30)
    off = (errors > max(2 * allowed, 0.02)).nonzero().flatten()
    if not len(off):
        return None
    spread = torch.linspace(0, len(off) - 1, min(len(off), _SAMPLED)).long()
    chosen = off[spread]
    directions = torch.nn.functional.normalize(wanted, dim=1)
    likeness = torch.nn.functional.normalize(got[chosen], dim=1) @ directions.T
    best, place = likeness.max(dim=1)
    found = best > max(1 - 2 * allowed**2, 0.9)
    moved = found & (place != chosen)
    if float(moved.float().mean()) < 0.8:
        return None
    pairs = [[int(a), int(b)] for a, b in zip(chosen[moved], place[moved], strict=True)]
    return {"count": len(off), "of": count, "pairs": pairs[:16], "pattern": pattern(pairs, count)}


def pattern(pairs: list[list[int]], count: int) -> str:
    """Name a rearrangement of `count` rows by pairs of a row and where its values came from."""
    known = {pair[0]: pair[1] for pair in pairs}
    exchanged = all(known.get(b, a) == a for a, b in pairs)
    if exchanged and len(pairs) == 2:
        return "two exchanged"
    shifts = {(b - a) % count for a, b in pairs}
    if len(shifts) == 1:
        return f"shifted by {min(shifts, key=lambda s: min(s, count - s))}"
    if all(a + b == count - 1 for a, b in pairs):
        return "reversed"
    differences = {b - a for a, b in pairs}
    if exchanged and len({abs(d) for d in differences}) == 1:
        return f"exchanged over {abs(next(iter(differences)))}"
    if len(set(known.values())) < len(known) / 2:
        return "repeated"
    return "exchanged" if exchanged else "rearranged"


def _moved_values(got: torch.Tensor, wanted: torch.Tensor) -> dict[str, Any] | None:
    if got.shape != wanted.shape or got.numel() < 2:
        return None
    if torch.allclose(got.sort().values, wanted.sort().values, rtol=1e-3, atol=1e-6):
        return {"kind": "values moved", "of": got.numel()}
    return None


def _partly(got: torch.Tensor, wanted: torch.Tensor, allowed: float) -> dict[str, Any] | None:
    """See whether only some rows or columns differ, the others being as expected."""
    if got.shape != wanted.shape:
        return None
    if got.dim() < 2:
        off = (got - wanted).abs() > max(allowed, 1e-3) * wanted.abs().mean()
        return _some("values", off)
    for what, axis in (("rows", 1), ("columns", 0)):
        errors = (got - wanted).norm(dim=axis) / (wanted.norm(dim=axis) + 1e-30)
        some = _some(what, errors > max(2 * allowed, 0.02))
        if some is not None:
            index = some["numbers"][0]
            line = got[index] if axis == 1 else got[:, index]
            return some | {"zeros": bool((line == 0).all())}
    return None


def _some(what: str, off: torch.Tensor) -> dict[str, Any] | None:
    numbers = off.nonzero().flatten()
    if not 0 < len(numbers) <= 0.75 * len(off):
        return None
    first, last = int(numbers[0]), int(numbers[-1])
    return {
        "kind": f"some {what}",
        "count": len(numbers),
        "of": len(off),
        "numbers": [int(n) for n in numbers[:16]],
        "range": [first, last + 1] if last - first + 1 == len(numbers) else None,
    }


def _unknown(got: torch.Tensor, wanted: torch.Tensor) -> dict[str, Any]:
    if got.shape != wanted.shape:
        return {"kind": "different"}
    likeness = torch.nn.functional.cosine_similarity(got.flatten(), wanted.flatten(), dim=0)
    found = {"kind": "different", "error": error(got, wanted), "likeness": float(likeness)}
    if got.dim() == 2:
        rank, of = _rank(got - wanted)
        found |= {"rank": rank, "rank of": of}
        sizes = got.norm(dim=1) / (wanted.norm(dim=1) + 1e-30)
        found["row scales"] = float(sizes.std() / (sizes.mean() + 1e-30))
    return found


def _rank(difference: torch.Tensor) -> tuple[int, int]:
    """Give how many directions hold 90 % of a difference, of how many there are."""
    part = difference[:512, :512]
    energy = torch.linalg.svdvals(part).square()
    total = float(energy.sum())
    if not total:
        return 0, len(energy)
    return int((energy.cumsum(0) < 0.9 * total).sum()) + 1, len(energy)
