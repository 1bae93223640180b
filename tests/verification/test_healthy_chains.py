"""Chains in which nothing went wrong raise no alarm."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from ragopt_tui.verification import corpus
from ragopt_tui.verification.report import Report
from tests.verification.chains import RECIPES, edit_json
from tests.verification.conftest import ChainOf
from tests.verification.running import by_files, verified
from tests.verification.sabotage import GEMMA, LLAMA, LONG, TIED, Case, healthy

FAST = (LLAMA, TIED, GEMMA, LONG)
STEPS = ("merged", "gguf", "quantised")
CHAINS = [pytest.param(n, marks=() if n in FAST else pytest.mark.slow) for n in RECIPES]


def assert_quiet(report: Report) -> None:
    alarms = [each for each in report.findings if each.outcome in ("failed", "degraded")]
    assert not alarms
    assert report.verdict == "verified"
    assert not report.causes


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("name", CHAINS)
def test_files_of_a_healthy_chain_raise_no_alarm(chain_of: ChainOf, name: str, step: str) -> None:
    report = by_files(healthy(chain_of(name), step))
    assert_quiet(report)
    compared = {each.check for each in report.findings if each.outcome == "passed"}
    assert {"files.complete", "weights.values", "weights.present"} <= compared


@pytest.mark.parametrize("name", CHAINS)
def test_a_quantised_file_is_compared_with_base_and_adapter_where_all_between_is_gone(
    chain_of: ChainOf, name: str
) -> None:
    chain = chain_of(name)
    made = chain.made["merged"] | {"to": chain.recipe.to}
    child = replace(chain.record("quantised"), made=made)
    others = tuple(chain.record(f"adapter{n}") for n in range(1, len(chain.adapters)))
    report = by_files(Case(child, chain.record("adapter0"), chain.record("base"), others))
    assert_quiet(report)
    assert report.finding("adapter.accounted") is not None


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n == LLAMA else pytest.mark.slow) for n in RECIPES]
)
def test_verifying_a_healthy_chain_raises_no_alarm(
    chain_of: ChainOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, step: str
) -> None:
    monkeypatch.setattr(corpus, "QUESTIONS", corpus.QUESTIONS[:1])
    report = verified(healthy(chain_of(name), step), tmp_path / "library")
    assert_quiet(report)
    assert report.divergence is not None


def test_a_merge_onto_four_bits_is_recognised_where_nothing_says_so(chain_of: ChainOf) -> None:
    case = healthy(chain_of("mistral onto nf4"), "merged")
    assert_quiet(by_files(replace(case, child=replace(case.child, made=None))))


def test_files_that_contradict_themselves_are_a_finding_and_no_crash(
    chain_of: ChainOf, tmp_path: Path
) -> None:
    case = healthy(chain_of(LLAMA), "merged")
    child = tmp_path / "child"
    shutil.copytree(case.child.variant.path, child)
    edit_json(child / "tokenizer.json", lambda values: values | {"model": ["no", "object"]})
    report = by_files(replace(case, child=chain_of(LLAMA).record("merged", child)))
    assert report.verdict == "degraded"
    assert "weights.values" in {each.check for each in report.findings if each.outcome == "passed"}
    assert report.causes
