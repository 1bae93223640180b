"""Charts: what is drawn and read is what was logged."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragopt_tui.ui.chart_canvas import DOTS_DOWN, Canvas
from ragopt_tui.ui.chart_drawing import LABELS, Picture, drawn, plot_columns, plotted, row_of
from ragopt_tui.ui.chart_lines import DrawnLine, Form, Window, reading, reduced
from ragopt_tui.ui.chart_scale import Scale, scale_over, ticks, written
from ragopt_tui.ui.widgets.chart_board import places

COLOURS = ("#111111", "#222222", "#333333")
VALUES = st.floats(-1e6, 1e6) | st.just(math.nan) | st.just(math.inf)
SERIES = st.lists(VALUES, min_size=1, max_size=400)


def line(
    values: Sequence[float], width: int, form: Form = "line", mark: str = "", cursor: float = 1e9
) -> DrawnLine:
    steps = range(1, len(values) + 1)
    window = Window(1, len(values))
    columns = reduced(steps, values, window, plot_columns(width))
    return DrawnLine("raw", 0, form, mark, columns, reading(steps, values, cursor))


@given(SERIES, st.integers(1, 90))
def test_each_column_holds_the_least_and_most_of_its_points(
    values: list[float], columns: int
) -> None:
    steps = list(range(1, len(values) + 1))
    window = Window(1, len(values))
    by_column: dict[int, list[float]] = {}
    for step, value in zip(steps, values, strict=True):
        if math.isfinite(value):
            by_column.setdefault(window.column(step, columns), []).append(value)
    found = {
        c.at: (c.first, c.last, c.low, c.high) for c in reduced(steps, values, window, columns)
    }
    assert found == {at: (v[0], v[-1], min(v), max(v)) for at, v in by_column.items()}


def test_a_window_keeps_the_neighbours_so_that_the_line_goes_on_to_the_edge() -> None:
    columns = reduced(range(1, 101), [float(n) for n in range(1, 101)], Window(50, 60), 11)
    assert [column.last for column in columns] == [float(n) for n in range(49, 62)]
    assert columns[0].at < 0
    assert columns[-1].at > 10


def test_a_line_that_only_passes_through_the_window_has_an_axis_of_its_own_values() -> None:
    columns = reduced([50, 100], [0.004, 0.006], Window(60, 90), 40)
    through = DrawnLine("evaluation", 0, "line", "", columns, None)
    assert Picture("Loss", Window(60, 90), (through,)).scale(40) == Scale(0.004, 0.006)


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=200))
def test_every_dot_stands_for_a_value_and_every_value_has_its_dot(values: list[float]) -> None:
    width, rows = 60, 12
    picture = Picture("Loss", Window(1, len(values)), (line(values, width, "dots"),))
    columns = plot_columns(width)
    scale = picture.scale(columns)
    dots = plotted(picture, scale, width - LABELS, rows).dots()
    expected = set()
    for step, value in enumerate(values, 1):
        expected.add((picture.window.column(step, columns), row_of(scale, value, rows * DOTS_DOWN)))
    assert dots <= expected
    for column in {at for at, _ in expected}:
        of_column = [row for at, row in expected if at == column]
        assert {min(of_column), max(of_column)} <= {row for at, row in dots if at == column}


def test_a_line_is_drawn_without_gaps() -> None:
    values = [0.0, 10.0, 3.0, 3.0, 9.0]
    picture = Picture("Loss", Window(1, 5), (line(values, 49),))
    dots = plotted(picture, picture.scale(80), 40, 10).dots()
    for column in range(80):
        assert any(at == column for at, _ in dots)
    for column in range(79):
        here = [row for at, row in dots if at == column]
        there = [row for at, row in dots if at == column + 1]
        assert min(there) <= max(here) + 1
        assert max(there) >= min(here) - 1


def test_what_is_read_is_the_last_value_logged_at_or_before_the_cursor() -> None:
    steps, values = [10, 20, 30], [1.5, 0.25, math.nan]
    assert reading(steps, values, 9) is None
    assert reading(steps, values, 20) == (found := reading(steps, values, 29.9))
    assert found is not None
    assert (found.step, found.value) == (20, 0.25)
    last = reading(steps, values, 1e9)
    assert last is not None
    assert math.isnan(last.value)


def test_the_title_names_each_line_with_its_value_at_the_cursor() -> None:
    values = [4.0, 3.0, 2.5, 2.25]
    lines = (line(values, 60, cursor=2), line(values, 60, "points", "◆", cursor=3))
    rows = drawn(Picture("Loss", Window(1, 4), lines, cursor=3, right="step 3"), 60, 12, COLOURS)
    assert rows[0].plain.split() == "Loss ━ raw 3 ◆ raw 2.5 at 3 step 3".split()
    assert len(rows) == 12
    assert {row.cell_length for row in rows} == {60}
    assert sum("◆" in row.plain for row in rows[1:]) == 4


def test_a_mark_names_a_line_without_colour() -> None:
    rows = drawn(
        Picture("Loss", Window(1, 4), (line([1.0, 2.0, 3.0, 4.0], 60, mark="A"),)), 60, 12, COLOURS
    )
    assert rows[1].plain.endswith("A")


def test_a_chart_without_points_says_so() -> None:
    rows = drawn(Picture("Loss", Window(0, 1), ()), 40, 6, COLOURS)
    assert "nothing logged yet" in rows[1].plain


@pytest.mark.parametrize("size", [(1, 1), (10, 2), (12, 3), (300, 80)])
def test_any_size_can_be_drawn(size: tuple[int, int]) -> None:
    picture = Picture("Loss", Window(1, 3), (line([1.0, math.nan, 3.0], size[0]),), cursor=2)
    assert len(drawn(picture, *size, COLOURS)) <= size[1]


def test_a_logarithmic_axis_leaves_out_what_it_cannot_show() -> None:
    picture = Picture("Loss", Window(1, 4), (line([0.0, 1.0, 100.0, 10.0], 60),), log=True)
    scale = picture.scale(plot_columns(60))
    assert (scale.low, scale.high, scale.log) == (1.0, 100.0, True)
    assert scale.place(10.0) == pytest.approx(0.5)
    assert ticks(scale, 5) == [1.0, 10.0, 100.0]
    assert drawn(picture, 60, 12, COLOURS)


@given(st.floats(-1e4, 1e4), st.floats(1e-3, 1e9), st.integers(1, 12))
def test_ticks_are_round_and_within_the_axis(low: float, width: float, most: int) -> None:
    scale = scale_over([low, low + width])
    found = ticks(scale, most)
    assert len(found) <= most
    room = (scale.high - scale.low) * 1e-6
    assert all(scale.low - room <= value <= scale.high + room for value in found)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.0, "0"),
        (1.23456, "1.235"),
        (0.0002, "2e-4"),
        (1.9e-5, "1.9e-5"),
        (1234.0, "1234"),
        (45678.0, "45.7k"),
        (math.nan, "–"),
        (None, "–"),
        (1e20, "1.00e+20"),
    ],
)
def test_values_are_written_short(value: float | None, said: str) -> None:
    assert written(value) == said


def test_bytes_are_written_in_their_units() -> None:
    assert written(1_073_741_824, "bytes") == "1.07 GB"
    assert written(0, "bytes") == "0 B"


def test_a_flat_line_stands_in_the_middle() -> None:
    assert scale_over([2.0, 2.0]) == Scale(1.0, 3.0)
    assert scale_over([0.0]) == Scale(-0.5, 0.5)
    assert scale_over([]) == Scale(0.0, 1.0)


def test_a_later_line_takes_the_place_where_two_meet() -> None:
    canvas = Canvas(2, 1)
    canvas.span(0, 0, 3, 0)
    canvas.dot(1, 2, 1)
    [first, second] = canvas.cells(0)
    assert (first.text, first.line) == ("⠠", 1)
    assert second.line == -1


@pytest.mark.parametrize("width", [70, 100, 129, 130, 190])
@pytest.mark.parametrize("height", [24, 31, 60])
@pytest.mark.parametrize("charts", [4, 5, 6])
def test_charts_do_not_overlap_and_stay_inside(width: int, height: int, charts: int) -> None:
    found = places(width, height, charts, 1)
    assert found[0].chart == 1
    assert len({place.chart for place in found}) == len(found) >= min(charts, 5)
    taken = set()
    for place in found:
        cells = {
            (row, column)
            for row in range(place.row, place.row + place.height)
            for column in range(place.column, place.column + place.width)
        }
        assert not taken & cells
        taken |= cells
        assert place.row + place.height <= height
        assert place.column + place.width <= width
        assert place.height >= 6


def test_a_small_board_shows_the_chart_that_was_chosen() -> None:
    assert [place.chart for place in places(78, 16, 5, 3)] == [3]
