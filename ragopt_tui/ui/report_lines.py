"""A verification's report as lines: verdict, causes, numbers, divergence, positions, answers."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import zip_longest

from rich.cells import cell_len
from textual.content import Content

from ragopt_tui.plaintext import one_line, without_controls
from ragopt_tui.ui.wording import MUTED, count, duration, shorten
from ragopt_tui.verification.numbers import histogram_rows, limit, number, worst_first
from ragopt_tui.verification.report import Answers, Cause, Finding, Position, Report
from ragopt_tui.verification.words import MARKS, OUTCOME_MARKS, VERDICTS, divergence

_STYLES = {
    "verified": "$text-success",
    "degraded": "$text-warning",
    "broken": "$text-error",
    "passed": "$text-success",
    "failed": "$text-error",
    "not compared": MUTED,
}
_ROOM_FOR_TWO = 96
_NUMBERS = 9
_LIMIT = 14
_RANGE = 18
_LONGEST_BAR = 40
_LEAST = 16
_MOST_WORST, _MOST_LINES = 10, 12
_LONGEST = 4000

_EIGHTHS = " ▏▎▍▌▋▊▉█"


def report_lines(report: Report, parent: str, width: int) -> list[Content]:
    """Draw a report in lines of at most `width` cells; `parent` is the name of what was compared."""
    parts = (
        _verdict(report, parent, width),
        _causes(report.causes, width),
        _findings(report.findings, width),
        _histogram(report, width),
        _worst(report.worst, width),
        _answers(report.answers, width),
        _left_out(report.not_compared, width),
    )
    lines: list[Content] = []
    for part in parts:
        drawn = list(part)
        lines += [Content(), *drawn] if lines and drawn else drawn
    return lines


def _verdict(report: Report, parent: str, width: int) -> Iterator[Content]:
    measured = divergence(report.divergence)
    about = f", mean KL divergence {measured}" if measured else ""
    said = f"{MARKS[report.verdict]} {VERDICTS[report.verdict]} against {one_line(parent)}{about}"
    yield from _styled(said, f"bold {_STYLES[report.verdict]}", width)
    when = f"{datetime.fromtimestamp(report.made):%Y-%m-%d %H:%M}" if report.made else ""
    at = f"{count(report.positions, 'position')} compared" if report.positions else ""
    taken = duration(report.seconds, whole=True) if report.seconds else ""
    yield from _styled(" · ".join(filter(None, [when, at, taken])), MUTED, width)


def _causes(causes: Sequence[Cause], width: int) -> Iterator[Content]:
    for at, cause in enumerate(causes):
        if at:
            yield Content()
        yield _title("Most probable cause" if not at else "Or else")
        yield from _styled(cause.sentence, "bold" if not at else "", width)
        yield from _hanging("because ", cause.evidence, width, MUTED)
        yield from _hanging("do      ", cause.remedy, width)


def _findings(findings: tuple[Finding, ...], width: int) -> Iterator[Content]:
    if findings:
        yield _title("What was compared")
    for finding in worst_first(findings):
        style = _STYLES.get(finding.outcome, "$text-warning")
        mark = Content.styled(f"{OUTCOME_MARKS[finding.outcome]} ", style)
        numbers = Content.styled(
            f"{number(finding.measured):>{_NUMBERS}} {limit(finding):<{_LIMIT}} ", MUTED
        )
        quiet = MUTED if finding.outcome == "not compared" else ""
        head = Content.assemble(mark, numbers)
        yield from _after(head, finding.sentence, width, quiet)


def _histogram(report: Report, width: int) -> Iterator[Content]:
    rows = histogram_rows(report.histogram)
    if not rows:
        return
    yield _title("KL divergence of each token, in nats")
    room = max(8, min(_LONGEST_BAR, width - _RANGE - 16))
    most = max(share for _, _, share in rows) or 1.0
    for name, number_of, share in rows:
        bar = _bar(share / most, room)
        yield Content.assemble(
            (f"{name:>{_RANGE}} ", MUTED), (bar, "$accent"), f" {number_of:>6,}", (f" {share:>4.0%}", MUTED)
        )  # fmt: skip


def _worst(positions: Sequence[Position], width: int) -> Iterator[Content]:
    if positions:
        yield _title("Where they differ most")
    for position in positions[:_MOST_WORST]:
        token = _visible(position.token)
        head = Content.styled(f"{number(position.divergence):>7} ", MUTED)
        tops = f"parent {_visible(position.parent_top)}, this {_visible(position.child_top)}"
        room = max(_LEAST, width - 8 - cell_len(token) - 2)
        before = one_line(position.text_before, _LONGEST)[-room:]
        yield Content.assemble(head, (f"…{before}", MUTED), (token, "bold reverse")).truncate(width)
        yield Content.styled(f"        {tops}", MUTED).truncate(width, ellipsis=True)


def _answers(answers: Sequence[Answers], width: int) -> Iterator[Content]:
    if answers:
        yield _title("What they answer")
    for at, each in enumerate(answers):
        if at:
            yield Content()
        yield from _styled(each.question, "italic", width)
        same = each.parent == each.child
        if same:
            yield from _hanging("both    ", each.child, width)
        elif width >= _ROOM_FOR_TWO:
            yield from _side_by_side(each, width)
        else:
            yield from _hanging("parent  ", each.parent, width)
            yield from _hanging("this    ", each.child, width)


def _side_by_side(each: Answers, width: int) -> Iterator[Content]:
    column = (width - 3) // 2
    yield Content.styled(f"{'parent':<{column}} │ this", MUTED)
    sides = (_wrapped(each.parent, column), _wrapped(each.child, column))
    for left, right in zip_longest(*sides, fillvalue=""):
        gap = " " * max(0, column - cell_len(left))
        style = "" if left == right else "$text-warning"
        yield Content.assemble(f"{left}{gap} ", ("│ ", MUTED), (right, style))


def _left_out(sentences: Sequence[str], width: int) -> Iterator[Content]:
    if sentences:
        yield _title("Not compared")
    for sentence in sentences:
        yield from _hanging("· ", sentence, width, MUTED)


def _title(text: str) -> Content:
    return Content.styled(text, "bold $text-accent")


def _styled(text: str, style: str, width: int) -> list[Content]:
    return [Content.styled(line, style) for line in _wrapped(text, width)]


def _hanging(head: str, text: str, width: int, style: str = "") -> list[Content]:
    return _after(Content.styled(head, MUTED), text, width, style)


def _after(head: Content, text: str, width: int, style: str) -> list[Content]:
    """Draw a text behind a head, with further lines below the text's first."""
    lines = _wrapped(text, width - head.cell_length) or [""]
    below = " " * head.cell_length
    return [
        Content.assemble(head if not at else below, (line, style)) for at, line in enumerate(lines)
    ]


def _wrapped(text: str, width: int) -> list[str]:
    """Wrap a text that may have lines of its own; a very long one ends with an ellipsis."""
    room = max(_LEAST, width)
    lines: list[str] = []
    for line in without_controls(text[:_LONGEST]).splitlines():
        lines += textwrap.wrap(line, room) or ([""] if lines else [])
    if len(lines) > _MOST_LINES:
        lines = [*lines[: _MOST_LINES - 1], "…"]
    return [line if cell_len(line) <= room else shorten(line, room) for line in lines]


def _visible(token: str) -> str:
    """Write a token so that blanks and line ends in it are seen."""
    shown = token.replace("\n", "⏎").replace("\t", "⇥")
    return f"‹{one_line(shown, 40) if shown.strip() else shown.replace(' ', '·')}›"


def _bar(fraction: float, room: int) -> str:
    """Draw a bar to an eighth of a cell; what is not nothing is at least one eighth."""
    eighths = round(fraction * room * 8)
    if fraction > 0:
        eighths = max(1, eighths)
    full, rest = divmod(eighths, 8)
    return f"{'█' * full}{_EIGHTHS[rest].strip()}".ljust(room)
