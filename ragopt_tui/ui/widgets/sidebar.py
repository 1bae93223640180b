"""The panel at the left: models and jobs."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from ragopt_tui.ui.widgets.job_list import JobList
from ragopt_tui.ui.widgets.model_tree import ModelTree


class Sidebar(Vertical):
    """Who can answer, and what is being worked on."""

    def __init__(self, models: ModelTree, jobs: JobList, *, id: str) -> None:
        super().__init__(id=id)
        self._models, self._jobs = models, jobs

    def compose(self) -> ComposeResult:
        """Draw the two lists."""
        yield Static("Models", classes="panel-title", markup=False)
        yield self._models
        yield Static("Jobs", classes="panel-title", markup=False)
        yield self._jobs
