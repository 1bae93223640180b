"""Verification of what cannot be verified: each trouble is said, and nothing is left behind."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import psutil
import pytest
from tokenizers import AddedToken
from transformers import AutoModelForCausalLM, AutoTokenizer

from ragopt_tui.errors import RagoptError
from ragopt_tui.jobs.events import JobCancelled, Reporter
from ragopt_tui.models.record import VariantRecord
from ragopt_tui.models.store import VariantStore
from ragopt_tui.settings import Settings
from ragopt_tui.verification.report import Report
from ragopt_tui.verification.verify import verify
from tests.verification.chains import Chain, record
from tests.verification.conftest import ChainOf
from tests.verification.rewriting import copy_gguf

TEXTS = ["Revenue rose to 4.2 billion in the year, and profit fell by 3 %. " * 12] * 30


class Cancelling(Reporter):
    """A reporter whose job is cancelled as soon as a stage is reached."""

    def __init__(self, file: Path, stage: str) -> None:
        super().__init__(file)
        self._stage = stage

    def progress(self, stage: str, *values: Any, **named: Any) -> None:
        if stage == self._stage:
            self.cancel()


@pytest.fixture(scope="module")
def chain(chain_of: ChainOf) -> Chain:
    return chain_of("llama")


@pytest.fixture
def reporter(tmp_path: Path) -> Reporter:
    return Reporter(tmp_path / "events.jsonl")


def library(tmp_path: Path, *records: VariantRecord) -> VariantStore:
    store = VariantStore(tmp_path / "models")
    for each in records:
        store.folder.create(each)
    return store


def verified(store: VariantStore, child: str, parent: str, reporter: Reporter) -> Report:
    return verify(store, store.record(child), store.record(parent), TEXTS, reporter)


def left_behind(store: VariantStore) -> list[Path]:
    return list(store.folder.path.glob(".new-*"))


@pytest.mark.parametrize(
    "stage",
    ["comparing tokens", "computing predictions", "writing answers", "comparing predictions"],
)
def test_cancelling_in_the_middle_leaves_nothing(chain: Chain, tmp_path: Path, stage: str) -> None:
    store = library(tmp_path, chain.record("merged"), chain.record("gguf"))
    before = set(psutil.Process().children(recursive=True))
    with pytest.raises(JobCancelled):
        verified(store, "gguf", "merged", Cancelling(tmp_path / "events.jsonl", stage))
    assert not set(psutil.Process().children(recursive=True)) - before
    assert not left_behind(store)
    assert store.record("gguf").verification is None


def test_a_child_that_crashes_llama_cpp_is_broken(
    chain: Chain, tmp_path: Path, reporter: Reporter
) -> None:
    def twice(fields: dict[str, Any]) -> None:
        tokens = fields["tokenizer.ggml.tokens"]
        tokens[300] = tokens[301]

    file = copy_gguf(chain.gguf, tmp_path / "twice.gguf", fields=twice)
    store = library(tmp_path, chain.record("merged"), chain.record("gguf", file))
    report = verified(store, "gguf", "merged", reporter)
    assert report.verdict == "broken"
    finding = report.finding("child.loads")
    assert finding is not None
    assert finding.evidence["crashed"]
    assert "token_to_id" in finding.sentence
    assert report.causes
    assert any("nothing was compared" in each for each in report.not_compared)


def test_a_parent_that_does_not_run_proves_nothing(
    chain: Chain, tmp_path: Path, reporter: Reporter
) -> None:
    def twice(fields: dict[str, Any]) -> None:
        tokens = fields["tokenizer.ggml.tokens"]
        tokens[300] = tokens[301]

    file = copy_gguf(chain.gguf, tmp_path / "twice.gguf", fields=twice)
    store = library(tmp_path, chain.record("gguf", file), chain.record("quantised"))
    report = verified(store, "quantised", "gguf", reporter)
    assert report.verdict != "verified"
    finding = report.finding("parent.loads")
    assert finding is not None
    assert finding.outcome == "degraded"
    assert report.finding("child.loads") is None


def test_a_base_that_is_gone_is_named(chain: Chain, tmp_path: Path, reporter: Reporter) -> None:
    base = tmp_path / "the-base"
    shutil.copytree(chain.base, base)
    store = library(
        tmp_path, chain.record("base", base), chain.record("adapter0"), chain.record("merged")
    )
    child, parent = store.record("merged"), store.record("adapter0")
    shutil.rmtree(base)
    with pytest.raises(RagoptError, match="the-base"):
        verify(store, child, parent, TEXTS, reporter)


def test_a_vocabulary_extended_on_purpose_is_compared_in_common_and_that_is_said(
    chain: Chain, tmp_path: Path, reporter: Reporter
) -> None:
    wider = tmp_path / "wider"
    shutil.copytree(chain.merged, wider)
    for file in wider.glob("*.safetensors*"):
        file.unlink()
    model: Any = AutoModelForCausalLM.from_pretrained(chain.merged, dtype="auto")
    model.resize_token_embeddings(386, mean_resizing=False)
    model.save_pretrained(wider)
    tokenizer = AutoTokenizer.from_pretrained(chain.merged)
    tokenizer.add_tokens([AddedToken(text, normalized=False) for text in ("ebitda", "capex")])
    tokenizer.save_pretrained(wider)
    child = record("wider", "merged", wider, "merged")
    store = library(tmp_path, chain.record("merged"), child)
    report = verified(store, "wider", "merged", reporter)
    assert report.divergence is not None
    assert report.divergence < 1e-6
    tokens = report.finding("tokens.ids")
    assert tokens is not None
    assert tokens.outcome == "passed"
    assert any("Tokens from 384 on" in each for each in report.not_compared)


def test_what_does_not_fit_in_memory_is_compared_by_layers_and_that_is_said(
    chain: Chain, tmp_path: Path, reporter: Reporter
) -> None:
    store = library(tmp_path, chain.record("merged"), chain.record("gguf"))
    child, parent = store.record("gguf"), store.record("merged")
    report = verify(store, child, parent, TEXTS, reporter, memory=1)
    assert report.verdict == "verified"
    layers = report.finding("slices.logits")
    assert layers is not None
    assert layers.measured is not None
    assert layers.measured < 1e-6
    assert report.divergence is None
    assert any("do not fit in memory: layers 0, 1 " in each for each in report.not_compared)
    assert not left_behind(store)


def test_the_settings_decide_what_is_too_much(
    chain: Chain, tmp_path: Path, reporter: Reporter
) -> None:
    store = library(tmp_path, chain.record("gguf"), chain.record("quantised"))
    child, parent = store.record("quantised"), store.record("gguf")
    strict = Settings(verification={"Q4_K_M.kl_mean": [1e-9, 1e-8]})
    report = verify(store, child, parent, TEXTS, reporter, strict)
    assert report.verdict == "broken"
    mean = report.finding("distribution.kl_mean")
    assert mean is not None
    assert mean.limit == 1e-8
    assert report.step == "quantise"


def test_a_disk_without_room_for_predictions_is_said(
    chain: Chain, tmp_path: Path, reporter: Reporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = library(tmp_path, chain.record("merged"), chain.record("gguf"))
    small = type("Usage", (), {"free": 1000})()
    monkeypatch.setattr(shutil, "disk_usage", lambda path: small)
    with pytest.raises(RagoptError, match="Comparing predictions needs"):
        verified(store, "gguf", "merged", reporter)
    assert not left_behind(store)
