"""The questions and answers so far, following the newest unless the reader scrolls away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

if TYPE_CHECKING:
    from ragopt_tui.ui.exchange import Exchange
    from ragopt_tui.ui.widgets.exchange_card import ExchangeCard


class Conversation(VerticalScroll, can_focus=False):
    """All exchanges, each drawn by a card; what is cleared can be brought back."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._cards: list[ExchangeCard] = []
        self._cleared: list[list[Exchange]] = []
        self._welcome = Static(classes="welcome")

    @property
    def exchanges(self) -> list[Exchange]:
        """All exchanges, the oldest first."""
        return [card.exchange for card in self._cards]

    def compose(self) -> ComposeResult:
        """Draw what stands here before the first question."""
        yield self._welcome

    def on_mount(self) -> None:
        """Watch for more than fits."""
        self.watch(self, "virtual_size", self._grown)

    def on_resize(self) -> None:
        """Follow the end where a smaller window cut it off."""
        self._grown()

    def welcome(self, text: Content) -> None:
        """Set what stands here while there is no question yet."""
        self._welcome.update(text)

    async def add(self, exchange: Exchange) -> None:
        """Append an exchange and follow it."""
        # Imported with the first question: it brings in all that answers are made of.
        from ragopt_tui.ui.widgets.exchange_card import ExchangeCard

        self._welcome.display = False
        card = ExchangeCard(exchange)
        self._cards.append(card)
        await self.mount(card)
        if self.is_anchored:
            self.anchor()

    async def clear(self) -> int:
        """Take away all exchanges that are over and give how many that was."""
        over = [card for card in self._cards if card.exchange.over]
        if over:
            self._cleared.append([card.exchange for card in over])
            self._cards = [card for card in self._cards if card not in over]
            for card in over:
                await card.remove()
            self._welcome.display = not self._cards
            self.anchor(False)
        return len(over)

    async def undo_clear(self) -> int:
        """Bring back what was cleared last, before what was asked since, and give how many."""
        if not self._cleared:
            return 0
        from ragopt_tui.ui.widgets.exchange_card import ExchangeCard

        back = [ExchangeCard(exchange) for exchange in self._cleared.pop()]
        self._welcome.display = False
        self._cards = [*back, *self._cards]
        await self.mount_all(back, after=self._welcome)
        return len(back)

    def card_of(self, exchange: Exchange) -> ExchangeCard | None:
        """Find the card that shows an exchange; None where it was cleared."""
        return next((card for card in self._cards if card.exchange is exchange), None)

    def follow(self) -> None:
        """Follow the end from the moment that there is more than fits; until then start at the top."""
        if not self.is_anchored and self.max_scroll_y > 0:
            self.anchor()

    def _grown(self) -> None:
        self.call_after_refresh(self.follow)
