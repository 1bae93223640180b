"""Changing the library from a screen, and asking for what a variant lacks to answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from textual.content import Content
from textual.screen import Screen, ScreenResultType

from ragopt_tui.errors import RagoptError
from ragopt_tui.ui.wording import shorten

if TYPE_CHECKING:
    from ragopt_tui.models.record import VariantRecord
    from ragopt_tui.models.store import VariantStore
    from ragopt_tui.ui.model_library import ModelLibrary
    from ragopt_tui.ui.model_shelf import Entry


class ModelChangingScreen(Screen[ScreenResultType]):
    """Changes `library` in a thread and says what came of it."""

    library: ModelLibrary

    def change(self, change: Callable[[VariantStore], object], said: str = "") -> None:
        """Change the library in a thread, and say so where that is worth it."""
        self.run_worker(self._change(change, said), group="change")

    def ask_for_what_lacks(self, entry: Entry) -> bool:
        """Ask for the chat template or the base without which a variant cannot answer.

        Gives False where it is something else that keeps it from answering.
        """
        from ragopt_tui.models.condition import template_problem

        def known(id: str) -> VariantRecord | None:
            found = self.library.shelf.find(id)
            return found.record if found else None

        variant = entry.variant
        if not variant.problem:
            return False
        if variant.kind == "adapter" and not variant.parent and variant.path is not None:
            self.ask_for_base(entry)
        elif variant.problem == template_problem(entry.record, known):
            self.ask_for_template(entry)
        else:
            return False
        return True

    def ask_for_template(self, entry: Entry) -> None:
        """Ask for the chat template of a variant."""
        id = entry.variant.id
        self.ask_lines(
            f"Chat template of {shorten(entry.variant.name, 40)}",
            entry.record.chat_template,
            "keeps this Jinja template; an empty one leaves it to the model's own",
            lambda store, text: store.set_chat_template(id, text),
        )

    def ask_for_base(self, entry: Entry) -> None:
        """Ask what an adapter sits on, of the variants that its tensors fit."""
        if entry.variant.kind != "adapter" or entry.variant.path is None:
            self.notify("This one is no adapter.")
        else:
            self.run_worker(self._choose_base(entry, entry.variant.path), group="change")

    def ask_lines(
        self, title: str, text: str, hint: str, change: Callable[[VariantStore, str], object]
    ) -> None:
        """Ask for lines of text, with which `change` changes the library."""
        from ragopt_tui.ui.screens.lines import Lines

        def given(typed: str | None) -> None:
            if typed is not None:
                self.change(lambda store: change(store, typed))

        self.app.push_screen(Lines(title, text, hint), given)

    async def _choose_base(self, entry: Entry, path: Path) -> None:
        from ragopt_tui.ui.screens.pick import Pick

        variant = entry.variant
        bases = await self.library.look(lambda store: store.bases_for(variant.id))
        if not bases:
            said = f"{variant.problem} No model here fits it: add its base first."
            self.notify(said.lstrip(), markup=False)
            return

        def picked(at: int | None) -> None:
            if at is not None:
                said = f"{variant.name} sits on {bases[at].name}."
                self.change(lambda store: store.add(path, parent=bases[at].id), said)

        rows = [Content(shorten(base.name, 60)) for base in bases]
        title = f"What {shorten(variant.name, 40)} sits on"
        self.app.push_screen(Pick(title, rows, "Enter puts it there"), picked)

    async def _change(self, change: Callable[[VariantStore], object], said: str) -> None:
        try:
            await self.library.change(change)
        except RagoptError as error:
            self.notify(str(error), severity="error", timeout=10, markup=False)
        else:
            if said:
                self.notify(said, markup=False)
