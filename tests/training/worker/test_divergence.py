"""What the watch sees in a run's losses."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragopt_tui.training.worker.divergence import Warning, Watch
from tests.training.tiny_runs import config_of, events, tiny_set, trained


def seen(losses: Iterable[float], norm: float | None = 1.0) -> list[Warning]:
    watch = Watch()
    return [each for step, loss in enumerate(losses, 1) for each in watch.look(step, loss, norm)]


def kinds(losses: Iterable[float], norm: float | None = 1.0) -> list[str]:
    return [each.kind for each in seen(losses, norm)]


def falling(count: int) -> list[float]:
    return [0.4 + 2 * math.exp(-step / 20) + 0.1 * math.sin(step * 7) for step in range(count)]


def test_a_loss_that_falls_with_noise_is_no_cause_for_a_warning() -> None:
    assert kinds(falling(300)) == []


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_is_no_number_is_told_of_once_and_counted(loss: float) -> None:
    watch = Watch()
    found = [watch.look(step, loss) for step in (1, 2, 3)]
    assert [len(each) for each in found] == [1, 0, 0]
    assert found[0][0].kind == "nan"
    assert "learning_rate" in found[0][0].hint
    assert watch.broken == 3
    watch.look(4, 1.0)
    assert watch.broken == 0


def test_a_loss_that_rises_well_above_its_lowest_is_exploding() -> None:
    losses = [*falling(40), *(0.7 * 1.3**step for step in range(12))]
    found = seen(losses)
    assert [each.kind for each in found] == ["exploding"]
    assert 40 < found[0].step <= 50
    assert "risen from" in found[0].text


def test_one_odd_batch_is_not_exploding() -> None:
    losses = falling(80)
    losses[50] *= 2
    assert kinds(losses) == []


def test_a_loss_that_never_falls_is_flat() -> None:
    found = seen([2.3 + 0.05 * math.sin(step * 5) for step in range(100)])
    assert [each.kind for each in found] == ["flat"]
    assert found[0].step == 60
    assert "2e-4" in found[0].hint


def test_gradients_of_zero_are_told_of_before_the_loss_shows_it() -> None:
    found = seen([2.3] * 10, norm=0.0)
    assert [(each.step, each.kind) for each in found] == [(3, "flat")]
    assert "gradient is zero" in found[0].text


def test_a_loss_at_zero_is_told_of() -> None:
    assert kinds([*falling(20), *[2e-4] * 10]) == ["zero"]


@given(st.lists(st.floats(0, 50) | st.just(math.nan), max_size=150), st.none() | st.floats(0, 9))
def test_any_course_gives_each_kind_at_most_once_and_finite_words(
    losses: list[float], norm: float | None
) -> None:
    found = seen(losses, norm)
    assert len({each.kind for each in found}) == len(found)
    assert all(each.text and each.hint and "nan" not in each.text for each in found)


def test_a_run_with_a_learning_rate_of_10_says_what_it_sees_and_what_to_change(home: Path) -> None:
    tiny_set()
    config = config_of(
        "method: full\n", learning_rate=10, warmup_steps=0, eval_steps=0, save_steps=0, max_steps=6
    )
    told = events(trained(config)["job"], "watch")
    assert [each["kind"] for each in told] == ["exploding"]
    assert "risen from 8.96 to" in told[0]["text"]
    assert "learning_rate" in told[0]["hint"]
