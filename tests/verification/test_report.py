"""What a verification found survives its file, and its verdict is the worst finding."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from ragopt_tui.errors import RagoptError
from ragopt_tui.verification.report import (
    REPORT_FILE,
    Answers,
    Cause,
    Finding,
    Outcome,
    Position,
    Report,
    read_report,
    write_report,
)


def _report(*outcomes: Outcome) -> Report:
    findings = tuple(Finding(f"check.{n}", each, "A sentence.") for n, each in enumerate(outcomes))
    return Report("child", "parent", "convert", findings)


def test_the_worst_finding_is_the_verdict() -> None:
    assert _report("passed", "passed").verdict == "verified"
    assert _report("passed", "degraded").verdict == "degraded"
    assert _report("degraded", "failed", "passed").verdict == "broken"
    assert _report("passed", "not compared").verdict == "verified"


def test_what_was_not_compared_at_all_is_not_verified() -> None:
    assert _report().verdict == "degraded"
    assert _report("not compared").verdict == "degraded"


def test_a_report_survives_its_file(tmp_path: Path) -> None:
    report = Report(
        child="c",
        parent="p",
        step="quantise",
        findings=(
            Finding("distribution.kl_mean", "failed", "It differs.", 2.5, 0.1, {"far": [1, 2]}),
            Finding("finite.logits", "failed", "They are not finite.", math.inf),
        ),
        causes=(Cause("rope", "Another theta.", "10000 for 500000", "Convert again.", 0.9),),
        histogram=((0.0, 0.1, 1.0), (7, 3)),
        worst=(Position("before", "token", 4.0, "a", "b"),),
        answers=(Answers("What?", "This.", "That."),),
        positions=10,
        seconds=1.5,
        made=123.0,
        not_compared=("No documents were given.",),
    )
    write_report(report, tmp_path)
    assert read_report(tmp_path) == report
    assert [each.name for each in tmp_path.iterdir()] == [REPORT_FILE]


def test_the_summary_of_numbers_that_are_not_finite_is_plain_json() -> None:
    findings = (Finding("distribution.kl_mean", "failed", "It is nan.", math.nan),)
    summary = Report("c", "p", "merge", findings).summary()
    assert json.loads(json.dumps(summary, allow_nan=False))["kl"] is None
    assert summary["verdict"] == "broken"


def test_a_folder_without_a_report_has_none(tmp_path: Path) -> None:
    assert read_report(tmp_path) is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"child": "c", "parent": "p", "step": "x"}'])
def test_a_damaged_report_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / REPORT_FILE).write_text(text)
    with pytest.raises(RagoptError, match=REPORT_FILE):
        read_report(tmp_path)
