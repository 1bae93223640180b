"""Models too large to compare whole: some of their layers alone, in 32 bits, from their files.

Both sides are cut to the same layers with embedding and output layer, every weight as 32-bit
number, and run by their own runtimes on the same tokens: so the order of rows, rotations, norms
and scales of both are put to the test as in the whole model, and nothing but rounding may differ.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ragopt_tui.conversion.adapted_model import Adapter
from ragopt_tui.conversion.nf4 import Nf4
from ragopt_tui.models.inspection import read_json
from ragopt_tui.models.inspection_folder import stored_tensors, weight_files
from ragopt_tui.models.model_shape import ModelShape, shape_of_folder, shape_of_gguf
from ragopt_tui.models.weights import gguf_headers
from ragopt_tui.verification.distributions import log_probabilities
from ragopt_tui.verification.report import Finding
from ragopt_tui.verification.sides import Logits, Pulse
from ragopt_tui.verification.sides_gguf import GgufSide
from ragopt_tui.verification.thresholds import Thresholds

TOKENS = 96
"""On how many tokens slices are compared."""

_LAYERS = 2
_MOST_NUMBERS = 800_000_000
_EXACT = 1e-5

Tell = Callable[[int, int], None]


class Sliceable(Protocol):
    """A model of which some layers can be run alone."""

    @property
    def layers(self) -> int:
        """The number of its layers."""
        ...

    @property
    def repeats(self) -> bool:
        """Whether all layers are of the same kind, so that any of them may stand first."""
        ...

    def numbers(self, layers: int) -> int:
        """Give how many weights a slice of that many layers has."""
        ...

    def logits(self, layers: Sequence[int], ids: Sequence[int]) -> Logits:
        """Give the logits of a model of these layers alone; raises RagoptError."""
        ...


@dataclass(frozen=True, slots=True)
class GgufSlices:
    """A GGUF file, cut into `scratch` and run by llama.cpp in a process of its own."""

    file: Path
    scratch: Path
    threads: int
    pulse: Pulse

    @property
    def layers(self) -> int:
        """The number of its layers."""
        return _shape(self.file).layers

    @property
    def repeats(self) -> bool:
        """Whether all layers are of the same kind."""
        values = gguf_headers(self.file)[0].values
        name = values.get("general.architecture")
        return not values.get(f"{name}.attention.sliding_window")

    def numbers(self, layers: int) -> int:
        """Give how many weights a slice of that many layers has."""
        tensors = {n: t for header in gguf_headers(self.file) for n, t in header.tensors.items()}
        inside = sum(t.count for n, t in tensors.items() if n.startswith("blk."))
        return sum(t.count for t in tensors.values()) - inside + inside * layers // self.layers

    def logits(self, layers: Sequence[int], ids: Sequence[int]) -> Logits:
        """Give the logits of a model of these layers alone."""
        from ragopt_tui.verification.slices_gguf import cut_gguf

        cut = self.scratch / "slice.gguf"
        side: GgufSide | None = None
        try:
            cut_gguf(self.file, cut, layers, lambda _done, _total: self.pulse())
            side = GgufSide(cut, threads=self.threads, pulse=self.pulse)
            return np.concatenate(list(side.logits(ids)))
        finally:
            if side is not None:
                side.close()
            cut.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class FolderSlices:
    """A Hugging Face folder run by transformers, with what adapters make of it."""

    folder: Path
    adapters: tuple[Adapter, ...] = ()
    onto: Nf4 | None = None

    @property
    def layers(self) -> int:
        """The number of its layers."""
        return shape_of_folder(self.folder).layers

    @property
    def repeats(self) -> bool:
        """Whether all layers are of the same kind."""
        values = read_json(self.folder / "config.json")
        text = values.get("text_config")
        values |= text if isinstance(text, dict) else {}
        return len(set(values.get("layer_types") or ["one"])) == 1

    def numbers(self, layers: int) -> int:
        """Give how many weights a slice of that many layers has."""
        tensors = stored_tensors(weight_files(self.folder))
        inside = sum(t.count for n, t in tensors.items() if ".layers." in n or ".h." in n)
        return sum(t.count for t in tensors.values()) - inside + inside * layers // self.layers

    def logits(self, layers: Sequence[int], ids: Sequence[int]) -> Logits:
        """Give the logits of a model of these layers alone."""
        from ragopt_tui.verification.slices_transformers import slice_logits

        return slice_logits(self.folder, layers, ids, self.adapters, self.onto)


def check_slices(
    parent: Sliceable, child: Sliceable, ids: Sequence[int], limits: Thresholds, tell: Tell
) -> list[Finding]:
    """Compare the first layers, and the last where nothing but rounding may differ.

    `tell` is told the runs made and those there are, and may raise to stop. Raises RagoptError.
    """
    chosen = slices_of(parent, child, exact=limits.limits("slice_kl")[0] <= _EXACT)
    distances, divergences = [], []
    for number, layers in enumerate(chosen):
        ours = parent.logits(layers, ids)
        tell(2 * number + 1, 2 * len(chosen))
        theirs = child.logits(layers, ids)
        tell(2 * number + 2, 2 * len(chosen))
        distance, divergence = compare_logits(ours, theirs)
        distances.append(distance)
        divergences.append(divergence)
    evidence: dict[str, Any] = {
        "layers": [list(layers) for layers in chosen],
        "distances": distances,
        "divergences": divergences,
        "tokens": len(ids),
    }
    shown = ", ".join(str(layer) for layers in chosen for layer in layers)
    return [
        _judged("slice_kl", "slices.logits", max(divergences), limits, shown, evidence),
        _judged("slice_distance", "slices.distance", max(distances), limits, shown, evidence),
    ]


def slices_of(parent: Sliceable, child: Sliceable, *, exact: bool) -> list[tuple[int, ...]]:
    """Choose the layers of each slice: few enough that 32 bits of them fit in little memory."""
    count = min(parent.layers, child.layers)
    size = min(_LAYERS, count)
    if max(parent.numbers(size), child.numbers(size)) > _MOST_NUMBERS:
        size = 1
    chosen = [tuple(range(size))]
    # Layers that rounding has changed do not stand being fed what they never see.
    if exact and count >= 2 * size and parent.repeats and child.repeats:
        chosen.append(tuple(range(count - size, count)))
    return chosen


def compare_logits(ours: Logits, theirs: Logits) -> tuple[float, float]:
    """Give the relative distance of logits (of their norm), and the mean divergence in nats.

    Both are of shape (positions, vocabulary); columns that only one has are left out.
    """
    width = min(ours.shape[1], theirs.shape[1])
    one, other = (side[:, :width].astype(np.float64) for side in (ours, theirs))
    # A constant added to all logits of a position changes nothing.
    one -= one.mean(axis=1, keepdims=True)
    other -= other.mean(axis=1, keepdims=True)
    distance = float(np.linalg.norm(one - other)) / max(float(np.linalg.norm(one)), 1e-30)
    p, q = log_probabilities(ours, width), log_probabilities(theirs, width)
    divergence = float((np.exp(p) * (p - q)).sum(axis=1).clip(min=0).mean())
    return distance, divergence


def _judged(
    measure: Any,  # noqa: ANN401 - one of two measures
    check: str,
    value: float,
    limits: Thresholds,
    layers: str,
    evidence: dict[str, Any],
) -> Finding:
    outcome, limit = limits.outcome(measure, value)
    what = "diverge by" if measure == "slice_kl" else "give logits at a relative distance of"
    unit = " nats" if measure == "slice_kl" else ""
    sentence = f"Layers {layers} alone, computed in 32 bits, {what} {value:.2g}{unit}."
    return Finding(check, outcome, sentence, value, limit, evidence)


def _shape(file: Path) -> ModelShape:
    return shape_of_gguf(gguf_headers(file)[0])
