"""The questions and answers so far, of which only what is near the reader is drawn."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from ragopt_tui.ui.widgets.held_place import HeldPlace
from ragopt_tui.ui.wording import MUTED, count

if TYPE_CHECKING:
    from textual.geometry import Size
    from textual.layout import DockArrangeResult
    from textual.timer import Timer

    from ragopt_tui.chat.exchange import Exchange
    from ragopt_tui.ui.widgets.exchange_card import ExchangeCard

LoadEarlier = Callable[["Exchange"], Awaitable[Sequence["Exchange"]]]
"""Gives some of the exchanges before one, in their order."""

_STEP = 3
"""So many exchanges are drawn at a time."""
_NEAR = 1
"""More is drawn when the reader is within so many screens of what is not."""
_FAR = 3
"""What is further away than so many screens is drawn no longer."""
_REST_SECONDS = 0.5


class Conversation(VerticalScroll, can_focus=False):
    """`exchanges` are those loaded, up to the newest; `earlier` more come before them.

    A run of them is drawn as cards, around the reader. It follows the newest until the reader
    scrolls away.
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.exchanges: list[Exchange] = []
        self.earlier = 0
        self.selected: Exchange | None = None
        self.clock: Callable[[], datetime] = datetime.now
        self._load: LoadEarlier | None = None
        self._cards: list[ExchangeCard] = []
        self._first = 0
        self._drawing = asyncio.Lock()
        self._extending = False
        self._reading_back = False
        self._place = HeldPlace(self)
        self._collecting: Timer | None = None
        self._welcome = Static(classes="welcome")
        self._before = Static(classes="earlier")
        self._after = Static(classes="earlier")

    def compose(self) -> ComposeResult:
        """Draw what stands here before the first question, and for what is not drawn."""
        yield self._welcome
        yield self._before
        yield self._after

    def on_mount(self) -> None:
        """Watch where the reader is and whether there is more than fits."""
        self._before.display = self._after.display = False
        self.watch(self, "scroll_y", self._scrolled, init=False)
        self.watch(self, "virtual_size", self._grown)

    def on_resize(self) -> None:
        """Follow the end where a smaller window cut it off."""
        self._grown()

    def arrange(self, size: Size, optimal: bool = False) -> DockArrangeResult:
        """Lay the cards out and keep the reader's place among them."""
        arranged = super().arrange(size, optimal)
        self._place.keep(arranged)
        return arranged

    def welcome(self, text: Content) -> None:
        """Set what stands here while there is no question yet."""
        self._welcome.update(text)

    async def add(self, exchange: Exchange) -> None:
        """Append an exchange and go to it."""
        async with self._drawing:
            self.exchanges.append(exchange)
            self.select(None)
            end = len(self.exchanges)
            at_end = self._end == end - 1
            await self._draw(self._first + self._far_above() if at_end else end - _STEP, end)
        self._reading_back = False
        if self.max_scroll_y > 0:
            self.anchor()

    async def show(
        self,
        exchanges: Sequence[Exchange],
        earlier: int = 0,
        load: LoadEarlier | None = None,
        at: Exchange | None = None,
    ) -> None:
        """Show another conversation, at one of its exchanges or else at its end."""
        async with self._drawing:
            self.exchanges, self.earlier, self._load = list(exchanges), earlier, load
            self.selected, self._reading_back = None, at is not None
            self.anchor(False)
            first = self.exchanges.index(at) if at else len(self.exchanges) - _STEP
            await self._draw(first, first + _STEP)
            self._place.forget()
            self.scroll_home(animate=False, immediate=True)
        if at is not None:
            self.select(at)
        self._grown()

    def card_of(self, exchange: Exchange) -> ExchangeCard | None:
        """Find the card that draws an exchange; None where none does."""
        return next((card for card in self._cards if card.exchange is exchange), None)

    def select(self, exchange: Exchange | None) -> None:
        """Mark an exchange as the one that actions are about; None for the newest."""
        self.selected = exchange
        for card in self._cards:
            card.set_class(card.exchange is exchange, "-selected")

    async def step(self, by: int) -> Exchange | None:
        """Select the exchange before (-1) or after (1) the selected one and bring it into view."""
        async with self._drawing:
            at = self._index(self.selected) if self.selected else len(self.exchanges)
            if at + by < 0:
                await self._load_earlier()
                at = self._index(self.selected) if self.selected else len(self.exchanges)
            if not 0 <= at + by < len(self.exchanges):
                return None
            exchange = self.exchanges[at + by]
            if self.card_of(exchange) is None:
                await self._draw(at + by, at + by + _STEP)
        self._reading_back = True
        self.select(exchange)
        card = self.card_of(exchange)
        if card is not None:
            self.scroll_to_widget(card, animate=False, top=True)
        return exchange

    async def to_newest(self) -> None:
        """Go to the end of the conversation and follow it."""
        async with self._drawing:
            end = len(self.exchanges)
            if self._end < end:
                await self._draw(end - _STEP, end)
        self.select(None)
        self._reading_back = False
        self.anchor()

    def leaf(self, pages: int) -> None:
        """Go a page back (-1) or on (1)."""
        if pages > 0:
            self.scroll_page_down(animate=False)
        else:
            self.scroll_page_up(animate=False)

    @property
    def _end(self) -> int:
        return self._first + len(self._cards)

    def _index(self, exchange: Exchange) -> int:
        return next(at for at, each in enumerate(self.exchanges) if each is exchange)

    async def _draw(self, first: int, end: int) -> None:
        """Have one card for each of these exchanges, keeping the cards that are there."""
        # Imported with the first question: it brings in all that answers are made of.
        from ragopt_tui.ui.widgets.exchange_card import ExchangeCard

        first, end = max(0, first), min(len(self.exchanges), end)
        there = {id(card.exchange): card for card in self._cards}
        cards = [
            there.pop(id(exchange))
            if id(exchange) in there
            else ExchangeCard(exchange, self.clock())
            for exchange in self.exchanges[first:end]
        ]
        self._cards, self._first = cards, first
        self._place.hold(cards)
        self._say_what_is_not_drawn()
        with self.app.batch_update():
            # Drawn at once: each drawing by itself would take as long as all of them together.
            if there:
                await self.remove_children(list(there.values()))
                self._collect_later()
            after: Static | ExchangeCard = self._before
            for attached, run in groupby(cards, key=lambda card: card.is_attached):
                group = list(run)
                if not attached:
                    await self.mount_all(group, after=after)
                after = group[-1]
        self.select(self.selected)
        if self._end < len(self.exchanges):
            # Else the end of what is drawn would be followed as if it were the newest.
            self.anchor(False)

    def _say_what_is_not_drawn(self) -> None:
        self._welcome.display = not self.exchanges
        earlier, later = self.earlier + self._first, len(self.exchanges) - self._end
        for line, number, which in (
            (self._before, earlier, "earlier question"),
            (self._after, later, "later question"),
        ):
            line.update(Content.styled(count(number, which), MUTED))
            line.display = number > 0

    def _collect_later(self) -> None:
        """Free cards that are gone once the reader rests: it stops the screen for 0.1 s."""
        if self._collecting is not None:
            self._collecting.stop()
        self._collecting = self.set_timer(_REST_SECONDS, gc.collect)

    def _scrolled(self) -> None:
        self._place.hold(self._cards)
        if self.scroll_y >= self.max_scroll_y > 0 and self._end == len(self.exchanges):
            self._reading_back = False
            if not self.is_anchored:
                self.anchor()
        self._look()

    def _grown(self) -> None:
        self.call_after_refresh(self._follow)

    def _follow(self) -> None:
        """Follow the end from the moment that there is more than fits; until then start at the top."""
        at_end = self._end == len(self.exchanges) and not self._reading_back
        if self.is_anchored and not self.max_scroll_y:
            # What is anchored would stand at the bottom of a screen that it does not fill.
            self.anchor(False)
            self.refresh(layout=True)
        elif at_end and not self.is_anchored and self.max_scroll_y > 0:
            self.anchor()
        self._look()

    def _look(self) -> None:
        """Draw more where the reader comes near to what is not drawn."""
        near = self.size.height * _NEAR
        if self._extending or not self._cards or not near:
            return
        if self.scroll_y < near and (self._first or self.earlier):
            self._extending = True
            self.run_worker(self._extend(back=True), group="window")
        elif self.max_scroll_y - self.scroll_y < near and self._end < len(self.exchanges):
            self._extending = True
            self.run_worker(self._extend(back=False), group="window")

    async def _extend(self, back: bool) -> None:
        try:
            async with self._drawing:
                if back and not self._first:
                    await self._load_earlier()
                if back:
                    await self._draw(self._first - _STEP, self._end - self._far_below())
                else:
                    await self._draw(self._first + self._far_above(), self._end + _STEP)
        finally:
            self._extending = False
        self.call_after_refresh(self._look)

    async def _load_earlier(self) -> None:
        if self._load is None or not self.earlier:
            return
        older = await self._load(self.exchanges[0])
        self.exchanges = [*older, *self.exchanges]
        self.earlier = max(0, self.earlier - len(older)) if older else 0
        self._first += len(older)

    def _far_below(self) -> int:
        """Count the last cards that the reader is far from; none while one of them may change."""
        far = self.scroll_y + self.size.height * (1 + _FAR)
        if not self.exchanges[-1].over:
            return 0
        return sum(rows[0] > far for rows in map(self._place.rows_of, self._cards) if rows)

    def _far_above(self) -> int:
        far = self.scroll_y - self.size.height * _FAR
        return sum(rows[1] < far for rows in map(self._place.rows_of, self._cards) if rows)
