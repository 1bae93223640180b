"""Caring for the variants of the library: names, tags, notes, settings, the trash."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ragopt_tui.errors import RagoptError
from ragopt_tui.ui.model_shelf import Entry
from ragopt_tui.ui.screens.model_changing import ModelChangingScreen
from ragopt_tui.ui.variant_words import size
from ragopt_tui.ui.wording import count, shorten

if TYPE_CHECKING:
    from ragopt_tui.models.generation_settings import GenerationSettings
    from ragopt_tui.models.record import VariantRecord
    from ragopt_tui.models.store import VariantStore

_MOST_NAMED = 4


class ModelKeepingScreen(ModelChangingScreen[str | None]):
    """Changes what is kept with the marked variant, and takes variants away and back."""

    def marked(self) -> Entry | None:
        """Give the variant that is marked."""
        raise NotImplementedError

    def action_rename_variant(self) -> None:
        """Ask for another name."""
        if entry := self._mine():
            id = entry.variant.id
            self._ask_line(
                "Rename", entry.variant.name, "Enter renames", lambda s, text: s.rename(id, text)
            )

    def action_tag_variant(self) -> None:
        """Ask for the tags."""
        if entry := self.marked():
            id = entry.variant.id
            self._ask_line(
                f"Tags of {shorten(entry.variant.name, 40)}",
                ", ".join(entry.record.tags),
                "Commas between them; Enter keeps them",
                lambda s, text: s.tag(id, [tag.strip() for tag in text.split(",")]),
            )

    def action_note_variant(self) -> None:
        """Ask for a note."""
        if entry := self.marked():
            id = entry.variant.id
            self.ask_lines(
                f"Note on {shorten(entry.variant.name, 40)}",
                entry.record.note,
                "keeps it; an empty one is taken away",
                lambda s, text: s.note(id, text),
            )

    def action_template_variant(self) -> None:
        """Ask for a chat template in place of the model's own."""
        if entry := self._mine():
            self.ask_for_template(entry)

    def action_base_variant(self) -> None:
        """Ask what the marked adapter sits on."""
        if entry := self._mine():
            self.ask_for_base(entry)

    def action_set_variant(self) -> None:
        """Ask for the settings."""
        from ragopt_tui.ui.screens.model_settings import ModelSettings

        entry = self.marked()
        if entry is None or entry.variant.kind == "quotes":
            self.notify("Quotes have no settings of their own.")
            return
        id = entry.variant.id

        def chosen(settings: GenerationSettings | None) -> None:
            if settings is not None:
                self.change(lambda store: store.set_settings(id, settings))

        others = [
            each
            for each in self.library.shelf.entries
            if each.record.settings.to_json() and each.variant.id != id
        ]
        needs = self.library.needs(entry)
        self.app.push_screen(ModelSettings(entry.record, others, needs), chosen)

    def action_remove_variant(self) -> None:
        """Move the marked variant to the trash; ask first where others need it."""
        from ragopt_tui.ui.screens.confirm import Confirm

        entry = self._mine()
        if entry is None:
            return
        others = [
            each.variant.name
            for each in self.library.shelf.made_from(entry.variant.id)
            if each.variant.kind == "adapter"
        ]
        if not others:
            self._remove(entry)
            return
        named = ", ".join(shorten(name, 40) for name in others[:_MOST_NAMED])
        more = f" and {len(others) - _MOST_NAMED} more" if len(others) > _MOST_NAMED else ""
        verb = "sits on it and cannot answer" if len(others) == 1 else "sit on it and cannot answer"
        question = (
            f"Move {shorten(entry.variant.name, 40)} to the trash?\n\n"
            f"{named}{more} {verb} without it. Ctrl+Z brings it back."
        )

        def answered(yes: bool | None) -> None:
            if yes:
                self._remove(entry)

        self.app.push_screen(Confirm(question, "Remove"), answered)

    def action_restore_variant(self) -> None:
        """Bring back the variant that was removed last."""
        self.run_worker(self._restore(), group="change")

    def action_empty_trash(self) -> None:
        """Delete what was removed for good, after asking."""
        self.run_worker(self._empty_trash(), group="change")

    def _mine(self) -> Entry | None:
        """Give the marked variant unless it comes with the program."""
        entry = self.marked()
        if entry is not None and entry.variant.builtin:
            self.notify("This one comes with the program and stays as it is.")
            return None
        return entry

    def _ask_line(
        self, title: str, text: str, hint: str, change: Callable[[VariantStore, str], object]
    ) -> None:
        from ragopt_tui.ui.screens.line import Line

        def given(typed: str | None) -> None:
            if typed is not None:
                self.change(lambda store: change(store, typed))

        self.app.push_screen(Line(title, text, hint), given)

    def _remove(self, entry: Entry) -> None:
        said = f"Removed: {shorten(entry.variant.name, 60)}. Ctrl+Z brings it back."
        self.change(lambda store: store.remove(entry.variant.id), said)

    async def _restore(self) -> None:
        try:
            record = await self.library.change(_restore_last)
        except RagoptError as error:
            self.notify(str(error), severity="error", timeout=10, markup=False)
        else:
            said = f"Back: {record.variant.name}" if record else "The trash is empty."
            self.notify(said, markup=False)

    async def _empty_trash(self) -> None:
        from ragopt_tui.ui.screens.confirm import Confirm

        trashed = await self.library.look(lambda store: store.trashed())
        if not trashed:
            self.notify("The trash is empty.")
            return
        freed = sum(each.bytes for each in trashed)
        frees = f"This frees {size(freed)}." if freed else "Their files lie elsewhere and stay."
        question = f"Delete {count(len(trashed), 'variant')} in the trash for good?\n\n{frees}"

        def answered(yes: bool | None) -> None:
            if yes:
                self.change(_purge_all, "The trash is empty.")

        self.app.push_screen(Confirm(question, "Delete"), answered)


def _restore_last(store: VariantStore) -> VariantRecord | None:
    trashed = store.trashed()
    return store.restore(trashed[0].id) if trashed else None


def _purge_all(store: VariantStore) -> None:
    for each in store.trashed():
        store.purge(each.id)
