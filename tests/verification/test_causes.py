"""Causes are reasoned from findings, most probable first, and none is invented."""

from __future__ import annotations

from typing import Any

import pytest

from ragopt_tui.verification.causes import diagnose
from ragopt_tui.verification.report import Finding, Outcome


def finding(check: str, outcome: Outcome = "failed", **evidence: Any) -> Finding:
    return Finding(check, outcome, f"What {check} found.", 1.0, 0.0, evidence)


EQUAL = [finding(f"weights.{part}", "passed") for part in ("values", "present", "shapes")]


def divergence(means: list[float]) -> Finding:
    by_position = [[64 * n, 64 * n + 64, mean, 64] for n, mean in enumerate(means)]
    return finding("distribution.kl_mean", by_position=by_position, context=512)


def names(*findings: Finding) -> list[str]:
    return [each.name for each in diagnose(findings)]


def test_nothing_wrong_has_no_cause() -> None:
    assert names(*EQUAL, finding("distribution.kl_mean", "passed")) == []
    assert names(finding("weights.values", "not compared")) == []


def test_later_positions_alone_point_to_positions() -> None:
    growing = divergence([1e-5, 1e-5, 2e-4, 0.1, 0.3, 0.4, 0.5, 0.6])
    assert names(*EQUAL, growing)[0] == "positions"
    assert "From position 256" in diagnose([*EQUAL, growing])[0].evidence


def test_even_divergence_of_equal_weights_points_to_arithmetic() -> None:
    assert names(*EQUAL, divergence([0.2] * 8)) == ["other arithmetic"]


def test_even_divergence_of_a_quantised_file_points_to_too_few_bits() -> None:
    kind = finding("quantisation.type", "passed", main="Q2_K")
    assert names(*EQUAL, kind, divergence([0.9] * 8)) == ["too few bits"]


def test_divergence_without_a_look_at_files_is_only_said_to_be_there() -> None:
    found = diagnose([divergence([0.2] * 8)])
    assert [each.name for each in found] == ["weights differ"]
    assert found[0].score < 0.5


def test_other_tokens_explain_other_predictions() -> None:
    tokens = finding("tokens.ids", kinds={"digits": 40, "prose": 2})
    found = diagnose([*EQUAL, tokens, divergence([0.4] * 8)])
    assert [each.name for each in found] == ["wrong pre-tokenizer"]
    assert "digits" in found[0].evidence


def test_special_tokens_read_otherwise_are_told_from_split_text() -> None:
    assert names(finding("tokens.ids", kinds={"special": 7})) == ["wrong token types"]


def test_a_twice_put_beginning_is_told_from_a_missing_one() -> None:
    twice = Finding("template.bos", "failed", "Two.", 2.0, 1.0, {"child": [2, 2], "parent": [1, 1]})
    none = Finding("template.bos", "failed", "None.", 0.0, 1.0, {"child": [0, 0], "parent": [1, 1]})
    assert names(twice) == ["double BOS"]
    assert names(none) == ["missing BOS"]


def test_answers_that_run_on_point_to_their_end() -> None:
    assert names(finding("ending.turn")) == ["answers do not end"]
    assert names(finding("ending.eos"), finding("ending.turn")) == ["wrong EOS"]


def test_a_child_that_crashes_keeps_the_words_of_the_runtime() -> None:
    crashed = Finding("child.loads", "failed", "llama.cpp was ended by SIGABRT.", evidence={})
    (found,) = diagnose([crashed])
    assert found.name == "cannot be run"
    assert "SIGABRT" in found.evidence


def test_a_reason_in_files_goes_before_the_crash_that_it_makes() -> None:
    types = finding("vocabulary.merges", missing=True)
    assert names(types, finding("child.loads"))[0] == "other merges"


def test_what_is_not_known_is_said_to_be_unknown() -> None:
    (found,) = diagnose([finding("something.new")])
    assert found.name == "unknown"
    assert found.score <= 0.1


@pytest.mark.parametrize("missing", ["norm", "bias", "head", "q"])
def test_missing_tensors_are_named_by_what_they_do(missing: str) -> None:
    found = names(finding("weights.present", missing=["x"], **{"missing roles": [missing]}))
    wanted = {"norm": "lost norms", "bias": "lost biases", "head": "lost head"}
    assert found == [wanted.get(missing, "missing tensors")]


def test_causes_are_in_the_order_of_their_scores() -> None:
    shapes = {"tensors": {"lm_head.weight": {"shapes": [[400, 64], [384, 64]], "role": "head"}}}
    found = diagnose(
        [
            finding("weights.shapes", **shapes),
            finding("weights.format"),
            finding("template.text", missing=True),
        ]
    )
    scores = [each.score for each in found]
    assert scores == sorted(scores, reverse=True)
    assert len(found) == 3
