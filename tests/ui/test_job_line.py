"""The job under way, in two lines."""

from __future__ import annotations

from textual.app import App, ComposeResult

from ragopt_tui.jobs.events import JobProgress
from ragopt_tui.ui.model_jobs import ModelJob
from ragopt_tui.ui.widgets.job_line import JobLine
from tests.ui.waiting import screen_text, until


class JobsShown(App[None]):
    """Shows nothing but the line."""

    CSS = "SplitLine { height: 1; }"

    def compose(self) -> ComposeResult:
        """Draw the line."""
        yield JobLine({})


async def test_names_in_titles_and_details_do_not_steer_the_terminal_nor_break_the_lines() -> None:
    progress = JobProgress("copying", 1, 4, "bytes", "a\n\x1b[31mb.gguf", 30.0)
    job = ModelJob("j", "copy [bold]\n\x1b]0;x\x07", progress=progress)
    app = JobsShown()
    async with app.run_test(size=(80, 4)) as pilot:
        line = app.query_one(JobLine)
        assert not line.display
        line.show((job, ModelJob("k", "other")))
        await until(pilot, lambda: "▶ copy" in screen_text(app))
        first, second = screen_text(app).split("\n")[:2]
        assert first.strip().startswith("▶ copy [bold] \ufffd]0;x\ufffd and 1 more")
        assert "25%  copying · a \ufffd[31mb.gguf" in second
        assert second.rstrip().endswith("30 s left")
        line.show(())
        assert not line.display
