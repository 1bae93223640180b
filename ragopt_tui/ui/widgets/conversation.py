"""The questions and answers so far, following the newest unless the reader scrolls away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from ragopt_tui.ui.wording import MUTED, count

if TYPE_CHECKING:
    from ragopt_tui.chat.exchange import Exchange
    from ragopt_tui.ui.widgets.exchange_card import ExchangeCard

_DRAWN = 12
"""So many exchanges are drawn; more would make each key press and each word slower."""


class Conversation(VerticalScroll, can_focus=False):
    """All exchanges, of which the newest are drawn and earlier ones when the reader goes there.

    What is cleared can be brought back.
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.exchanges: list[Exchange] = []
        self._cards: list[ExchangeCard] = []
        self._cleared: list[list[Exchange]] = []
        self._welcome = Static(classes="welcome")
        self._earlier = Static(classes="earlier")

    def compose(self) -> ComposeResult:
        """Draw what stands here before the first question, and what stands for earlier ones."""
        yield self._welcome
        yield self._earlier

    def on_mount(self) -> None:
        """Watch for more than fits."""
        self._earlier.display = False
        self.watch(self, "virtual_size", self._grown)

    def on_resize(self) -> None:
        """Follow the end where a smaller window cut it off."""
        self._grown()

    def welcome(self, text: Content) -> None:
        """Set what stands here while there is no question yet."""
        self._welcome.update(text)

    async def add(self, exchange: Exchange) -> None:
        """Append an exchange and follow it."""
        self.exchanges.append(exchange)
        await self._draw(self.exchanges[-_DRAWN:])
        if self.is_anchored:
            self.anchor()

    async def clear(self) -> int:
        """Take away all exchanges that are over and give how many that was."""
        over = [exchange for exchange in self.exchanges if exchange.over]
        if over:
            self._cleared.append(over)
            self.exchanges = [exchange for exchange in self.exchanges if not exchange.over]
            await self._draw(self.exchanges)
            self.anchor(False)
        return len(over)

    async def undo_clear(self) -> int:
        """Bring back what was cleared last, before what was asked since, and give how many."""
        if not self._cleared:
            return 0
        back = self._cleared.pop()
        self.exchanges = [*back, *self.exchanges]
        await self._draw(self.exchanges[-_DRAWN:])
        return len(back)

    async def leaf(self, pages: int) -> None:
        """Go a page back (-1), drawing earlier exchanges where the top is reached, or on (1)."""
        if pages > 0:
            self.scroll_page_down(animate=False)
        elif self.scroll_y > 0 or len(self._cards) == len(self.exchanges):
            self.scroll_page_up(animate=False)
        else:
            below = self.max_scroll_y
            self.release_anchor()
            await self._draw(self.exchanges[-len(self._cards) - _DRAWN :])
            self.call_after_refresh(
                lambda: self.scroll_to(y=self.max_scroll_y - below, animate=False)
            )

    def card_of(self, exchange: Exchange) -> ExchangeCard | None:
        """Find the card that draws an exchange; None where none does."""
        return next((card for card in self._cards if card.exchange is exchange), None)

    def follow(self) -> None:
        """Follow the end from the moment that there is more than fits; until then start at the top."""
        if not self.is_anchored and self.max_scroll_y > 0:
            self.anchor()

    async def _draw(self, exchanges: list[Exchange]) -> None:
        """Have one card for each of these exchanges, keeping the cards that are there."""
        # Imported with the first question: it brings in all that answers are made of.
        from ragopt_tui.ui.widgets.exchange_card import ExchangeCard

        kept = {id(card.exchange): card for card in self._cards}
        cards = [
            kept.pop(id(exchange)) if id(exchange) in kept else ExchangeCard(exchange)
            for exchange in exchanges
        ]
        self._cards = cards
        self._welcome.display = not exchanges
        earlier = len(self.exchanges) - len(exchanges)
        self._earlier.update(
            Content.styled(f"{count(earlier, 'earlier question')} · Page Up shows them", MUTED)
        )
        self._earlier.display = earlier > 0
        for card in kept.values():
            await card.remove()
        after: Static | ExchangeCard = self._earlier
        for card in cards:
            if not card.is_attached:
                await self.mount(card, after=after)
            after = card

    def _grown(self) -> None:
        self.call_after_refresh(self.follow)
