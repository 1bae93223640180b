"""The figures of a text: quantities, and the years and dates that are none."""

from __future__ import annotations

from ragopt_tui.chat.figures.moments import Moment, find_moments
from ragopt_tui.chat.figures.numerals import Convention
from ragopt_tui.chat.figures.quantities import Quantity, find_quantities

Figure = Quantity | Moment


def find_figures(text: str, convention: Convention) -> list[Figure]:
    """Give the figures of a text in order; four digits that name a year are one."""
    quantities = find_quantities(text, convention)
    with_unit = [q for q in quantities if q.measure or q.unit or q.scale != 1]
    counted = {at for q in with_unit for at in range(q.start, q.end)}
    moments = [m for m in find_moments(text) if m.month or m.part or m.start not in counted]
    dated = {at for moment in moments for at in range(moment.start, moment.end)}
    apart = [q for q in quantities if dated.isdisjoint(range(q.start, q.end))]
    return sorted([*apart, *moments], key=lambda figure: figure.start)
