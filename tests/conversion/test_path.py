"""What the path takes is not estimated below what it then takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from transformers import Qwen2Config

from ragopt_tui.conversion.path import bytes_needed, result_bytes
from ragopt_tui.models.record import VariantRecord
from ragopt_tui.models.store import VariantStore
from ragopt_tui.settings import folders
from tests.conversion.made_tokenizers import byte_level_tokenizer
from tests.conversion.test_merge import SMALL, make_adapter, make_base, merged

# As many tokens as the head of a small model has, beside few other weights.
WIDE = Qwen2Config(**(SMALL | {"vocab_size": 2048}), tie_word_embeddings=True)


@pytest.fixture
def records(tmp_path: Path, request: pytest.FixtureRequest) -> tuple[VariantRecord, ...]:
    """A base whose head is its embedding, an adapter of it, and both merged."""
    options: dict[str, Any] = request.param
    base = make_base(tmp_path / "base", WIDE)
    byte_level_tokenizer(base, "qwen2")
    adapter = make_adapter(tmp_path / "adapter", base, **options)
    store = VariantStore(folders().models)
    parent = store.add(base, name="base").variant.id
    return (
        store.record(parent),
        store.add(adapter, name="adapter", parent=parent),
        store.add(merged(tmp_path, base, adapter), name="merged"),
    )


@pytest.mark.parametrize("records", [{}, {"modules_to_save": ["lm_head"]}], indirect=True)
def test_a_head_that_was_trained_apart_counts(records: tuple[VariantRecord, ...]) -> None:
    base, adapter, result = records
    made = result.facts.parameters
    assert made is not None
    assert result_bytes(adapter, base, "BF16") >= 2 * made
    assert bytes_needed(adapter, base, "Q8_0", compared=False) >= result.bytes + made
    # Never twice as much, either.
    assert bytes_needed(adapter, base, "Q8_0", compared=False) < 2 * (result.bytes + made)


@pytest.mark.parametrize("records", [{}], indirect=True)
def test_predictions_that_are_compared_take_room(records: tuple[VariantRecord, ...]) -> None:
    base, adapter, _ = records
    without = bytes_needed(adapter, base, "Q8_0", compared=False)
    assert bytes_needed(adapter, base, "Q8_0", compared=True) > without + 2200 * 2048 * 4
