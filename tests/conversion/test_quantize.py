"""Quantising: sizes, importance, and what llama.cpp refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from ragopt_tui.conversion.importance import Importance, measure_importance
from ragopt_tui.conversion.quantisations import QUANTISATIONS, quantisation
from ragopt_tui.conversion.quantize import quantize
from ragopt_tui.errors import RagoptError
from ragopt_tui.jobs.events import EventReader, JobCancelled, Reporter
from ragopt_tui.models.inspection import inspect
from ragopt_tui.models.variant import builtin_variants
from tests.conversion.conftest import BUILTIN

Q8 = next(variant.path for variant in builtin_variants() if variant.id == "builtin-q8_0")


@pytest.mark.parametrize("name", ["Q4_K_M", "Q4_0"])
def test_a_quantised_file_is_smaller_and_says_what_it_is(
    tmp_path: Path, reporter: Reporter, name: str
) -> None:
    target = tmp_path / "small.gguf"
    quantize(Q8, target, quantisation(name), reporter, requantize=True)
    assert target.stat().st_size < Q8.stat().st_size
    assert inspect(target).facts.quantisation == name


def test_progress_counts_tensors(tmp_path: Path, reporter: Reporter) -> None:
    quantize(Q8, tmp_path / "t.gguf", quantisation("Q4_0"), reporter, requantize=True)
    events = EventReader(tmp_path / "events.jsonl").read()
    counts = [event["done"] for event in events if event["stage"] == "quantising"]
    assert counts == sorted(counts)
    assert counts[-1] == events[-1]["total"]


def test_a_quantised_source_is_not_quantised_again_unasked(
    tmp_path: Path, reporter: Reporter
) -> None:
    target = tmp_path / "again.gguf"
    with pytest.raises(RagoptError, match="requantizing"):
        quantize(Q8, target, quantisation("Q4_0"), reporter)
    assert not target.exists()


def test_a_damaged_source_is_named(tmp_path: Path, reporter: Reporter) -> None:
    source = tmp_path / "cut.gguf"
    source.write_bytes(Q8.read_bytes()[:1_000_000])
    with pytest.raises(RagoptError, match=r"cut\.gguf could not be quantised"):
        quantize(source, tmp_path / "t.gguf", quantisation("Q4_0"), reporter)
    assert not (tmp_path / "t.gguf").exists()


def test_cancelling_leaves_nothing(tmp_path: Path, reporter: Reporter) -> None:
    reporter.cancel()
    with pytest.raises(JobCancelled):
        quantize(Q8, tmp_path / "t.gguf", quantisation("Q4_0"), reporter, requantize=True)
    assert not (tmp_path / "t.gguf").exists()


@pytest.mark.slow
def test_importance_is_measured_on_text_and_used(tmp_path: Path, reporter: Reporter) -> None:
    told: list[tuple[int, int]] = []
    text = "Revenue rose to 4.2 billion in fiscal 2023. " * 120
    importance = measure_importance(BUILTIN, [text], 512, lambda *now: told.append(now))
    assert told == [(512, 512)]
    assert importance.of_tensor["blk.0.ffn_down.weight"].shape == (1536,)
    assert all((values >= 0).all() for values in importance.of_tensor.values())
    small = quantisation("IQ2_XS")
    with pytest.raises(RagoptError, match="importance matrix"):
        quantize(Q8, tmp_path / "no.gguf", small, reporter, requantize=True)
    target = tmp_path / "yes.gguf"
    quantize(Q8, target, small, reporter, importance=importance, requantize=True)
    with_it = target.read_bytes()
    flat = Importance({n: v * 0 + 1 for n, v in importance.of_tensor.items()})
    quantize(Q8, tmp_path / "flat.gguf", small, reporter, importance=flat, requantize=True)
    assert (tmp_path / "flat.gguf").read_bytes() != with_it


def test_too_little_text_is_said(reporter: Reporter) -> None:
    with pytest.raises(RagoptError, match="512 or more"):
        measure_importance(BUILTIN, ["short"], 4096, lambda *now: None)


def test_quantisations_are_found_in_any_case_and_near_names_are_proposed() -> None:
    assert quantisation("q4_k_m").name == "Q4_K_M"
    with pytest.raises(RagoptError, match="q4km") as raised:
        quantisation("q4km")
    assert "Q4_K_M" in raised.value.hint


def test_more_bits_lose_less() -> None:
    known = sorted((q for q in QUANTISATIONS if q.divergence), key=lambda q: -q.bits)
    losses = [q.divergence for q in known if q.divergence]
    assert losses == sorted(losses)
