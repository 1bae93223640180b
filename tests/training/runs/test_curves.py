"""Curves hold what the events say, while they grow and after a resume."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragopt_tui.jobs.folder import JobFolder, JobSpec
from ragopt_tui.jobs.job import Job
from ragopt_tui.training.runs.curves import POINTS, Curves, Series, downsampled, smoothed


def job(folder: Path) -> Job:
    folder.mkdir(exist_ok=True)
    return Job(JobFolder(folder), JobSpec(folder.name, "train", "t", "t", {}))


def point(step: int, **values: Any) -> dict[str, Any]:
    rng = random.Random(step)
    made = {name: rng.uniform(1e-7, 5) for name in POINTS}
    return {"time": 1.5, "type": "train", "step": step, **made, "gpu_bytes": None, **values}


def append(job: Job, *events: dict[str, Any]) -> None:
    with job.folder.events_file.open("a") as stream:
        for event in events:
            stream.write(json.dumps(event, separators=(",", ":")) + "\n")


def progress(step: int) -> dict[str, Any]:
    return {"time": 1.0, "type": "progress", "stage": "training", "done": step}


def test_every_value_is_that_of_the_file(tmp_path: Path) -> None:
    run = job(tmp_path / "a")
    written = [point(step) for step in range(1, 9001)]
    for event in written:
        append_to(run, event)
    curves = Curves([run])
    assert curves.read()
    for name in POINTS:
        series = curves.series[name]
        assert list(series.steps) == [event["step"] for event in written]
        wanted = [math.nan if event[name] is None else event[name] for event in written]
        assert all(map(same, series.values, wanted))
    assert not curves.read()
    assert curves.series["loss"].steps[-1] == 9000


def append_to(run: Job, event: dict[str, Any]) -> None:
    append(run, event, progress(event["step"]))


def same(left: float, right: float) -> bool:
    return left == right or (math.isnan(left) and math.isnan(right))


@given(
    loss=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    rate=st.floats(0, 1e300),
    tokens=st.integers(0, 2**60),
)
def test_numbers_of_any_size_are_read_as_json_reads_them(
    tmp_path_factory: pytest.TempPathFactory, loss: float | None, rate: float, tokens: int
) -> None:
    run = job(tmp_path_factory.mktemp("run"))
    append(run, point(1, loss=loss, learning_rate=rate, tokens=tokens))
    curves = Curves([run])
    curves.read()
    assert same(curves.series["loss"].values[0], math.nan if loss is None else loss)
    assert curves.series["learning_rate"].values[0] == rate
    assert curves.series["tokens"].values[0] == float(tokens)


def test_only_what_is_new_is_read_and_half_a_line_waits_for_its_rest(tmp_path: Path) -> None:
    run = job(tmp_path / "a")
    curves = Curves([run])
    assert not curves.read()
    append(run, point(1))
    line = json.dumps(point(2), separators=(",", ":")).encode() + b"\n"
    with run.folder.events_file.open("ab") as stream:
        stream.write(line[:40])
        stream.flush()
        assert curves.read()
        assert list(curves.series["loss"].steps) == [1]
        stream.write(line[40:])
    assert curves.read()
    assert list(curves.series["loss"].steps) == [1, 2]


def test_lines_that_are_damaged_or_lack_a_value_spoil_no_others(tmp_path: Path) -> None:
    run = job(tmp_path / "a")
    lacking = point(2)
    del lacking["grad_norm"]
    append(run, point(1), lacking)
    with run.folder.events_file.open("ab") as stream:
        stream.write(b'{"time":1,"type":"train","step":3,"loss"\n\xff\n[]\n')
    append(run, point(4))
    curves = Curves([run])
    curves.read()
    assert list(curves.series["loss"].steps) == [1, 2, 4]
    assert math.isnan(curves.series["grad_norm"].values[1])


def test_names_in_another_order_and_a_lost_brace_mix_up_no_values(tmp_path: Path) -> None:
    run = job(tmp_path / "a")
    head = {"time": 1.5, "type": "train"}
    events = [point(1), head | dict(reversed(point(2).items())), point(3)]
    lines = [json.dumps(event, separators=(",", ":")) for event in events]
    without_brace = json.dumps(point(4, host_bytes=12), separators=(",", ":"))[:-1]
    with run.folder.events_file.open("a") as stream:
        stream.write("\n".join([*lines, without_brace]) + "\n")
    curves = Curves([run])
    curves.read()
    for name in POINTS:
        assert list(curves.series[name].steps) == [1, 2, 3]
        wanted = [math.nan if event[name] is None else event[name] for event in events]
        assert all(map(same, curves.series[name].values, wanted))


def test_a_resumed_job_goes_on_where_its_checkpoint_was(tmp_path: Path) -> None:
    first, second = job(tmp_path / "a"), job(tmp_path / "b")
    for step in range(1, 9):
        append(first, point(step, loss=1.0))
    append(first, {"time": 1, "type": "evaluation", "step": 4, "loss": 0.4})
    append(first, {"time": 1, "type": "evaluation", "step": 8, "loss": 0.8})
    append(first, {"time": 1, "type": "sample", "step": 8, "prompt": "a", "text": "b"})
    append(second, {"time": 2, "type": "resumed", "step": 5})
    for step in (6, 7):
        append(second, point(step, loss=2.0))
    curves = Curves([first, second])
    curves.read()
    assert list(curves.series["loss"].steps) == [1, 2, 3, 4, 5, 6, 7]
    assert list(curves.series["loss"].values) == [1.0] * 5 + [2.0] * 2
    assert list(curves.series["evaluation_loss"].values) == [0.4]
    assert curves.samples == []
    follower = Curves([first])
    follower.read()
    follower.follow([first, second])
    follower.read()
    assert follower.series["loss"] == curves.series["loss"]


def test_what_else_a_run_says_is_kept(tmp_path: Path) -> None:
    run = job(tmp_path / "a")
    watch = {"time": 1, "type": "watch", "step": 3, "kind": "nan", "text": "x", "hint": "y"}
    checkpoint = {"time": 1, "type": "checkpoint", "step": 4, "variant": "v", "best": True}
    plan = {"time": 1, "type": "plan", "name": "n"}
    append(run, plan, watch, checkpoint, {"time": 1, "type": "message", "text": "m"})
    curves = Curves([run])
    curves.read()
    assert (curves.plan, curves.watches, curves.checkpoints) == (plan, [watch], [checkpoint])
    assert [each["text"] for each in curves.messages] == ["m"]


def test_the_value_at_a_step_is_that_of_the_last_point_up_to_it() -> None:
    series = Series()
    series.steps.extend([10, 20])
    series.values.extend([1.0, 2.0])
    assert math.isnan(series.at(9))
    assert [series.at(step) for step in (10, 19, 20, 99)] == [1.0, 1.0, 2.0, 2.0]


def test_smoothing_begins_at_the_first_value_and_passes_over_nan() -> None:
    means = smoothed([4.0, 2.0, math.nan, 2.0], 0.5)
    assert list(means[:2]) == pytest.approx([4.0, (0.5 * 0.5 * 4 + 0.5 * 2) / 0.75])
    assert means[2] == means[1]
    assert means[3] < means[1]
    assert list(smoothed([3.0, 1.0], 0.0)) == [3.0, 1.0]


@given(st.lists(st.floats(-5, 5) | st.just(math.nan), max_size=120), st.integers(1, 40))
def test_downsampling_keeps_every_extreme_and_covers_every_step(
    values: list[float], columns: int
) -> None:
    series = Series()
    series.steps.extend(range(1, len(values) + 1))
    series.values.extend(values)
    found = downsampled(series, columns)
    assert len(found) <= columns
    for first, last, low, high in found:
        inside = [value for value in values[first - 1 : last] if value == value]
        assert (low, high) == (min(inside), max(inside))
    finite = [value for value in values if value == value]
    if finite:
        assert min(each[2] for each in found) == min(finite)
        assert max(each[3] for each in found) == max(finite)


def test_a_point_without_a_step_is_passed_over(tmp_path: Path) -> None:
    run = job(tmp_path / "a")
    events = [point(1), point(2) | {"step": None}, point(3)]
    with run.folder.events_file.open("a") as stream:
        stream.writelines(json.dumps(event, separators=(",", ":")) + "\n" for event in events)
    curves = Curves([run])
    curves.read()
    assert list(curves.series["loss"].steps) == [1, 3]
