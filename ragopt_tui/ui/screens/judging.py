"""What the user thinks of answers: good, bad, or what would have been right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ragopt_tui.ui.screens.again import AskingAgainScreen

if TYPE_CHECKING:
    from ragopt_tui.chat.exchange import Exchange


class JudgingScreen(AskingAgainScreen):
    """Keeps a thumb and a corrected answer beside each answer; training data is made of them."""

    def action_rate_up(self) -> None:
        """Mark the answer as good, or take that back."""
        self._rate(1)

    def action_rate_down(self) -> None:
        """Mark the answer as bad, or take that back."""
        self._rate(-1)

    def action_correct_answer(self) -> None:
        """Ask for a better answer, to be kept beside this one."""
        from ragopt_tui.ui.screens.lines import Lines

        exchange = self._answered()
        if exchange is None:
            return

        def corrected(text: str | None) -> None:
            if text is not None:
                exchange.correction = "" if text == exchange.written else text
                self._judged(exchange)

        text = exchange.correction or exchange.written
        hint = "keeps it beside the answer; an empty one is taken back"
        self.app.push_screen(Lines(exchange.question, text, hint), corrected)

    def _rate(self, thumb: int) -> None:
        exchange = self._answered()
        if exchange is not None:
            exchange.thumb = 0 if exchange.thumb == thumb else thumb
            self._judged(exchange)

    def _answered(self) -> Exchange | None:
        exchange = self.picked()
        if exchange is None or not exchange.over:
            self.notify("There is no answer to judge yet.")
            return None
        return exchange

    def _judged(self, exchange: Exchange) -> None:
        self.show_known(exchange)
        self.keep(exchange)
