"""Every fault of the suite is found, and its cause is named first."""

from __future__ import annotations

from pathlib import Path

import pytest

from ragopt_tui.verification import corpus
from ragopt_tui.verification.report import Report
from tests.verification.conftest import ChainOf
from tests.verification.running import by_files, row, verified
from tests.verification.sabotage import FAULTS, Fault

WHOLE = ("unpermuted q and k", "lost head of a tied base", "truncated file")
"""Those that are verified in whole with the fast tests; with the slow ones all are."""


def fault_of(name: str) -> Fault:
    return next(fault for fault in FAULTS if fault.name == name)


def assert_named(fault: Fault, report: Report) -> None:
    print(row(fault, report))
    assert report.verdict in ("degraded", "broken")
    assert report.causes
    assert report.causes[0].name in fault.right
    for cause in report.causes:
        assert cause.sentence.endswith(".")
        assert cause.evidence
        assert cause.remedy.endswith((".", ")"))


SLOW_CHAINS = ("phi3", "qwen2 tied")
"""Chains that only one fault needs, and the converter for them."""


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(f.name, marks=pytest.mark.slow if f.chain in SLOW_CHAINS else ())
        for f in FAULTS
    ],
)
def test_a_fault_is_told_from_files_alone(chain_of: ChainOf, tmp_path: Path, name: str) -> None:
    fault = fault_of(name)
    assert_named(fault, by_files(fault.inject(chain_of(fault.chain), tmp_path)))


@pytest.mark.parametrize(
    "name",
    [pytest.param(f.name, marks=() if f.name in WHOLE else pytest.mark.slow) for f in FAULTS],
)
def test_a_verification_finds_the_fault(
    chain_of: ChainOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(corpus, "QUESTIONS", corpus.QUESTIONS[:1])
    fault = fault_of(name)
    case = fault.inject(chain_of(fault.chain), tmp_path)
    assert_named(fault, verified(case, tmp_path / "library"))


def test_a_healthy_report_has_no_cause(chain_of: ChainOf) -> None:
    from tests.verification.sabotage import LLAMA, healthy

    report = by_files(healthy(chain_of(LLAMA), "merged"))
    assert report.verdict == "verified"
    assert report.causes == ()
