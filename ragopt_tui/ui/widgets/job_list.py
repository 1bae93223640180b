"""What is being worked on in the background."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from ragopt_tui.plaintext import one_line
from ragopt_tui.ui.wording import MUTED, progress_bar, shorten

if TYPE_CHECKING:
    from ragopt_tui.ui.indexing import Indexing


class JobList(Widget):
    """The job that reads the documents: how far it is and how long it will take."""

    job: reactive[Indexing | None] = reactive(None, layout=True)

    def render(self) -> Content:
        """Draw the job, or say that there is none."""
        job, width = self.job, max(12, self.content_size.width)
        if job is None or not job.running:
            return Content.styled("none running", MUTED)
        percent = "" if job.fraction is None else f"{job.fraction:.0%}"
        bar = progress_bar(job.fraction or 0.0, width - 5)
        lines = [
            Content(f"▶ index {shorten(job.folder.name, width - 8)}"),
            Content.assemble((bar, "$accent"), f" {percent:>4}"),
            Content.styled(" · ".join(filter(None, [job.stage, job.left])), MUTED),
        ]
        if job.progress and job.progress.detail:
            lines.append(Content.styled(shorten(job.progress.detail, width), MUTED))
        if job.note:
            lines.append(Content(one_line(job.note)))
        return Content("\n").join(lines)
