"""What is being worked on in the background."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from ragopt_tui.plaintext import one_line
from ragopt_tui.ui.wording import MUTED, percent, progress_bar, shorten, time_left

if TYPE_CHECKING:
    from ragopt_tui.ui.indexing import Indexing
    from ragopt_tui.ui.model_jobs import ModelJob


class JobList(Widget):
    """The job that reads the documents and those about models: how far each is, and what is left."""

    job: reactive[Indexing | None] = reactive(None, layout=True)
    model_jobs: reactive[tuple[ModelJob, ...]] = reactive((), layout=True)

    def render(self) -> Content:
        """Draw the jobs, or say that there is none."""
        width = max(12, self.content_size.width)
        drawn = [_of_model(job, width) for job in self.model_jobs]
        if self.job is not None and self.job.running:
            drawn.insert(0, _of_index(self.job, width))
        return Content("\n").join(drawn) if drawn else Content.styled("none running", MUTED)


def _of_index(job: Indexing, width: int) -> Content:
    detail = job.progress.detail if job.progress else ""
    about = " · ".join(filter(None, [job.stage, job.left]))
    drawn = _drawn(f"index {job.folder.name}", job.fraction, about, detail, width)
    return Content("\n").join([drawn, Content(one_line(job.note))]) if job.note else drawn


def _of_model(job: ModelJob, width: int) -> Content:
    progress = job.progress
    if progress is None:
        return _drawn(job.title, None, "starting", "", width)
    about = " · ".join(filter(None, [progress.title, time_left(progress.eta_seconds)]))
    return _drawn(job.title, progress.fraction, about, progress.detail, width)


def _drawn(title: str, fraction: float | None, about: str, detail: str, width: int) -> Content:
    bar = progress_bar(fraction or 0.0, width - 5)
    lines = [
        Content(f"▶ {shorten(title, width - 2)}"),
        Content.assemble((bar, "$accent"), f" {percent(fraction):>4}"),
        Content.styled(shorten(about, width), MUTED),
    ]
    if detail:
        lines.append(Content.styled(shorten(detail, width), MUTED))
    return Content("\n").join(lines)
