"""What a verification found survives its file, and its verdict is the worst finding."""

from __future__ import annotations

import json
import math

import pytest

from ragopt_tui.errors import RagoptError
from ragopt_tui.models.inspection import REPORT_FILE
from ragopt_tui.verification.report import (
    Answers,
    Cause,
    Finding,
    Outcome,
    Position,
    Report,
)
from ragopt_tui.verification.stored import stored_report
from tests.ui.library_records import GONE, MISTRAL, put
from tests.ui.made_reports import keep, store


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


def test_a_report_survives_its_file() -> None:
    put(GONE, MISTRAL)
    report = Report(
        child="old-gguf",
        parent="mistral-7b",
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
    keep(report)
    assert stored_report(store(), "old-gguf") == report
    folder = store().folder.path / "old-gguf"
    assert sorted(each.name for each in folder.iterdir()) == [REPORT_FILE, "variant.json"]


def test_the_summary_of_numbers_that_are_not_finite_is_plain_json() -> None:
    findings = (Finding("distribution.kl_mean", "failed", "It is nan.", math.nan),)
    summary = Report("c", "p", "merge", findings).summary()
    assert json.loads(json.dumps(summary, allow_nan=False))["kl"] is None
    assert summary["verdict"] == "broken"


def test_a_variant_that_was_not_verified_has_no_report() -> None:
    put(GONE)
    assert stored_report(store(), "old-gguf") is None


@pytest.mark.parametrize(
    "text", ["", "[]", '{"child": "c"}', '{"child": "c", "parent": "p", "step": "x"}']
)
def test_a_damaged_report_is_named(text: str) -> None:
    put(GONE)
    (store().folder.path / "old-gguf" / REPORT_FILE).write_text(text)
    with pytest.raises(RagoptError, match="report"):
        stored_report(store(), "old-gguf")
