"""The questions and answers so far, following the newest unless the reader scrolls away."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from ragopt_tui.ui.exchange import Exchange
from ragopt_tui.ui.widgets.exchange_card import ExchangeCard


class Conversation(VerticalScroll, can_focus=False):
    """All exchanges; clearing keeps the last ones so that they can be brought back."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.exchanges: list[Exchange] = []
        self._cleared: list[Exchange] = []
        self._welcome = Static(classes="welcome")

    def compose(self) -> ComposeResult:
        """Draw what stands here before the first question."""
        yield self._welcome

    def welcome(self, text: Content) -> None:
        """Set what stands here while there is no question yet."""
        self._welcome.update(text)

    async def add(self, exchange: Exchange) -> ExchangeCard:
        """Append an exchange and follow it."""
        self.exchanges.append(exchange)
        self._welcome.display = False
        card = ExchangeCard(exchange)
        await self.mount(card)
        if self.is_anchored:
            self.anchor()
        return card

    def on_mount(self) -> None:
        """Watch for more than fits."""
        self.watch(self, "virtual_size", self._grown)

    def on_resize(self) -> None:
        """Follow the end where a smaller window cut it off."""
        self._grown()

    def _grown(self) -> None:
        self.call_after_refresh(self.follow)

    def follow(self) -> None:
        """Follow the end from the moment that there is more than fits; until then start at the top."""
        if not self.is_anchored and self.max_scroll_y > 0:
            self.anchor()

    async def clear(self) -> int:
        """Take away all exchanges that are over and give how many that was."""
        over = [exchange for exchange in self.exchanges if exchange.over]
        if over:
            self._cleared = over
            await self._keep([exchange for exchange in self.exchanges if not exchange.over])
        return len(over)

    async def undo_clear(self) -> int:
        """Bring back what was cleared last, before what was asked since, and give how many."""
        back, self._cleared = self._cleared, []
        if back:
            self._welcome.display = False
            self.exchanges = [*back, *self.exchanges]
            await self.mount_all([ExchangeCard(exchange) for exchange in back], after=self._welcome)
        return len(back)

    def card_of(self, exchange: Exchange) -> ExchangeCard | None:
        """Find the card that shows an exchange; None where it was cleared."""
        cards = self.query(ExchangeCard)
        return next((card for card in cards if card.exchange is exchange), None)

    async def _keep(self, kept: list[Exchange]) -> None:
        self.exchanges = kept
        for card in self.query(ExchangeCard):
            if not any(card.exchange is exchange for exchange in kept):
                await card.remove()
        self._welcome.display = not kept
        self.anchor(bool(kept) and self.max_scroll_y > 0)
