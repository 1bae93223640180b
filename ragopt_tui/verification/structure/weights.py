"""All tensors of a child against those that it must hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import torch

from ragopt_tui.verification.report import Finding, Outcome
from ragopt_tui.verification.structure.arrangement import ROPE_TENSORS, Expected
from ragopt_tui.verification.structure.comparing import Distance, distance, in_blocks, rounding
from ragopt_tui.verification.structure.explaining import explain
from ragopt_tui.verification.structure.requantising import Requantised, requantised
from ragopt_tui.verification.structure.roles import role
from ragopt_tui.verification.structure.sources import FolderTensors, Tensors

Tell = Callable[[int, int], None]
"""Told how many tensors of how many were compared; may raise to stop."""

_EXPLAINED = 24
_SHOWN = 64
_ROW_LIMIT = 3.0
_SCALE_LIMIT = 0.25
_MARGIN = 1.2
_EXCESS = 1.35
"""How many times its usual error rounding may have; that importance matrices add less is assumed."""


def compare_weights(
    expected: Mapping[str, Expected],
    child: Tensors,
    tell: Tell,
    *,
    exact: bool = False,
    known: bool = True,
    ignored: Iterable[str] = (),
) -> list[Finding]:
    """Compare shapes and values, one tensor after another.

    `exact` where a quantised child must be just what llama.cpp makes of the parent's values; not
    `known` where the arrangement of values is not, so that differences prove nothing.
    """
    left_out = {*ROPE_TENSORS, *ignored} - set(expected)
    held = set(child.shapes) - left_out
    missing = sorted(n for n in set(expected) - held if not expected[n].optional)
    extra = sorted(held - set(expected))
    findings = [_presence(missing, extra, len(expected))]
    common = [name for name in expected if name in held]
    shapes = {
        name: [list(child.shapes[name]), list(expected[name].shape)]
        for name in common
        if child.shapes[name] != expected[name].shape
    }
    findings.append(_shapes(shapes))
    differing: dict[str, dict[str, Any]] = {}
    off: list[tuple[str, Distance, float]] = []
    broken: dict[str, int] = {}
    as_rounded: dict[str, Requantised] = {}
    worst = 0.0
    same_shape = [name for name in common if name not in shapes]
    for done, name in enumerate(same_shape, 1):
        wanted = expected[name].read()
        rows = partial(child.rows, name)
        found = distance(wanted, rows, blocks=in_blocks(child.kind(name)))
        allowed = rounding(expected[name].kind, child.kind(name))
        rounded = requantised(wanted, rows, child.kind(name)) if known else None
        if rounded is not None:
            as_rounded[name] = rounded
        worst = max(worst, found.relative / allowed)
        if found.not_finite:
            broken[name] = found.not_finite
        if found.not_finite or _is_off(found, allowed) or _is_otherwise(rounded, exact):
            off.append((name, found, allowed))
        tell(done, len(same_shape))
    off.sort(key=lambda each: role(each[0]) in ("norm", "bias"))
    for number, (name, found, allowed) in enumerate(off):
        said = {"error": found.relative, "allowed": allowed, "role": role(name)}
        if name in as_rounded:
            said["excess"] = as_rounded[name].excess
            allowed = min(allowed, _MARGIN * found.relative / max(as_rounded[name].excess, 1e-9))
        if number < _EXPLAINED:
            said |= _explained(name, expected, child, allowed)
        if number < _SHOWN:
            differing[name] = said
    files = _by_file({name for name, _, _ in off}, expected, same_shape, child)
    findings.append(_finiteness(broken, differing))
    same = sum(1 for name, each in as_rounded.items() if each.exact)
    evidence = {"files": files, "as rounded": same, "rounded": len(as_rounded)}
    findings.append(_values(differing, evidence, len(off), len(same_shape), worst, known))
    return findings


def _by_file(
    off: set[str], expected: Mapping[str, Expected], names: Sequence[str], child: Tensors
) -> dict[str, list[int]]:
    """Count by weight file the tensors that differ, all, and those changed by adapters and right."""
    found: dict[str, list[int]] = {}
    if not isinstance(child, FolderTensors):
        return found
    for name in names:
        counts = found.setdefault(child.places[name].file.name, [0, 0, 0])
        counts[0] += name in off
        counts[1] += 1
        counts[2] += name not in off and expected[name].before is not None
    return found


def _is_off(found: Distance, allowed: float) -> bool:
    lines = max(_ROW_LIMIT * allowed, 0.02)
    return (
        found.relative > allowed
        or abs(found.scale - 1) > max(_SCALE_LIMIT * allowed, 1e-4)
        or found.row_error > min(lines, 0.9)
        or found.column_error > min(lines, 0.9)
    )


def _is_otherwise(rounded: Requantised | None, exact: bool) -> bool:
    """Whether rows are others than llama.cpp's rounding gives, or too far away for it."""
    if rounded is None or rounded.exact:
        return False
    return exact or rounded.excess > _EXCESS


def _explained(
    name: str, expected: Mapping[str, Expected], child: Tensors, allowed: float
) -> dict[str, Any]:
    own = expected[name]
    before = own.before() if own.before else None
    return explain(
        child.read(name),
        own.read(),
        allowed,
        before=before,
        arranged=own.arranged,
        others=_others(name, expected),
        blocks=in_blocks(child.kind(name)),
    )


def _others(
    name: str, expected: Mapping[str, Expected]
) -> Iterator[tuple[str, Callable[[], torch.Tensor]]]:
    """Give the other tensors of that shape, and of the same as it was before adapters."""
    shape = expected[name].shape
    for other, each in expected.items():
        if other != name and each.shape == shape:
            yield other, each.read
            if each.before is not None:
                yield f"{other} of the base", each.before


def _presence(missing: list[str], extra: list[str], count: int) -> Finding:
    evidence = {
        "missing": missing[:_SHOWN],
        "missing count": len(missing),
        "missing roles": sorted({role(name) for name in missing}),
        "extra": extra[:_SHOWN],
        "extra count": len(extra),
        "extra roles": sorted({role(name) for name in extra}),
    }
    if missing:
        sentence = (
            f"{_tensors(len(missing))} of {count:,} {_are(len(missing))} missing: {_some(missing)}."
        )
        return Finding("weights.present", "failed", sentence, len(missing), 0, evidence)
    if extra:
        sentence = f"{_tensors(len(extra))} {_are(len(extra))} there that the parent lacks: {_some(extra)}."
        return Finding("weights.present", "failed", sentence, len(extra), 0, evidence)
    return Finding("weights.present", "passed", f"All {count:,} tensors are there.", 0, 0)


def _shapes(shapes: dict[str, list[list[int]]]) -> Finding:
    if not shapes:
        return Finding("weights.shapes", "passed", "Each has the shape that it must have.")
    name, (got, wanted) = next(iter(shapes.items()))
    shown = dict(list(shapes.items())[:_SHOWN])
    evidence = {"tensors": {n: {"shapes": s, "role": role(n)} for n, s in shown.items()}}
    sentence = f"{_tensors(len(shapes))} {'has' if len(shapes) == 1 else 'have'} another shape: {name} is {got} instead of {wanted}."
    return Finding("weights.shapes", "failed", sentence, len(shapes), 0, evidence)


def _finiteness(broken: dict[str, int], differing: dict[str, dict[str, Any]]) -> Finding:
    if not broken:
        return Finding("weights.finite", "passed", "All weights are finite numbers.", 0, 0)
    count = sum(broken.values())
    name = next(iter(broken))
    evidence = {
        "tensors": dict(list(broken.items())[:_SHOWN]),
        "too large": all(differing.get(n, {}).get("too large", False) for n in broken),
        "nan": sum(int(differing.get(n, {}).get("nan", 0)) for n in broken),
    }
    sentence = f"{count:,} {'weight is' if count == 1 else 'weights are'} not finite, in {name}{' and others' if len(broken) > 1 else ''}."
    return Finding("weights.finite", "failed", sentence, count, 0, evidence)


def _values(
    differing: dict[str, dict[str, Any]],
    more: dict[str, Any],
    count: int,
    of: int,
    worst: float,
    known: bool,
) -> Finding:
    if not count:
        sentence = f"The values of all {of:,} tensors are the parent's, within the rounding of their types."
        return Finding("weights.values", "passed", sentence, worst, 1.0)
    name = next(iter(differing))
    outcome: Outcome = "failed" if known else "not compared"
    evidence = {"tensors": differing, "count": count, "of": of, **more}
    sentence = (
        f"{_tensors(count)} of {of:,} {'differs' if count == 1 else 'differ'} from the parent's by "
        f"more than rounding explains, first {name}."
        if known
        else f"How the values of {count:,} tensors are arranged for this architecture is not known "
        f"here, {name} among them."
    )
    return Finding("weights.values", outcome, sentence, worst, 1.0, evidence)


def _tensors(count: int) -> str:
    return f"{count:,} tensor{'s' if count != 1 else ''}"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (" and others" if len(names) > 3 else "")
