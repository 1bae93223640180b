"""Verifying cases of the sabotage suite: their files alone, or all there is to verify."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ragopt_tui.jobs.events import Reporter
from ragopt_tui.models.store import VariantStore
from ragopt_tui.verification.causes import diagnose
from ragopt_tui.verification.report import Report
from ragopt_tui.verification.sides_opening import step_of
from ragopt_tui.verification.structure.check import check_structure
from ragopt_tui.verification.verify import verify
from tests.verification.sabotage import Case, Fault


def by_files(case: Case) -> Report:
    """Compare what the files of a case say."""
    others = {record.variant.id: record for record in case.others}
    findings = check_structure(
        case.child, case.parent, case.base, lambda done, total: None, others.get
    )
    step = step_of(case.child, case.parent)
    return Report(
        case.child.variant.id, case.parent.variant.id, step, tuple(findings), diagnose(findings)
    )


def verified(case: Case, folder: Path, documents: Sequence[str] = ()) -> Report:
    """Verify a case as the program does, in a library of its own."""
    store = VariantStore(folder / "models")
    for record in (case.base, case.parent, *case.others, case.child):
        if store.known(record.variant.id) is None:
            store.folder.create(record)
    return verify(store, case.child, case.parent, documents, Reporter(folder / "events.jsonl"))


def row(fault: Fault, report: Report) -> str:
    """Give a line of the table: fault, verdict, first cause, and whether that is a right one."""
    first = report.causes[0].name if report.causes else "none"
    right = "right" if first in fault.right else f"not {' or '.join(fault.right)}"
    return f"{fault.name:48}{report.verdict:10}{first:28}{right}"
