"""The panel at the right: the numbered passages behind an answer."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from ragopt_tui.ui.exchange import Evidence
from ragopt_tui.ui.widgets.source_card import SourceCard
from ragopt_tui.ui.widgets.split_line import SplitLine
from ragopt_tui.ui.wording import MUTED, count

_EMPTY = "The passages that an answer rests on appear here."


class Sources(VerticalScroll, can_focus=False):
    """Shows one answer's evidence at a time."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.evidence = Evidence()

    def compose(self) -> ComposeResult:
        """Draw the title and the empty state."""
        yield SplitLine(Content.styled("Sources", "bold"), classes="panel-title")
        yield Static(_EMPTY, classes="empty", markup=False)

    async def show(self, evidence: Evidence, n: int = 0) -> None:
        """Show the passages of an answer, with passage `n` in view."""
        if evidence != self.evidence:
            self.evidence = evidence
            with self.app.batch_update():
                await self.query(SourceCard).remove()
                numbers = range(1, len(evidence.hits) + 1)
                await self.mount_all([SourceCard(evidence, number) for number in numbers])
                self._retitle()
            self.scroll_home(animate=False)
        if 0 < n <= len(evidence.hits):
            self.card(n).scroll_visible(animate=False)

    def card(self, n: int) -> SourceCard:
        """Give the card of passage `n`, from 1."""
        return list(self.query(SourceCard))[n - 1]

    def _retitle(self) -> None:
        hits = len(self.evidence.hits)
        title = "Closest passages" if self.evidence.refused else "Sources"
        number = Content.styled(count(hits, "passage"), MUTED) if hits else ""
        self.query_one(".panel-title", SplitLine).show(Content.styled(title, "bold"), number)
        self.query_one(".empty").display = not hits
