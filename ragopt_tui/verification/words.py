"""How verdicts and divergences are written, on the screen and in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ragopt_tui.plaintext import one_line

if TYPE_CHECKING:
    from ragopt_tui.models.record import VariantRecord
    from ragopt_tui.models.standing import Standing
    from ragopt_tui.verification.report import Cause, Report

VERDICTS = {"verified": "Verified", "degraded": "Degraded", "broken": "Broken"}
MARKS = {"verified": "✓", "degraded": "~", "broken": "✗"}
OUTCOME_MARKS = {"passed": "✓", "degraded": "~", "failed": "✗", "not compared": "·"}
UNVERIFIED, STALE = "·", "?"

_LONGEST_NAME = 60


def badge(standing: Standing | None) -> str:
    """Give a verification in a few cells: `✓.021`, `~.080`, `✗`, `?` if it holds no longer, or `·`.

    Empty where it is not known what a variant was made from.
    """
    if standing is None:
        return ""
    if not standing.verdict:
        return UNVERIFIED if standing.parent else ""
    if standing.stale:
        return STALE
    if standing.verdict == "broken" or standing.divergence is None:
        return MARKS[standing.verdict]
    return f"{MARKS[standing.verdict]}{_short(standing.divergence)}"


def divergence(value: float | None) -> str:
    """Give a mean KL divergence to two digits: `0.021`, `0.00014`; "" if there is none."""
    if value is None:
        return ""
    return f"{value:.2g}" if value >= 1e-4 or value == 0 else f"{value:.1e}"


def outcome(child: str, parent: str, report: Report) -> str:
    """Say in a sentence how a variant compares with another, with the likeliest cause."""
    child, parent = one_line(child, _LONGEST_NAME), one_line(parent, _LONGEST_NAME)
    if report.verdict == "verified":
        measured = divergence(report.divergence)
        about = f": KL divergence {measured}" if measured else ""
        return f"{child} is verified against {parent}{about}."
    return f"{child} is {report.verdict} against {parent}: {reason(report)}"


def reason(report: Report) -> str:
    """Give the likeliest cause in a sentence, or what the worst finding says; "" if all is well."""
    if report.causes:
        return report.causes[0].sentence
    for wanted in ("failed", "degraded"):
        for finding in report.findings:
            if finding.outcome == wanted:
                return finding.sentence
    return report.not_compared[0] if report.not_compared else ""


def remedy(causes: tuple[Cause, ...]) -> str:
    """Say what to do about the likeliest cause, "" if there is none."""
    return causes[0].remedy if causes else ""


def warning(record: VariantRecord, standing: Standing | None) -> str:
    """Say in a sentence why the answers of a variant may not be what its parent would give.

    Empty where nothing speaks against it; what came from elsewhere need not be verified.
    """
    name = one_line(record.variant.name, _LONGEST_NAME)
    if standing is None:
        return ""
    if standing.stale:
        return f"{name}: {standing.stale} Verify it again."
    if standing.verdict == "broken":
        return (
            f"{name} is broken: it does not answer as what it was made from. Its report says why."
        )
    if not standing.verdict and record.made is not None:
        return f"{name} was made here and is not verified: what it lost is not known."
    return ""


def _short(value: float) -> str:
    if 0 < value < 0.0005:
        return "<.001"
    return f"{value:.3f}".removeprefix("0") if value < 0.9995 else f"{value:.1f}"
