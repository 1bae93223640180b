"""Which lines the charts of training runs show, made from the curves of the runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ragopt_tui.training.runs.curves import Curves, smoothed
from ragopt_tui.ui.chart_drawing import LABELS, Picture, plot_columns
from ragopt_tui.ui.chart_lines import Column, DrawnLine, Form, Numbers, Window, reading, reduced
from ragopt_tui.ui.chart_scale import Unit

LETTERS = "ABCDEF"
"""What the compared runs are called on their lines."""

SMOOTHINGS = (0.9, 0.98, 0.6, 0.0)
_MOST_KEPT = 200


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart: its lines with the series that each draws."""

    title: str
    lines: tuple[tuple[str, str, Form, str], ...]
    """Name, series, form and mark of each line."""

    unit: Unit = ""
    empty: str = "nothing logged yet"


_LOSS = Chart(
    "Loss",
    (
        ("raw", "loss", "dots", ""),
        ("smoothed", "~loss", "line", ""),
        ("evaluation", "evaluation_loss", "points", "◆"),
    ),
)
_OTHERS = (
    Chart("Learning rate", (("", "learning_rate", "line", ""),)),
    Chart("Gradient norm", (("", "grad_norm", "line", ""),)),
    Chart("Useful tokens a second", (("", "tokens_per_second", "line", ""),)),
    Chart(
        "Memory", (("GPU", "gpu_bytes", "line", "g"), ("host", "host_bytes", "line", "h")), "bytes"
    ),
)
CHARTS = (_LOSS, *_OTHERS)
"""The charts of one run."""

COMPARED = (
    Chart("Loss, smoothed", (("", "~loss", "line", ""),)),
    Chart("Evaluation loss", (("", "evaluation_loss", "line", ""),), empty="no evaluation yet"),
    *_OTHERS[:3],
    Chart("Memory of the GPU", (("", "gpu_bytes", "line", ""),), "bytes", "no GPU was used"),
)
"""The charts of several runs, each of which has a line of its own."""


def chart_count(runs: int) -> int:
    """Give how many charts there are of so many runs."""
    return len(CHARTS if runs < 2 else COMPARED)


@dataclass(frozen=True, slots=True)
class View:
    """What is looked at: the steps (all for None), where the cursor is, and how it is drawn."""

    window: Window | None = None
    cursor: float | None = None
    log: bool = False
    smoothing: float = SMOOTHINGS[0]


@dataclass
class PictureMaker:
    """Draws curves; what it has reduced and smoothed is kept for as long as nothing is logged."""

    _kept: dict[tuple[object, ...], tuple[Column, ...]] = field(default_factory=dict)
    _means: dict[str, tuple[tuple[object, ...], Numbers]] = field(default_factory=dict)

    def pictures(
        self, curves: Mapping[str, Curves], view: View, widths: Mapping[int, int]
    ) -> tuple[Picture, ...]:
        """Draw charts of these runs; `widths` gives that of each that is seen, by its number."""
        charts = CHARTS if len(curves) < 2 else COMPARED
        window = view.window or whole(curves.values())
        if len(self._kept) > _MOST_KEPT:
            self._kept.clear()
        return tuple(
            self._picture(chart, curves, view, window, plot_columns(widths[number]))
            if number in widths
            else Picture(chart.title, window, ())
            for number, chart in enumerate(charts)
        )

    def _picture(
        self,
        chart: Chart,
        curves: Mapping[str, Curves],
        view: View,
        window: Window,
        columns: int,
    ) -> Picture:
        lines: list[DrawnLine] = []
        single = len(curves) < 2
        last = window.last if view.cursor is None else view.cursor
        for number, (run, curve) in enumerate(curves.items()):
            for name, series, form, mark in chart.lines:
                steps, values = self._numbers(run, curve, series, view.smoothing)
                drawn = self._reduced((run, series, view.smoothing), steps, values, window, columns)
                if not drawn and single and len(chart.lines) > 1:
                    continue
                lines.append(
                    DrawnLine(
                        name if single else "",
                        len(lines) if single else number,
                        form,
                        mark if single else LETTERS[number],
                        drawn,
                        reading(steps, values, last),
                    )
                )
        right = "" if view.cursor is None else f"step {view.cursor:,.0f}"
        return Picture(
            chart.title, window, tuple(lines), chart.unit, view.log, view.cursor, chart.empty, right
        )

    def _reduced(
        self, of: tuple[object, ...], steps: Numbers, values: Numbers, window: Window, columns: int
    ) -> tuple[Column, ...]:
        key = (*of, _extent(steps), window, columns)
        if key not in self._kept:
            self._kept[key] = reduced(steps, values, window, columns)
        return self._kept[key]

    def _numbers(
        self, run: str, curve: Curves, series: str, weight: float
    ) -> tuple[Numbers, Numbers]:
        """Give a series, or for ~ the means of one."""
        own = curve.series[series.removeprefix("~")]
        if not series.startswith("~"):
            return own.steps, own.values
        key = (_extent(own.steps), weight)
        known = self._means.get(run)
        if known is None or known[0] != key:
            known = self._means[run] = (key, smoothed(own.values, weight))
        return own.steps, known[1]


def _extent(steps: Numbers) -> tuple[int, int]:
    """Give what tells whether a series has grown or begun again from a checkpoint."""
    return len(steps), int(steps[-1]) if len(steps) else 0


def whole(curves: Iterable[Curves]) -> Window:
    """Give the window that holds every step of some runs."""
    firsts: list[float] = []
    lasts: list[float] = []
    for curve in curves:
        for name in ("loss", "evaluation_loss"):
            steps = curve.series[name].steps
            if steps:
                firsts.append(float(steps[0]))
                lasts.append(float(steps[-1]))
    return Window(min(firsts), max(lasts)) if firsts else Window(0, 1)


def zoomed(window: Window, limits: Window, factor: float, around: float) -> Window | None:
    """Give a window `factor` times as wide around a step, None where that shows everything."""
    width = max(2.0, window.width * factor)
    if width >= limits.width:
        return None
    share = (around - window.first) / window.width
    return _within(Window(around - share * width, around + (1 - share) * width), limits)


def panned(window: Window, limits: Window, share: float) -> Window:
    """Give a window moved by a share of its width, within the limits."""
    by = share * window.width
    return _within(Window(window.first + by, window.last + by), limits)


def moved(cursor: float, window: Window, width: int, by: int) -> float:
    """Give the step that is `by` characters on in a chart of a width; at least a step for each."""
    across = max(1.0, window.width / max(1, width - LABELS - 1))
    return max(window.first, min(window.last, round(cursor + by * across)))


def _within(window: Window, limits: Window) -> Window:
    width = window.last - window.first
    first = max(limits.first, min(limits.last - width, window.first))
    return Window(first, first + width)
