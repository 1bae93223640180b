"""A variant is compared with what it was made from, end to end, by the real runtimes."""

from __future__ import annotations

from pathlib import Path

import pytest

from ragopt_tui.conversion.convert import convert_adapter, convert_model
from ragopt_tui.conversion.converter import Converter, converter_folder
from ragopt_tui.jobs.events import EventReader, Reporter
from ragopt_tui.models.store import VariantStore
from ragopt_tui.settings import folders
from ragopt_tui.verification.report import Report
from ragopt_tui.verification.verify import verify
from tests.verification.chains import record
from tests.verification.conftest import ChainOf


@pytest.fixture
def reporter(tmp_path: Path) -> Reporter:
    return Reporter(tmp_path / "events.jsonl")


def test_the_quantised_built_in_model_is_verified(reporter: Reporter) -> None:
    store = VariantStore(folders().models)
    report = verify(store, store.record("builtin-q8_0"), store.record("builtin"), (), reporter)
    assert report.verdict == "verified"
    assert report.step == "convert"
    assert 0 < (report.divergence or 0) < 0.008
    assert report.positions >= 2000
    assert sum(report.histogram[1]) == report.positions
    far = report.finding("distribution.kl_far")
    assert far is not None
    assert far.outcome == "passed"
    tokens = report.finding("tokens.ids")
    assert tokens is not None
    assert tokens.evidence["strings"] >= 3000
    assert any("No documents" in sentence for sentence in report.not_compared)
    assert report.answers[0].parent
    assert Report.from_json(report.to_json()) == report
    assert not list(store.folder.path.glob(".new-*"))
    stages = [event["stage"] for event in EventReader(reporter.folder / "events.jsonl").read()]
    assert list(dict.fromkeys(stages)) == [
        "reading files", "comparing files", "reading tokenizers", "comparing tokens",
        "loading built-in Q8_0", "computing predictions", "writing answers",
        "loading built-in bf16", "comparing predictions",
    ]  # fmt: skip


@pytest.mark.slow
def test_a_gguf_adapter_is_compared_on_its_base_with_the_live_one(
    chain_of: ChainOf, tmp_path: Path, reporter: Reporter
) -> None:
    chain = chain_of("llama")
    with pytest.MonkeyPatch.context() as without:
        without.delenv("RAGOPT_HOME")
        converter = Converter(converter_folder(folders().data), "")
    adapter, base = tmp_path / "adapter.gguf", tmp_path / "base.gguf"
    convert_model(converter, chain.base, base, "F16", reporter)
    convert_adapter(converter, chain.adapters[0], chain.base, adapter, reporter)
    store = VariantStore(tmp_path / "models")
    made = {"step": "convert", "of": "adapter0", "output": "adapter"}
    for each in (
        chain.record("base"),
        chain.record("adapter0"),
        record("base-gguf", "gguf", base, "base"),
        record("lora", "adapter", adapter, "base-gguf", made),
    ):
        store.folder.create(each)
    report = verify(store, store.record("lora"), store.record("adapter0"), (), reporter)
    assert report.step == "adapter gguf"
    assert report.verdict == "verified"
    assert 0 < (report.divergence or 0) < 2e-4
    wrong = verify(store, store.record("base-gguf"), store.record("adapter0"), (), reporter)
    assert wrong.verdict == "broken"
