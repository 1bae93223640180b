"""What a QLoRA adapter is best merged into: its original base, or that base as 4 bits hold it.

The adapter was trained on the 4-bit base, so this model, live with the adapter on it, is what a
merged one must equal. Both merges are made aside and their predictions compared with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from ragopt_tui.conversion.adapted_model import Adapter
from ragopt_tui.conversion.merge import merge
from ragopt_tui.conversion.nf4 import Nf4
from ragopt_tui.errors import RagoptError
from ragopt_tui.jobs.events import Reporter
from ragopt_tui.models.record import VariantRecord
from ragopt_tui.models.store import VariantStore
from ragopt_tui.verification import corpus, distributions
from ragopt_tui.verification.corpus_sequences import sequences
from ragopt_tui.verification.sides_opening import files_of, fits_whole
from ragopt_tui.verification.sides_transformers import LiveBase, TransformersSide

Target = Literal["original", "nf4"]

_TARGETS: tuple[tuple[Target, Nf4 | None], ...] = (("original", None), ("nf4", Nf4()))


@dataclass(frozen=True, slots=True)
class MergeTargets:
    """Mean KL divergences in nats of both merges from the live 4-bit model."""

    original: float
    nf4: float
    positions: int

    @property
    def nearer(self) -> Target:
        """The target that changes the trained model least."""
        return "nf4" if self.nf4 < self.original else "original"

    @property
    def sentence(self) -> str:
        """What to do, with the numbers."""
        names = {"nf4": "the base as 4 bits hold it", "original": "the original base"}
        values = {"nf4": self.nf4, "original": self.original}
        other = "original" if self.nearer == "nf4" else "nf4"
        return (
            f"Merge into {names[self.nearer]}: from the live 4-bit model the result then diverges by "
            f"{values[self.nearer]:.2g} nats, merged into {names[other]} by {values[other]:.2g}."
        )


def compare_merge_targets(
    store: VariantStore, adapter: VariantRecord, documents: Sequence[str], report: Reporter
) -> MergeTargets:
    """Merge an adapter both ways aside, and measure each against the live 4-bit model.

    Raises RagoptError if there is no memory for it or the adapter does not fit; JobCancelled;
    OSError.
    """
    files = files_of(store, adapter)
    if files.adapter is None or files.gguf:
        raise RagoptError(f"{adapter.variant.name} is no PEFT adapter.")
    if not fits_whole(store, adapter, adapter):
        raise RagoptError(
            f"The base of {adapter.variant.name} does not fit in memory in 32 bits, so that its "
            "merges cannot be compared here.",
            "Where it was trained in 4 bits, merging into the 4-bit base is usually nearer.",
        )
    chosen = [Adapter(files.adapter)]
    live = TransformersSide(
        files.base, adapters=chosen, held=LiveBase(nf4=True), pulse=report.raise_if_cancelled
    )
    store.folder.path.mkdir(parents=True, exist_ok=True)
    measured: dict[Target, float] = {}
    report.progress("reading the adapter", 0, None, "")
    with closing(live), TemporaryDirectory(prefix=".new-", dir=store.folder.path) as scratch:
        texts = corpus.prose(documents)
        base = store.known(adapter.variant.parent)
        ids = sequences(live, texts, (base.facts.parameters if base else None) or 1).ids
        for target, onto in _TARGETS:
            folder = Path(scratch) / target
            folder.mkdir()
            merge(files.base, chosen, folder, _tell(report, "merging", "bytes"), onto=onto)
            measured[target] = _divergence(live, folder, ids, Path(scratch), report)
    return MergeTargets(measured["original"], measured["nf4"], sum(map(len, ids)))


def _divergence(
    live: TransformersSide,
    merged: Path,
    ids: Sequence[Sequence[int]],
    scratch: Path,
    report: Reporter,
) -> float:
    file = scratch / "logits"
    live.rest()
    with closing(TransformersSide(merged, pulse=report.raise_if_cancelled)) as side:
        tell = _tell(report, "computing predictions", "positions")
        distributions.write_logits(side, ids, file, tell)
        width = side.facts.width
    tell = _tell(report, "comparing predictions", "positions")
    found = distributions.compare(live, file, width, ids, tell)
    return float(found.divergence[found.finite].mean())


def _tell(report: Reporter, stage: str, unit: str) -> distributions.OnTokens:
    def tell(done: int, total: int) -> None:
        report.raise_if_cancelled()
        report.progress(stage, done, total, unit)

    return tell
