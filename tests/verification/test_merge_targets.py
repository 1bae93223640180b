"""Which base a QLoRA adapter is merged into is measured against the live 4-bit model."""

from __future__ import annotations

from pathlib import Path

import pytest

from ragopt_tui.errors import RagoptError
from ragopt_tui.jobs.events import Reporter
from ragopt_tui.models.store import VariantStore
from ragopt_tui.verification.merge_targets import MergeTargets, compare_merge_targets
from tests.verification.conftest import ChainOf


def test_merging_onto_four_bits_is_nearer_to_the_live_four_bit_model(
    chain_of: ChainOf, tmp_path: Path
) -> None:
    chain = chain_of("mistral onto nf4")
    store = VariantStore(tmp_path / "models")
    for name in ("base", "adapter0"):
        store.folder.create(chain.record(name))
    reporter = Reporter(tmp_path / "events.jsonl")
    found = compare_merge_targets(store, store.record("adapter0"), (), reporter)
    assert found.nearer == "nf4"
    assert found.nf4 < 0.1 * found.original
    assert found.positions >= 2000
    assert "4 bits" in found.sentence
    assert not list(store.folder.path.glob(".new-*"))


def test_the_original_base_is_named_where_it_is_nearer() -> None:
    assert "the original base" in MergeTargets(0.001, 0.5, 100).sentence.split(":")[0]


def test_what_is_no_adapter_has_no_merge_targets(tmp_path: Path) -> None:
    store = VariantStore(tmp_path / "models")
    with pytest.raises(RagoptError, match="no PEFT adapter"):
        compare_merge_targets(
            store, store.record("builtin"), (), Reporter(tmp_path / "events.jsonl")
        )
