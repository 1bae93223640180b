"""How counts, times and names are written on the screen."""

from __future__ import annotations

from datetime import datetime

from rich.cells import cell_len

from ragopt_tui.models.variant import variant_name
from ragopt_tui.plaintext import one_line

MUTED = "$foreground 65%"
"""The style of what is said beside the point: places, times, hints."""


def count(number: int, noun: str) -> str:
    """Give a number with its noun: `1 document`, `1,204 passages`."""
    return f"{number:,} {noun if number == 1 else noun + 's'}"


def duration(seconds: float, whole: bool = False) -> str:
    """Give seconds as people say them: `0.3 s` (or `1 s` when whole), `42 s`, `3 min`, `2 h 5 min`."""
    if seconds < 9.95 and not whole:
        return f"{seconds:.1f} s"
    if seconds < 99.5:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def percent(fraction: float | None) -> str:
    """Say how much is done: `43%`, or nothing where it is not known."""
    return "" if fraction is None else f"{fraction:.0%}"


def time_left(seconds: float | None) -> str:
    """Say what is left of something under way: `12 s left`, or nothing where it is not known."""
    return "" if seconds is None else f"{duration(seconds, whole=True)} left"


def time_needed(seconds: float | None) -> str:
    """Say how long something takes by what earlier runs of it took; None where there are none."""
    if seconds is None:
        return "How long it takes is not known yet: no earlier run here tells it."
    return f"About {duration(seconds, whole=True)}, as earlier runs here took."


def when(moment: datetime, now: datetime) -> str:
    """Give a time: `12:00` of today, `14 March, 12:00` of this year, else with its year."""
    time = f"{moment:%H:%M}"
    return time if moment.date() == now.date() else f"{day(moment, now)}, {time}"


def day(moment: datetime, now: datetime) -> str:
    """Give a day without its time, unless it is today: `12:00`, `14 March`, `14 March 2024`."""
    if moment.date() == now.date():
        return f"{moment:%H:%M}"
    year = "" if moment.year == now.year else f" {moment.year}"
    return f"{moment.day} {moment:%B}{year}"


def shorten(name: str, width: int) -> str:
    """Cut the middle out of a name, so that its start and its ending stay readable."""
    name = one_line(name, 4096)
    if cell_len(name) <= width:
        return name
    tail = max(0, (width - 1) * 3 // 5)
    head = max(0, width - 1 - tail)
    return f"{_cut(name, head)}…{_cut(name[::-1], tail)[::-1]}"


def _cut(text: str, width: int) -> str:
    """Give as much of the start of a text as fits into `width` cells."""
    while cell_len(text[:width]) > width:
        text = text[: len(text[:width]) - 1]
    return text[:width]


def speaker(variant: str, name: str = "") -> str:
    """Say who answered and how: `quotes — verbatim`, or the variant and that it generates.

    `name` is the one that its user gave it, "" where that is not known.
    """
    shown = one_line(name, 48) or variant_name(variant)
    return f"{shown} — {'verbatim' if variant == 'quotes' else 'generated'}"


def progress_bar(fraction: float, width: int) -> str:
    """Draw a bar that reads without colour: `━━━━────`."""
    done = round(max(0.0, min(1.0, fraction)) * width)
    return "━" * done + "─" * (width - done)
