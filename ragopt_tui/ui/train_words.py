"""How training runs are written on the screen: a row in the list, and what is to be said of one."""

from __future__ import annotations

from datetime import datetime

from textual.content import Content

from ragopt_tui.plaintext import one_line
from ragopt_tui.ui.chart_scale import written
from ragopt_tui.ui.train_rows import RunRow
from ragopt_tui.ui.wording import MUTED, percent, progress_bar, shorten, time_left, when

_STATES = {
    "training": ("▶", "training", "$text-accent"),
    "waiting": ("○", "waiting", MUTED),
    "finished": ("✓", "finished", "$text-success"),
    "cancelled": ("■", "stopped", MUTED),
    "failed": ("✗", "failed", "$text-warning"),
    "died": ("✗", "died", "$text-warning"),
}
_STATE, _LOSS, _PROGRESS, _WHEN = 11, 9, 6, 18
_ROOM_FOR_WHEN, _ROOM_FOR_ABOUT, _ROOM_FOR_BAR, _BAR = 70, 110, 120, 20


def row_of_run(row: RunRow, letter: str, width: int, now: datetime) -> Content:
    """Draw a run as a row: its letter where it is compared, state, progress, loss and time."""
    sign, state, style = _STATES[row.state]
    if row.warning and row.state == "training":
        sign, style = "!", "$text-warning"
    done = percent(row.fraction)
    bar = progress_bar(row.fraction, _BAR) if row.fraction is not None and row.under_way else ""
    right = Content.assemble(
        (f"{bar:<{_BAR}} " if width >= _ROOM_FOR_BAR else "", "$accent"),
        (f"{sign} {state:<{_STATE - 2}}", style),
        f"{done:>{_PROGRESS - 1}} ",
        f"{written(row.loss):>{_LOSS - 1}} ",
        (f"{when(row.started, now):>{_WHEN}}" if width >= _ROOM_FOR_WHEN else "", MUTED),
    )
    room = max(8, width - right.cell_length - 3)
    name = f"{shorten(row.name, room):<{room}}"
    return Content.assemble((f"{letter or ' '} ", "bold"), name, " ", right)


def headline(row: RunRow, width: int) -> Content:
    """Say where a run stands, what is wrong with it, and what can be done."""
    lines = [_standing(row, width)]
    if row.warning:
        said = f"! {row.warning} {row.warning_hint}".strip()
        lines.append(Content.styled(one_line(said, 600), "$text-warning"))
    if row.problem:
        said = f"✗ {row.problem} {row.hint}".strip()
        lines.append(Content.styled(one_line(said, 600), "$text-error"))
    elif row.said:
        said = f"{row.said} r goes on with it." if row.resumable else row.said
        lines.append(Content.styled(one_line(said, 600), MUTED))
    return Content("\n").join([line for line in lines if line])


def _standing(row: RunRow, width: int) -> Content:
    parts = [
        f"step {row.step:,} of {row.steps:,}" if row.steps else "",
        "" if row.epoch is None else f"epoch {row.epoch:.2f}",
        "" if row.loss is None else f"loss {written(row.loss)}",
        "" if row.evaluation is None else f"evaluation {written(row.evaluation)}",
        "" if not row.speed or not row.under_way else f"{row.speed:,.0f} tokens/s",
        time_left(row.seconds_left),
        row.about if width >= _ROOM_FOR_ABOUT else "",
    ]
    return Content.styled(" · ".join(filter(None, parts)), MUTED)
