"""Having variants compared with what they were made from, and showing what that found."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, cast

from textual.content import Content

from ragopt_tui.errors import RagoptError
from ragopt_tui.ui.screens.model_shipping import ModelShippingScreen
from ragopt_tui.ui.wording import MUTED, shorten, time_needed

if TYPE_CHECKING:
    from ragopt_tui.models.record import VariantRecord
    from ragopt_tui.ui.app import RagoptApp
    from ragopt_tui.ui.model_shelf import Entry


class ModelVerifyingScreen(ModelShippingScreen):
    """Verifies the marked variant, and opens its report."""

    def can_verify(self) -> bool:
        """Whether the marked variant can be compared with another, or its merges can."""
        entry = self.marked()
        if entry is None or entry.variant.problem:
            return False
        return entry.standing is not None or self._can_merge(entry)

    def has_report(self) -> bool:
        """Whether the marked variant was verified, be it long ago."""
        entry = self.marked()
        return entry is not None and entry.standing is not None and bool(entry.standing.verdict)

    async def action_verify_variant(self) -> None:
        """Ask what to compare the marked variant with, first what it was made from, and start.

        How long that takes is said beforehand.
        """
        from ragopt_tui.conversion.paces import comparing_seconds
        from ragopt_tui.ui.screens.pick import Pick

        entry = self.marked()
        if entry is None or not self.can_verify():
            self.notify("Merged models and GGUF files are compared with what they were made from.")
            return
        if self._can_merge(entry):
            self._ask_comparing_merges(entry)
            return
        variant, parents = entry.variant, self._parents(entry)
        if not parents:
            self.notify("There is no other variant to compare it with.")
            return
        docs = cast("RagoptApp", self.app).docs

        def picked(at: int | None) -> None:
            if at is not None:
                self._verify(variant.id, variant.name, parents[at].variant.id, docs)

        origins = _origins(entry)
        rows = [_row(each, each.variant.id in origins) for each in parents]
        title = f"Compare {shorten(variant.name, 44)} with"
        child, parent = entry.record, parents[0].record
        seconds = await asyncio.to_thread(
            comparing_seconds, child, parent, self._record(parent.variant.parent)
        )
        hint = f"{time_needed(seconds)}\nEnter compares them"
        self.app.push_screen(Pick(title, rows, hint), picked)

    def action_show_report(self) -> None:
        """Show what the verification of the marked variant found."""
        entry = self.marked()
        if entry is None or not self.has_report():
            self.notify("This one was not verified.")
        else:
            self.run_worker(self._show_report(entry), group="report", exclusive=True)

    def _parents(self, entry: Entry) -> list[Entry]:
        """Give the variants that one can be compared with, the one that it was made from first."""
        others = [
            each
            for each in self.library.shelf.entries
            if each.variant.path is not None
            and not each.variant.problem
            and each.variant.id != entry.variant.id
        ]
        origins = _origins(entry)
        return sorted(others, key=lambda each: each.variant.id not in origins)

    def _record(self, id: str) -> VariantRecord | None:
        entry = self.library.shelf.find(id)
        return entry.record if entry else None

    def _can_merge(self, entry: Entry) -> bool:
        from ragopt_tui.models.standing import is_peft_adapter

        return is_peft_adapter(entry.record) and bool(entry.variant.parent)

    def _ask_comparing_merges(self, entry: Entry) -> None:
        from ragopt_tui.ui.screens.confirm import Confirm
        from ragopt_tui.verification.starting import indexed, start_comparing_merges

        variant, docs = entry.variant, cast("RagoptApp", self.app).docs

        def answered(yes: bool | None) -> None:
            if yes:
                self._begin(lambda: start_comparing_merges(variant.id, variant.name, indexed(docs)))

        question = (
            f"Was {shorten(variant.name, 40)} trained on a base in 4 bits (QLoRA)?\n\n"
            "Then both ways to merge it are measured, and making a GGUF file takes the nearer one."
        )
        self.app.push_screen(Confirm(question, "Measure"), answered)

    def _verify(self, id: str, name: str, against: str, docs: Path | None) -> None:
        from ragopt_tui.verification.starting import indexed, start_verify

        self._begin(lambda: start_verify(id, name, against, indexed(docs)))

    async def _show_report(self, entry: Entry) -> None:
        from ragopt_tui.ui.screens.verification import VerificationReport
        from ragopt_tui.verification.stored import stored_reports

        id, standing = entry.variant.id, entry.standing
        try:
            reports = await self.library.look(lambda store: stored_reports(store, id))
        except RagoptError as error:
            self.notify(str(error), severity="error", timeout=10, markup=False)
            return
        if not reports:
            self.notify("Its report is gone; verify it again.", severity="warning")
            return

        def name_of(other: str) -> str:
            known = self.library.shelf.find(other)
            kept = standing.parent_name if standing and standing.parent == other else other
            return known.variant.name if known else kept

        stale = standing.stale if standing else ""
        await self.app.push_screen(VerificationReport(entry.variant.name, reports, name_of, stale))


def _origins(entry: Entry) -> tuple[str, str]:
    """Give the ids of the variants that one was made from: in one step, and at the beginning."""
    from ragopt_tui.models.standing import came_from

    return came_from(entry.record), entry.variant.parent


def _row(entry: Entry, origin: bool) -> Content:
    about = "  which it was made from" if origin else ""
    return Content.assemble(shorten(entry.variant.name, 40), (about, MUTED))
