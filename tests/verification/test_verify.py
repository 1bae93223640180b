"""A variant is compared with what it was made from, end to end, by the real runtimes."""

from __future__ import annotations

from pathlib import Path

import pytest

from ragopt_tui.jobs.events import Reporter
from ragopt_tui.models.store import VariantStore
from ragopt_tui.settings import folders
from ragopt_tui.verification.report import Report
from ragopt_tui.verification.verify import verify


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
