"""Asking a question again: as it was, or about other companies and periods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from textual import on

from ragopt_tui.ui import messages
from ragopt_tui.ui.screens.keeping import KeepingScreen

if TYPE_CHECKING:
    from ragopt_tui.chat.exchange import Exchange
    from ragopt_tui.knowledge.scope import Filter

_STILL_ANSWERING = "The last question is still being answered."


class AskingAgainScreen(KeepingScreen):
    """Asks a question once more, as a further one that says what differs."""

    async def action_retry(self) -> None:
        """Ask a question again and say what differs from the answer it had."""
        before = self.picked()
        if before is None:
            self.notify("There is no question to ask again.")
        else:
            await self._ask_again(before, before.removed)

    async def action_change_scope(self) -> None:
        """Ask again without a company or period, or with one that was taken away."""
        before = self.picked()
        scope = before.scope if before else ()
        if before is None or not scope:
            self.notify("No company or period was read from this question.")
        elif not before.over:
            self.notify(_STILL_ANSWERING)
        elif len(scope) == 1:
            await self._change_scope(before, scope[0])
        else:
            self._choose_filter(before, scope)

    @on(messages.FilterPicked)
    async def _pick_filter(self, event: messages.FilterPicked) -> None:
        await self._change_scope(event.exchange, event.filter)

    def _choose_filter(self, before: Exchange, scope: Sequence[Filter]) -> None:
        from ragopt_tui.ui.screens.pick import Pick
        from ragopt_tui.ui.widgets.scope_chips import chip

        async def chosen(at: int | None) -> None:
            if at is not None:
                await self._change_scope(before, scope[at])

        hint = "Enter asks again without it, or with it again"
        rows = [chip(each, 40) for each in scope]
        self.app.push_screen(Pick("Company and period", rows, hint), chosen)

    async def _change_scope(self, before: Exchange, filter: Filter) -> None:
        if filter.state == "removed":
            removed = [each for each in before.removed if each != filter]
        else:
            removed = [*before.removed, replace(filter, state="removed")]
        await self._ask_again(before, removed)

    async def _ask_again(self, before: Exchange, removed: Sequence[Filter]) -> None:
        if not before.over or self.dialogue.full:
            self.notify(_STILL_ANSWERING)
            return
        exchange = await self.dialogue.add(
            before.question, self.variant_id, before.resolved_question, removed
        )
        self.keeper.compare(exchange, before)
        self.answer_waiting()
