"""A GGUF adapter against the PEFT adapter it was made from: the change of each module."""

from __future__ import annotations

from pathlib import Path

import torch

from ragopt_tui.conversion.adapted_model import Adapter
from ragopt_tui.verification.report import Finding
from ragopt_tui.verification.structure.adapters import check_adapters
from ragopt_tui.verification.structure.arrangement import Expected, in_gguf
from ragopt_tui.verification.structure.config import Config
from ragopt_tui.verification.structure.sources import AdaptedTensors, GgufTensors
from ragopt_tui.verification.structure.vocabulary import value

_A, _B = ".lora_a", ".lora_b"


class _Applied:
    """The weights of a base as llama.cpp changes them: W + alpha / rank x B A."""

    def __init__(self, gguf: GgufTensors, expected: dict[str, Expected]) -> None:
        self._gguf, self._expected = gguf, expected
        self._alpha = float(value(gguf.fields, "adapter.lora.alpha") or 0)
        names = {name.removesuffix(_A) for name in gguf.shapes if name.endswith(_A)}
        self.shapes = {name: expected[name].shape for name in names if name in expected}

    def kind(self, name: str) -> str:
        """Give the number format in which the sum is rounded: none."""
        return "F32"

    def read(self, name: str) -> torch.Tensor:
        """Give a weight of the base with its change."""
        own = self._expected[name]
        before = (own.before or own.read)().float()
        a, b = self._gguf.read(name + _A), self._gguf.read(name + _B)
        rank = b.shape[-1]
        scale = self._alpha / rank if self._alpha else 1.0
        return before + scale * (b @ a)

    def rows(self, name: str, start: int, stop: int) -> torch.Tensor:
        """Give some of its rows."""
        return self.read(name)[start:stop]


def check_gguf_adapter(child: Path, adapter: Path, base: Path, tell: object) -> list[Finding]:
    """Compare what both add to each module of the base."""
    gguf = GgufTensors(child)
    chosen = [Adapter(adapter)]
    adapted = AdaptedTensors(base, chosen)
    config = Config.read(base)
    architecture = str(value(gguf.fields, "general.architecture") or "")
    expected, _ = in_gguf(adapted, architecture, config.values, {})
    applied = _Applied(gguf, expected)
    stray = [
        name for name in gguf.shapes
        if not name.endswith((_A, _B)) or name.removesuffix(_A).removesuffix(_B) not in expected
    ]  # fmt: skip
    findings = check_adapters(adapted, chosen, expected, applied)
    if stray:
        sentence = f"{stray[0]} belongs to no module of the base."
        findings.append(
            Finding(
                "weights.present",
                "failed",
                sentence,
                len(stray),
                0,
                {"extra": stray[:32], "extra count": len(stray)},
            )
        )
    return findings
