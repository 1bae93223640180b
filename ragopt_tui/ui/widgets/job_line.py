"""The job about models that is under way, in two lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content

from ragopt_tui.plaintext import one_line
from ragopt_tui.ui.keys import spoken_of
from ragopt_tui.ui.widgets.split_line import SplitLine
from ragopt_tui.ui.wording import MUTED, percent, progress_bar, time_left

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ragopt_tui.ui.model_jobs import ModelJob

_BAR_CELLS = 24


class JobLine(Vertical):
    """Says how far the first of some jobs is, and by which key it stops; away where there is none."""

    def __init__(self, keys: Mapping[str, str], *, id: str | None = None) -> None:
        """`keys` are the user's own keys by action."""
        super().__init__(id=id)
        self._stop = spoken_of("cancel_job", keys)
        self.display = False

    def compose(self) -> ComposeResult:
        """Draw what is done, and how far that is."""
        yield SplitLine(classes="job-title")
        yield SplitLine(classes="job-progress")

    def show(self, jobs: tuple[ModelJob, ...]) -> None:
        """Show the first of the jobs under way."""
        self.display = bool(jobs)
        if not jobs:
            return
        more = f" and {len(jobs) - 1} more" if len(jobs) > 1 else ""
        stop = Content.styled(f"{self._stop} stops it" if self._stop else "", MUTED)
        self.query_one(".job-title", SplitLine).show(
            Content(f"▶ {one_line(jobs[0].title)}{more}"), stop
        )
        now = jobs[0].progress
        fraction = now.fraction if now else None
        bar = (progress_bar(fraction or 0.0, _BAR_CELLS), "$accent")
        about = " · ".join(filter(None, [now.title, one_line(now.detail)])) if now else "starting"
        left = time_left(now.eta_seconds if now else None)
        self.query_one(".job-progress", SplitLine).show(
            Content.assemble(bar, f" {percent(fraction):>4}  ", (about, MUTED)),
            Content.styled(left, MUTED),
        )
