"""Verifying a variant of the library and keeping what was found with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ragopt_tui.conversion.paces import Paces, compared_size
from ragopt_tui.errors import RagoptError
from ragopt_tui.jobs.events import Reporter
from ragopt_tui.models.record import VariantRecord
from ragopt_tui.models.standing import came_from, can_be_verified, file_state, standing_of
from ragopt_tui.models.store import VariantStore
from ragopt_tui.settings import folders
from ragopt_tui.verification.report import Report
from ragopt_tui.verification.words import outcome, remedy

_CUT_SHORT = ("child.loads", "parent.loads")
"""What is found where a model does not run, which ends the comparison."""


@dataclass(frozen=True, slots=True)
class Checking:
    """Verifies what the steps of a path make, on `texts`; what is verified already is not again."""

    store: VariantStore
    texts: Sequence[str]
    report: Reporter

    def __call__(self, record: VariantRecord) -> None:
        """Verify a variant that was made; raises RagoptError with the cause if it is broken."""
        standing = standing_of(record, self.store.known)
        if standing is not None and standing.holds and standing.verdict != "broken":
            return
        if record.variant.kind == "adapter" and not record.variant.parent:
            # Without a base in GGUF there is nothing to run it on.
            return
        parent = parent_of(self.store, record)
        found = verify_and_keep(self.store, record, parent, self.texts, self.report)
        said = outcome(record.variant.name, parent.variant.name, found)
        if found.verdict == "broken":
            show = f"`ragopt-tui verify {record.variant.id}` shows all; it stays in the library."
            raise RagoptError(said, " ".join(filter(None, [remedy(found.causes), show])))
        if found.verdict == "degraded":
            self.report.message(said)


def parent_of(store: VariantStore, child: VariantRecord, against: str = "") -> VariantRecord:
    """Give the variant to compare one with: `against`, or the one that it was made from.

    Raises RagoptError if there is none, or if nothing can be compared.
    """
    name = child.variant.name
    if not can_be_verified(child) and not against:
        raise RagoptError(
            f"{name} was not made from another variant: there is nothing to compare it with.",
            "Merged models and GGUF files are verified; `--against` names any other.",
        )
    for id in (against, came_from(child), child.variant.parent):
        parent = store.known(id) if id else None
        if parent is not None and parent.variant.id != child.variant.id:
            return store.record(parent.variant.id)
        if against:
            raise RagoptError(f"{name} cannot be compared with {against!r}.", "Name another one.")
    raise RagoptError(
        f"What {name} was made from is not in the library.",
        f"Add it, or name what to compare with: `ragopt-tui verify {child.variant.id} --against …`.",
    )


def verify_and_keep(
    store: VariantStore,
    child: VariantRecord,
    parent: VariantRecord,
    texts: Sequence[str],
    report: Reporter,
) -> Report:
    """Compare two variants and keep the report with the child; gives the report.

    Raises RagoptError where they cannot be compared, JobCancelled.
    """
    from ragopt_tui.verification.verify import verify

    states = file_state(child), file_state(parent)
    found = verify(store, child, parent, texts, report)
    if not any(finding.check in _CUT_SHORT for finding in found.findings):
        size = compared_size(child, parent, store.known(parent.variant.parent))
        Paces.of(folders().data).note("compare", size, found.seconds)
    summary = found.summary() | {
        "parent_name": parent.variant.name,
        "state": states[0],
        "parent_state": states[1],
    }
    store.keep_verification(child.variant.id, found.to_json(), summary)
    return found
