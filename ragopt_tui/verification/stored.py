"""The reports that the library keeps beside its variants."""

from __future__ import annotations

from ragopt_tui.errors import RagoptError
from ragopt_tui.models.store import VariantStore
from ragopt_tui.verification.report import Report


def stored_report(store: VariantStore, id: str) -> Report | None:
    """Give the report of a variant, None if it was not verified; raises RagoptError if damaged."""
    reports = stored_reports(store, id)
    return reports[-1] if reports else None


def stored_reports(store: VariantStore, id: str) -> list[Report]:
    """Give the reports of the steps to a variant in their order, its own last.

    Raises RagoptError if they cannot be read.
    """
    values = store.folder.read_report(id)
    if not values:
        return []
    try:
        return [Report.from_json(each) for each in [*(values.get("before") or ()), values]]
    except (ValueError, TypeError, AttributeError) as error:
        raise RagoptError(
            f"The report of {id} cannot be read: {error}.", "Verify the variant again."
        ) from error
