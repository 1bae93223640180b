"""Whether each module has what its adapter adds to it: W' - W against scale x B A.

The change of a module is taken from PEFT's own layers in 32 bits. Where the child's change is
another, its ratio to the right one is found by projection and compared with the ratios that known
mistakes would give; these follow from the adapter's configuration (Hu et al. 2021,
arXiv:2106.09685; rsLoRA: alpha / sqrt(rank), arXiv:2312.03732).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from ragopt_tui.conversion.adapted_model import ADAPTER_FILE, Adapter
from ragopt_tui.conversion.tensor_files import Place
from ragopt_tui.errors import RagoptError
from ragopt_tui.models.safetensors_header import read_safetensors_header
from ragopt_tui.verification.report import Finding
from ragopt_tui.verification.structure.arrangement import Expected
from ragopt_tui.verification.structure.comparing import Rows, in_blocks, rounding
from ragopt_tui.verification.structure.explaining import error
from ragopt_tui.verification.structure.roles import role
from ragopt_tui.verification.structure.sources import AdaptedTensors, Tensors

_PREFIX = "base_model.model."
_LORA_A = re.compile(rf"{re.escape(_PREFIX)}(?P<module>.+)\.lora_A\.weight")
_NEAR = 0.04
_SHOWN = 64
_SEARCHED = 8
_ALIKE = 0.7
_CHUNK = 4_000_000
_NEAR_HALF = 0.1
_FLOATS = {"F16": torch.float16, "BF16": torch.bfloat16}


@dataclass(frozen=True, slots=True)
class Scales:
    """The factor of one module's change, and the wrong ones that mistakes would give, by name."""

    right: float
    mistaken: Mapping[str, float]

    def named(self, ratio: float) -> list[str]:
        """Name the mistakes that explain a ratio of the change that happened to the right one."""
        near = [
            (abs(wrong / self.right - ratio), name)
            for name, wrong in self.mistaken.items()
            if abs(wrong / self.right - ratio) <= _NEAR * max(abs(ratio), 0.1)
        ]
        return [name for _, name in sorted(near)]


def scales_of(config: Mapping[str, Any], module: str, weight: float = 1.0) -> Scales:
    """Compute a module's factor from an adapter_config.json, and those of known mistakes."""
    alpha, rank = float(config.get("lora_alpha") or 1), int(config.get("r") or 1)
    own_alpha = float(_by_pattern(config.get("alpha_pattern"), module, alpha))
    own_rank = int(_by_pattern(config.get("rank_pattern"), module, rank))
    rslora = bool(config.get("use_rslora"))

    def factor(alpha: float, rank: float, root: bool) -> float:
        return weight * alpha / (math.sqrt(rank) if root else rank)

    right = factor(own_alpha, own_rank, rslora)
    possible = {
        "rslora ignored": factor(own_alpha, own_rank, False),
        "rslora applied": factor(own_alpha, own_rank, True),
        "alpha pattern ignored": factor(alpha, own_rank, rslora),
        "rank pattern ignored": factor(own_alpha, rank, rslora),
        "both patterns ignored": factor(alpha, rank, rslora),
        "weight ignored": right / weight if weight else right,
        "scale left out": weight,
        "divided by the rank only": weight / own_rank,
        "not divided by the rank": weight * own_alpha,
        "applied twice": 2 * right,
        "scale squared": right * right,
        "subtracted": -right,
        "added three times": 3 * right,
    }
    mistaken = {
        name: wrong for name, wrong in possible.items() if abs(wrong / right - 1) > 2 * _NEAR
    }
    return Scales(right, mistaken)


def _by_pattern(patterns: object, module: str, otherwise: float) -> float:
    """Look a module up as PEFT does: a pattern names the end of its path."""
    if isinstance(patterns, dict):
        for pattern, value in patterns.items():
            if re.match(rf"(.*\.)?({pattern})$", module):
                return float(value)
    return otherwise


@dataclass(frozen=True, slots=True)
class _Module:
    name: str
    ratio: float
    left: float
    unsure: float
    """How far a ratio may be off by rounding alone."""

    said: dict[str, Any]


def check_adapters(
    adapted: AdaptedTensors,
    adapters: Sequence[Adapter],
    expected: Mapping[str, Expected],
    child: Tensors,
) -> list[Finding]:
    """Say of each module that adapters change whether the child has that change.

    `expected` are the tensors of the child by their names there.
    """
    configs = [_config(adapter.folder) for adapter in adapters]
    factors = [_factors(adapter.folder) for adapter in adapters]
    modules: list[_Module] = []
    searched = 0
    for target, each in expected.items():
        if each.before is None or target not in child.shapes:
            continue
        if child.shapes[target] != each.shape:
            continue
        measured = _measured(target, each, child)
        if measured is None:
            continue
        module = each.source.removesuffix(".weight").removesuffix(".bias")
        said = dict(measured.said)
        if abs(measured.ratio - 1) > measured.unsure or measured.left > 1:
            said |= _reasons(module, measured, adapters, configs, factors, each, child, target)
            if measured.left > 1 and searched < _SEARCHED and len(each.shape) == 2:
                searched += 1
                said |= _elsewhere(target, expected, child)
        modules.append(_Module(each.source, measured.ratio, measured.left, measured.unsure, said))
    lost = _accounted(adapted, expected, child)
    return [_finding(modules, lost, configs)]


def _measured(target: str, each: Expected, child: Tensors) -> _Module | None:
    """Measure the change of one module; None where there is none in the base's own numbers."""
    assert each.before is not None
    wanted, before = each.read().float(), each.before().float()
    if wanted.shape != before.shape:
        return None
    sums = _sums(wanted, before, _FLOATS.get(each.kind), partial(child.rows, target))
    if sums.exact.size == 0.0 or sums.rounded.size == 0.0:
        return None
    right = min(sums.exact, sums.rounded, key=lambda change: abs(change.ratio - 1))
    coarse = rounding(each.kind, child.kind(target))
    noise = coarse * math.sqrt(sums.whole)
    left = math.sqrt(max(sums.happened - right.ratio * right.shared, 0.0))
    # The rounding of n numbers moves a projection on all of them by 1 / sqrt(n) of its length;
    # rounding in few bits also leans towards what the base was rounded to. Of a change that mostly
    # vanishes in rounding, what is left depends on how precisely it was computed.
    unsure = max(
        0.03,
        coarse if in_blocks(child.kind(target)) else 0,
        4 * noise / math.sqrt(right.size) / math.sqrt(wanted.numel()),
    ) + _NEAR_HALF * max(1 - sums.likeness, 0.0)
    allowed = noise + 0.02 * math.sqrt(right.size)
    said = {"ratio": right.ratio, "left": left / math.sqrt(right.size), "role": role(each.source)}
    return _Module(target, right.ratio, left / allowed, unsure, said)


@dataclass(frozen=True, slots=True)
class _Change:
    """|change|^2 of a right change, and its product with what happened."""

    size: float
    shared: float

    @property
    def ratio(self) -> float:
        """What part of the right change happened."""
        return self.shared / self.size


@dataclass(frozen=True, slots=True)
class _Sums:
    """The change as computed and as it is in the base's numbers, |what happened|^2, |wanted|^2."""

    exact: _Change
    rounded: _Change
    both: float
    happened: float
    whole: float

    @property
    def likeness(self) -> float:
        """The squared cosine between the change as computed and as rounded."""
        return self.both**2 / (self.exact.size * self.rounded.size)


def _sums(
    wanted: torch.Tensor, before: torch.Tensor, stored: torch.dtype | None, rows: Rows
) -> _Sums:
    """Sum up a part at a time; what is below half a step of `stored` vanishes in the rounded change."""
    sums = [0.0] * 7
    step = max(_CHUNK // max(wanted[0].numel(), 1), 1)
    for start in range(0, len(wanted), step):
        stop = min(start + step, len(wanted))
        base, right = before[start:stop].double(), wanted[start:stop].double()
        kept = right if stored is None else wanted[start:stop].to(stored).double()
        change, rounded = right - base, kept - base
        happened = rows(start, stop).nan_to_num(0, 0, 0).double() - base
        parts = (
            change * change, change * happened, rounded * rounded, rounded * happened,
            change * rounded, happened * happened, right * right,
        )  # fmt: skip
        sums = [so_far + float(part.sum()) for so_far, part in zip(sums, parts, strict=True)]
    return _Sums(_Change(*sums[:2]), _Change(*sums[2:4]), *sums[4:])


def _elsewhere(target: str, expected: Mapping[str, Expected], child: Tensors) -> dict[str, Any]:
    """See whether what happened to a module is the change of another one, or its own transposed."""
    own = expected[target]
    assert own.before is not None
    happened = (child.read(target).float().nan_to_num(0, 0, 0) - own.before().float()).flatten(1)
    if not float(happened.norm()):
        return {}
    for name, each in expected.items():
        if each.before is None or each.shape != own.shape:
            continue
        change = (each.read().float() - each.before().float()).flatten(1)
        if name != target and _alike(happened, change):
            return {"change of": each.source}
        if name == target and happened.shape[0] == happened.shape[1] and _alike(happened, change.T):
            return {"transposed": True}
    return {}


def _alike(one: torch.Tensor, other: torch.Tensor) -> bool:
    likeness = torch.nn.functional.cosine_similarity(one.flatten(), other.flatten(), dim=0)
    return float(likeness) > _ALIKE


def _reasons(
    module: str,
    measured: _Module,
    adapters: Sequence[Adapter],
    configs: Sequence[Mapping[str, Any]],
    factors: Sequence[Mapping[str, tuple[torch.Tensor, torch.Tensor]]],
    each: Expected,
    child: Tensors,
    target: str,
) -> dict[str, Any]:
    """Find the mistakes that give a module's change as it is in the child."""
    own = [number for number, one in enumerate(factors) if module in one]
    said: dict[str, Any] = {}
    if len(own) == 1:
        scales = scales_of(configs[own[0]], module, adapters[own[0]].weight)
        if measured.left <= 1:
            said["mistakes"] = scales.named(measured.ratio)
        elif configs[own[0]].get("use_dora") and each.before is not None:
            a, b = factors[own[0]][module]
            plain = each.before().float() + scales.right * _product(a, b, each.shape)
            if each.source == target and error(child.read(target).float(), plain) <= rounding(
                each.kind, child.kind(target)
            ):
                said["mistakes"] = ["magnitudes ignored"]
    elif len(own) > 1 and each.before is not None and each.source == target:
        deltas = [
            scales_of(configs[n], module, adapters[n].weight).right
            * _product(*factors[n][module], each.shape)
            for n in own
        ]
        happened = child.read(target).float() - each.before().float()
        said["of each adapter"] = [
            {"adapter": n, "ratio": ratio}
            for n, ratio in zip(own, _fit(happened, deltas), strict=True)
        ]
    return said


def _product(a: torch.Tensor, b: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    product = b.float() @ a.float()
    return product if tuple(product.shape) == shape else product.T


def _fit(happened: torch.Tensor, parts: Sequence[torch.Tensor]) -> list[float]:
    """Give the factors of the parts whose sum comes nearest."""
    matrix = torch.stack([part.flatten().double() for part in parts], dim=1)
    found = torch.linalg.lstsq(matrix, happened.flatten().double()[:, None]).solution
    return [float(value) for value in found.flatten()]


def _accounted(
    adapted: AdaptedTensors, expected: Mapping[str, Expected], child: Tensors
) -> list[str]:
    """Give the changed tensors that the child does not hold at all."""
    held = {each.source for name, each in expected.items() if name in child.shapes}
    return sorted(set(adapted.changes) & set(adapted.shapes) - held)


def _finding(
    modules: Sequence[_Module], lost: Sequence[str], configs: Sequence[Mapping[str, Any]]
) -> Finding:
    wrong = [m for m in modules if abs(m.ratio - 1) > m.unsure or m.left > 1]
    unmerged = [m for m in wrong if abs(m.ratio) < max(0.1, m.unsure) and m.left <= 1]
    evidence = {
        "modules": {m.name: m.said for m in wrong[:_SHOWN]},
        "changed": len(modules),
        "wrong": len(wrong),
        "unmerged": len(unmerged),
        "unmerged modules": [m.name for m in unmerged[:_SHOWN]],
        "merged modules": [m.name for m in modules if m not in wrong][:_SHOWN],
        "lost": list(lost)[:_SHOWN],
        "rslora": any(bool(c.get("use_rslora")) for c in configs),
        "dora": any(bool(c.get("use_dora")) for c in configs),
        "adapters": len(configs),
    }
    good = len(modules) - len(wrong)
    if not modules and not lost:
        return Finding(
            "adapter.accounted", "passed", "The adapter changes nothing: its weights are zero.",
            evidence=evidence,
        )  # fmt: skip
    if not wrong and not lost:
        sentence = f"Each of the {len(modules):,} modules that the adapter changes has its change."
        return Finding("adapter.accounted", "passed", sentence, good, len(modules), evidence)
    parts = []
    if unmerged:
        parts.append(f"{len(unmerged):,} of {len(modules):,} modules are still those of the base")
    if len(wrong) > len(unmerged):
        other = next(m for m in wrong if m not in unmerged)
        parts.append(
            f"{len(wrong) - len(unmerged):,} have another change than the adapter's, "
            f"{other.name} {other.ratio:.3g} times it"
        )
    if lost:
        parts.append(f"{lost[0]} is not there")
    return Finding(
        "adapter.accounted", "failed", f"{'; '.join(parts)}.".capitalize()
        if not parts[0][:1].isdigit() else f"{'; '.join(parts)}.",
        good, len(modules), evidence,
    )  # fmt: skip


def _config(folder: Path) -> Mapping[str, Any]:
    file = folder / "adapter_config.json"
    try:
        values = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise RagoptError(f"{file} cannot be read: {error}.", "Get the adapter again.") from error
    return values if isinstance(values, dict) else {}


def _factors(folder: Path) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """Give an adapter's two matrices by module; they are small."""
    file = folder / ADAPTER_FILE
    tensors = read_safetensors_header(file).tensors
    found = {}
    for name in tensors:
        if matched := _LORA_A.fullmatch(name):
            other = name.replace(".lora_A.", ".lora_B.")
            if other in tensors:
                found[matched["module"]] = (
                    Place(file, tensors[name]).read(),
                    Place(file, tensors[other]).read(),
                )
    return found
