"""The panel at the right: the numbered passages behind an answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from ragopt_tui.ui.widgets.split_line import SplitLine
from ragopt_tui.ui.wording import MUTED, count

if TYPE_CHECKING:
    from ragopt_tui.chat.source_changes import SourceChange
    from ragopt_tui.ui.exchange import Evidence
    from ragopt_tui.ui.widgets.source_card import SourceCard

_EMPTY = "The passages that an answer rests on appear here."


class Sources(VerticalScroll, can_focus=False):
    """Shows one answer's evidence at a time."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.evidence: Evidence | None = None
        self.cards: list[SourceCard] = []
        self._changes: Sequence[SourceChange] = ()
        self._title = SplitLine(Content.styled("Sources", "bold"), classes="panel-title")
        self._empty = Static(_EMPTY, classes="empty", markup=False)

    def compose(self) -> ComposeResult:
        """Draw the title and the empty state."""
        yield self._title
        yield self._empty

    async def show(self, evidence: Evidence | None, n: int = 0) -> None:
        """Show the passages of an answer, with passage `n` (from 1) in view."""
        evidence = evidence.marked(self._changes) if evidence else None
        if evidence != self.evidence:
            await self._replace(evidence)
        if 0 < n <= len(self.cards):
            self.cards[n - 1].scroll_visible(animate=False)

    def mark(self, changes: Sequence[SourceChange]) -> None:
        """Say of what is shown, now and later, which files these changes are of."""
        self._changes = changes
        if self.evidence is None:
            return
        self.evidence = self.evidence.marked(changes)
        for card in self.cards:
            card.evidence = self.evidence
            card.refresh(layout=True)

    async def _replace(self, evidence: Evidence | None) -> None:
        from ragopt_tui.ui.widgets.source_card import SourceCard

        before = self.cards
        self.evidence = evidence
        hits = len(evidence.hits) if evidence else 0
        self.cards = [SourceCard(evidence, n) for n in range(1, hits + 1)] if evidence else []
        with self.app.batch_update():
            for card in before:
                await card.remove()
            await self.mount_all(self.cards)
            title = "Closest passages" if evidence and evidence.refused else "Sources"
            number = Content.styled(count(hits, "passage"), MUTED) if hits else ""
            self._title.show(Content.styled(title, "bold"), number)
            self._empty.display = not hits
        self.scroll_home(animate=False)
