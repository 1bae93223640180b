"""How numbers, places and names are written."""

from __future__ import annotations

from datetime import datetime

import pytest
from rich.cells import cell_len

from ragopt_tui.chat.places import place
from ragopt_tui.ui.wording import (
    count,
    day,
    duration,
    progress_bar,
    shorten,
    speaker,
    time_needed,
    when,
)

NOW = datetime(2025, 3, 14, 12, 0)


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0.31, "0.3 s"),
        (9.96, "10 s"),
        (42, "42 s"),
        (170, "3 min"),
        (3600, "1 h"),
        (7500, "2 h 5 min"),
    ],
)
def test_durations(seconds: float, written: str) -> None:
    assert duration(seconds) == written


def test_counts_have_their_plural_and_thousands() -> None:
    assert count(1, "document") == "1 document"
    assert count(12345, "passage") == "12,345 passages"


def test_places_with_and_without_pages() -> None:
    assert place(3, 41, 48) == "page 3, lines 41–48"
    assert place(None, 7, 7) == "line 7"


@pytest.mark.parametrize("width", [5, 8, 20, 33])
def test_shortened_names_fit_and_keep_start_and_ending(width: int) -> None:
    name = "northwind_annual_report_fiscal_year_2023.pdf"
    short = shorten(name, width)
    assert cell_len(short) == width
    assert short.startswith(name[:1])
    assert short.endswith(name[-2:])
    assert shorten("a.md", width) == "a.md"


@pytest.mark.parametrize("name", ["決算短信二〇二三年三月期連結.pdf", "a\nb\x1b[31m[red].md"])
def test_shortened_names_fit_in_cells_and_hold_no_controls(name: str) -> None:
    short = shorten(name, 12)
    assert cell_len(short) <= 12
    assert short.isprintable()


def test_speakers() -> None:
    assert speaker("quotes") == "quotes — verbatim"
    assert speaker("builtin-q8_0") == "built-in Q8_0 — generated"
    assert speaker("/models/qwen.gguf") == "qwen.gguf — generated"


@pytest.mark.parametrize(("fraction", "done"), [(0, 0), (0.5, 5), (1, 10), (7, 10), (-1, 0)])
def test_progress_bars_have_one_width(fraction: float, done: int) -> None:
    assert progress_bar(fraction, 10) == "━" * done + "─" * (10 - done)


@pytest.mark.parametrize(
    ("moment", "time", "date"),
    [
        (datetime(2025, 3, 14, 9, 5), "09:05", "09:05"),
        (datetime(2025, 3, 13, 23, 59), "13 March, 23:59", "13 March"),
        (datetime(2024, 3, 14, 12, 0), "14 March 2024, 12:00", "14 March 2024"),
    ],
)
def test_times_name_no_more_of_the_date_than_is_needed(
    moment: datetime, time: str, date: str
) -> None:
    assert (when(moment, NOW), day(moment, NOW)) == (time, date)


def test_how_long_something_takes_is_said_by_earlier_runs_or_that_there_are_none() -> None:
    assert time_needed(400.0) == "About 7 min, as earlier runs here took."
    assert "not known yet" in time_needed(None)
