"""Limits judge a value, have a source, and can be changed in the settings."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from ragopt_tui.conversion.quantisations import OUTPUT_TYPES, QUANTISATIONS
from ragopt_tui.errors import RagoptError
from ragopt_tui.settings import load_settings
from ragopt_tui.verification.thresholds import TABLE, Measure, Thresholds, row

KINDS = [*OUTPUT_TYPES, *(each.name for each in QUANTISATIONS)]


@pytest.mark.parametrize("kind", [*TABLE, *KINDS])
def test_every_type_has_limits_that_grow_and_a_source(kind: str) -> None:
    limits = Thresholds(kind)
    assert limits.source
    for measure in get_args(Measure):
        degraded, broken = limits.limits(measure)
        assert (degraded > broken) == (measure == "same_top")


def test_fewer_bits_may_lose_more() -> None:
    order = ["F32", "F16", "BF16", "Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q3_K_M", "Q2_K"]
    for measure in ("kl_mean", "kl_p99", "perplexity", "slice_distance"):
        values = [Thresholds(kind).limits(measure)[0] for kind in order]  # type: ignore[arg-type]
        assert values == sorted(values)


def test_published_divergences_pass_for_every_type() -> None:
    for each in QUANTISATIONS:
        if each.divergence is not None:
            assert Thresholds(each.name).outcome("kl_mean", each.divergence[1])[0] == "passed"


def test_values_are_passed_degraded_or_failed() -> None:
    limits = Thresholds("Q4_K_M")
    degraded, broken = limits.limits("kl_mean")
    assert limits.outcome("kl_mean", degraded) == ("passed", degraded)
    assert limits.outcome("kl_mean", broken) == ("degraded", degraded)
    assert limits.outcome("kl_mean", 2 * broken) == ("failed", broken)
    assert limits.outcome("kl_mean", float("nan"))[0] == "failed"
    assert limits.outcome("same_top", 0.99)[0] == "passed"
    assert limits.outcome("same_top", 0.01)[0] == "failed"


def test_every_quantisation_has_a_row_of_its_bits() -> None:
    assert [row(kind) for kind in ("IQ4_XS", "Q5_1", "Q3_K_L", "IQ2_XS", "IQ1_S", "TQ1_0")] == [
        "Q4", "Q5", "Q3", "Q2", "Q2", "Q2",
    ]  # fmt: skip


def test_the_settings_change_limits_of_a_type_or_its_row(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('[verification]\n"Q4_K_M.kl_mean" = [0.5, 2]\n"Q5.same_top" = [0.9, 0.8]\n')
    chosen = load_settings(file).verification
    assert Thresholds("Q4_K_M", chosen).outcome("kl_mean", 0.4) == ("passed", 0.5)
    assert Thresholds("Q4_K_M", chosen).limits("kl_p99") == (10.0, 40.0)
    assert Thresholds("Q5_K_M", chosen).limits("same_top") == (0.9, 0.8)
    assert Thresholds("Q6_K", chosen).limits("kl_mean") == Thresholds("Q6_K").limits("kl_mean")


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("Q4_K_M.kl_men", [1, 2], "kl_mean"),
        ("kl_mean", [1, 2], "Q4_K_M.kl_mean"),
        ("Q4_K_M.kl_mean", 0.5, "two numbers"),
        ("Q4_K_M.kl_mean", [1, "x"], "two numbers"),
        ("Q4_K_M.nonsense", [1, 2], "measures are"),
    ],
)
def test_a_setting_that_is_no_limit_is_named(key: str, value: object, said: str) -> None:
    with pytest.raises(RagoptError) as error:
        Thresholds("Q4_K_M", {key: value})
    assert said in str(error.value)
    assert key in error.value.message
