"""How measured values and their limits are written in a report."""

from __future__ import annotations

import math

from ragopt_tui.verification.report import Finding


def number(value: float | None) -> str:
    """Give a number to four digits: `0.0214`, `3,072`, `1.2e-07`; "" if there is none."""
    if value is None:
        return ""
    if not math.isfinite(value):
        return "not finite"
    if value == int(value) and abs(value) < 1e9:
        return f"{int(value):,}"
    return f"{value:.4g}" if 1e-3 <= abs(value) < 1e4 else f"{value:.2g}"


def limit(finding: Finding) -> str:
    """Give what a finding was compared with: `limit 0.05`; "" if it was with nothing."""
    return f"limit {number(finding.limit)}" if finding.limit is not None else ""


def worst_first(findings: tuple[Finding, ...]) -> list[Finding]:
    """Give findings with those that failed before all others, and predictions before the rest."""
    order = {"failed": 0, "degraded": 1, "passed": 2, "not compared": 3}

    def rank(finding: Finding) -> tuple[int, bool]:
        return order[finding.outcome], not finding.check.startswith("distribution.")

    return sorted(findings, key=rank)


def histogram_rows(
    histogram: tuple[tuple[float, ...], tuple[int, ...]],
) -> list[tuple[str, int, float]]:
    """Give each range of divergence with how many positions it has, and their share of all.

    Ranges below and above all positions are left out.
    """
    edges, counts = histogram
    total = sum(counts) or 1
    ranges = list(zip(edges, edges[1:], counts, strict=False))
    while ranges and not ranges[-1][2]:
        ranges.pop()
    while ranges and not ranges[0][2]:
        ranges.pop(0)
    last = edges[-1] if edges else 0.0
    return [(_range(low, high, last), count, count / total) for low, high, count in ranges]


def _range(low: float, high: float, last: float) -> str:
    if high == last:
        return f"over {_edge(low)}"
    return f"under {_edge(high)}" if low <= 0 else f"{_edge(low)} to {_edge(high)}"


def _edge(value: float) -> str:
    return f"{value:g}" if value >= 1e-4 else f"{value:.0e}"
