"""Who answers: chosen from the library, loaded, and told what becomes of it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, cast

from textual import on, work
from textual.content import Content

from ragopt_tui.errors import RagoptError
from ragopt_tui.ui import messages
from ragopt_tui.ui.screens.conversing import ConversingScreen
from ragopt_tui.ui.screens.model_changing import ModelChangingScreen
from ragopt_tui.ui.wording import MUTED, speaker
from ragopt_tui.verification.words import warning

if TYPE_CHECKING:
    from ragopt_tui.ui.model_jobs import ModelJob
    from ragopt_tui.ui.model_library import ModelLibrary
    from ragopt_tui.ui.model_shelf import Shelf
    from ragopt_tui.ui.opening import Opening
    from ragopt_tui.ui.widgets.answer_card import AnswerCard
    from ragopt_tui.ui.widgets.job_list import JobList
    from ragopt_tui.ui.widgets.model_tree import ModelTree


_LIBRARY_SECONDS = 0.5


class ChoosingScreen(ConversingScreen, ModelChangingScreen[None]):
    """Shows the library beside the chat and lets one of its variants answer."""

    opening: Opening
    models: ModelTree
    jobs: JobList
    _before: str | None = None
    engine_note = ""
    """What the engine is busy with or why it is not there, before anything else is said."""

    # Nobody sets it from outside.
    @cached_property
    def library(self) -> ModelLibrary:  # type: ignore[override]
        """The variants there are; not needed for the first frame."""
        return self.opening.models()

    def show_state(self) -> None:
        """Bring up to date what is said of the engine and of who answers."""
        raise NotImplementedError

    def begin_choosing(self) -> None:
        """Read the library, and follow what becomes of it and of jobs about it."""
        # Reading it takes as long as the first frame, which it must not hold up.
        self.set_timer(_LIBRARY_SECONDS, self._read_library)

    def answering(self) -> Content:
        """Say who answers, and what speaks against it."""
        # Nothing is known of the library before the first frame.
        known = "library" in self.__dict__
        entry = self.library.shelf.find(self.variant_id) if known else None
        said = Content.styled(speaker(self.variant_id, entry.variant.name if entry else ""), MUTED)
        if entry is None or not warning(entry.record, entry.standing):
            return said
        standing = entry.standing
        stands = "verified no longer" if standing and standing.stale else "not verified"
        stands = "broken" if standing and standing.verdict == "broken" else stands
        return Content.assemble(said, (f" · ! {stands}", "$text-warning"))

    def _read_library(self) -> None:
        self.library.changed.subscribe(self, self._models_changed)
        self.library.working.subscribe(self, self._jobs_changed)
        self.run_worker(self.library.begin(), group="models")

    def action_choose_model(self) -> None:
        """Open the list of who can answer."""

        from ragopt_tui.ui.screens.models import Models

        def chosen(variant: str | None) -> None:
            if variant is not None:
                self._answer_with(variant)

        self.app.push_screen(Models(self.library, self.variant_id), chosen)

    def action_switch_model(self) -> None:
        """Let the variant answer that did before the present one; choose one where none did."""
        if self._before is None or self.library.shelf.find(self._before) is None:
            self.action_choose_model()
        else:
            self._answer_with(self._before)

    def action_use_made(self) -> None:
        """Let the variant answer that was made here last."""
        if self.library.made:
            self._answer_with(self.library.made)
        else:
            self.notify("No model was made since the start; F2 lists all there are.")

    @on(messages.ChooseVariant)
    def _choose_variant(self, event: messages.ChooseVariant) -> None:
        self._answer_with(event.variant)

    @on(messages.EngineChanged)
    def _look_whether_one_broke(self, event: messages.EngineChanged) -> None:
        if event.state == "dead":
            # A model that the engine did not survive is marked as broken.
            self.run_worker(self.library.load_again(), group="models")

    def _models_changed(self, shelf: Shelf) -> None:
        if shelf.find(self.variant_id) is None:
            self.notify("The model that answered is no longer there; quotes answer.")
            self.variant_id = "quotes"
        self._show_variant()
        for card in self.query("AnswerCard"):
            cast("AnswerCard", card).show_name()

    def _jobs_changed(self, jobs: tuple[ModelJob, ...]) -> None:
        self.jobs.model_jobs = jobs

    @work(group="variant", exclusive=True)
    async def _answer_with(self, variant: str) -> None:
        """Let a variant answer from the next question on; the one before stays if it can't.

        It is asked for the chat template or the base without which it cannot.
        """
        entry = self.library.shelf.find(variant)
        if variant == self.variant_id or (entry is not None and self.ask_for_what_lacks(entry)):
            return
        before, self.variant_id = self.variant_id, variant
        self.engine_note = "" if variant == "quotes" else f"● loading {self._called(variant)}…"
        self._show_variant()
        if variant == "quotes":
            self._before = before
            return
        try:
            await self.opening.engine.call("load", {"variant": variant})
        except RagoptError as error:
            self.variant_id = before
            self.notify(str(error), severity="error", timeout=10, markup=False)
        else:
            self._before = before
            self._warn_of(variant)
        self.engine_note = ""
        self._show_variant()

    def _called(self, variant: str) -> str:
        entry = self.library.shelf.find(variant)
        return speaker(variant, entry.variant.name if entry else "")

    def _warn_of(self, variant: str) -> None:
        """Say once, when a variant is chosen, that its answers may not be what they should be."""
        entry = self.library.shelf.find(variant)
        if entry is not None and (said := warning(entry.record, entry.standing)):
            self.notify(said, severity="warning", timeout=10, markup=False)

    def _show_variant(self) -> None:
        self.models.show(self.library.shelf, self.variant_id)
        self.show_state()
