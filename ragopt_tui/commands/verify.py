"""`ragopt-tui verify`: a variant compared with the one that it was made from."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from pathlib import Path

from ragopt_tui.commands.following import result_of
from ragopt_tui.conversion.paces import comparing_seconds
from ragopt_tui.errors import RagoptError
from ragopt_tui.models.standing import is_peft_adapter
from ragopt_tui.models.store import VariantStore
from ragopt_tui.plaintext import one_line
from ragopt_tui.settings import folders
from ragopt_tui.ui.wording import time_needed
from ragopt_tui.verification.checking import parent_of
from ragopt_tui.verification.numbers import histogram_rows, limit, number, worst_first
from ragopt_tui.verification.report import Report
from ragopt_tui.verification.starting import indexed, start_comparing_merges, start_verify
from ragopt_tui.verification.stored import stored_report
from ragopt_tui.verification.words import MARKS, OUTCOME_MARKS, VERDICTS

EXIT_CODES = {"verified": 0, "degraded": 4, "broken": 5}
"""What the command gives for each verdict; 1 is left to a verification that failed."""

_WIDTH = 96
_BAR = 30
_LONGEST = 300


def verify(name: str, against: str, docs: str, as_json: bool) -> int:
    """Compare a variant with another, print the report, and give the exit code of its verdict.

    Of an adapter it is measured what it is best merged into, if it was trained in 4 bits.
    """
    store = VariantStore(folders().models)
    child = store.record(store.find(name).id)
    if is_peft_adapter(child) and not against:
        result = result_of(
            start_comparing_merges(child.variant.id, child.variant.name, _indexed(docs))
        )
        print(json.dumps(result, ensure_ascii=False) if as_json else result["message"])
        return 0
    other = store.find(against).id if against else ""
    parent = parent_of(store, child, other)
    seconds = comparing_seconds(child, parent, store.known(parent.variant.parent))
    job = start_verify(child.variant.id, child.variant.name, other, _indexed(docs))
    result_of(job, time_needed(seconds))
    report = stored_report(store, child.variant.id)
    if report is None:
        raise RagoptError(f"The report of {child.variant.name} is gone.", "Verify it again.")
    if as_json:
        print(json.dumps(report.to_json(), ensure_ascii=False))
    else:
        print("\n".join(_lines(report, child.variant.name, parent.variant.name)))
    return EXIT_CODES[report.verdict]


def _indexed(docs: str) -> str:
    texts = indexed(Path(docs).expanduser()) if docs else ""
    if docs and not texts:
        raise RagoptError(f"{docs} is not indexed.", f"Run `ragopt-tui index {docs}` first.")
    return texts


def _lines(report: Report, child: str, parent: str) -> Iterator[str]:
    yield f"{one_line(child)} compared with {one_line(parent)} ({report.step})"
    yield f"{MARKS[report.verdict]} {VERDICTS[report.verdict]}"
    for at, cause in enumerate(report.causes, 1):
        yield ""
        yield from _wrapped(f"{at}. ", cause.sentence)
        yield from _wrapped("   because ", cause.evidence)
        yield from _wrapped("   do      ", cause.remedy)
    yield ""
    for finding in worst_first(report.findings):
        measured, bound = number(finding.measured), limit(finding)
        head = f"{OUTCOME_MARKS[finding.outcome]} {measured:>10} {bound:<14} "
        yield from _wrapped(head, finding.sentence)
    rows = histogram_rows(report.histogram)
    most = max((share for _, _, share in rows), default=1.0)
    if rows:
        yield ""
        yield f"KL divergence of {report.positions:,} positions, in nats"
        for name, count, share in rows:
            bar = "█" * round(share / most * _BAR)
            yield f"{name:>20} {bar:<{_BAR}} {count:>6,}"
    for answers in report.answers:
        yield ""
        yield from _wrapped("question ", answers.question)
        yield from _wrapped("   parent ", answers.parent)
        yield from _wrapped("     this ", answers.child)
    if report.not_compared:
        yield ""
        yield "Not compared"
        for sentence in report.not_compared:
            yield from _wrapped("- ", sentence)


def _wrapped(head: str, text: str) -> list[str]:
    room = max(20, _WIDTH - len(head))
    lines = textwrap.wrap(one_line(text, _LONGEST), room) or [""]
    return [f"{head if not at else ' ' * len(head)}{line}" for at, line in enumerate(lines)]
