"""Whether a figure follows from cited figures by one step of arithmetic, and by which."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import combinations

from ragopt_tui.chat.figures.matching import Claim, is_rounded
from ragopt_tui.chat.figures.operands import Operands, operands_for
from ragopt_tui.chat.figures.passages import ReadPassage
from ragopt_tui.chat.figures.quantities import Quantity
from ragopt_tui.chat.figures.sources import Source
from ragopt_tui.chat.figures.statement import Statement
from ragopt_tui.chat.figures.units import is_currency, same_unit

_CHANGE = re.compile(
    r"\b(?:chang\w*|differ\w*|gap|swing|spread|growth|increase|decrease|decline|rise|reduction)\b",
    re.IGNORECASE,
)
_SHARE = re.compile(
    r"\b(?:shares?|proportion|portion|fraction|accounts?|accounted|accounting|represent\w*|made up|makes up|"
    r"contribut\w*|as an? (?:percentage|share|proportion)|weight)\b",
    re.IGNORECASE,
)
_MARGIN = re.compile(r"\b(?:margin|ratio|rate)\b", re.IGNORECASE)
_SUM = re.compile(
    r"\b(?:total\w*|together|sum\w*|combined|aggregate\w*|altogether|overall|both|in all|plus|cumulative\w*|"
    r"added|adding|jointly)\b",
    re.IGNORECASE,
)
_MOST_TERMS = 3


@dataclass(frozen=True, slots=True)
class Computation:
    """`formula` as text, such as "(1,121.7 − 1,058.3) / 1,058.3 = 6.0 %", and its passages."""

    formula: str
    passages: tuple[int, ...]


def computation_of(
    claim: Claim, statement: Statement, found: Sequence[Source], cited: Iterable[ReadPassage]
) -> Computation | None:
    """Find a difference, growth, ratio, share or sum of cited figures that gives the claim.

    Operands are figures that the answer itself states and the evidence holds (`found`), else cells
    of the rows that it names in one row or one column, or figures of one sentence that speaks of
    the same. The words of the statement must speak of such an operation.
    """
    for operands in operands_for(statement, found, cited):
        for computation in _computations(claim, statement, operands):
            return computation
    return None


def _computations(claim: Claim, statement: Statement, operands: Operands) -> Iterator[Computation]:
    said = claim.quantity
    if claim.sense.way or (not claim.level and _CHANGE.search(statement.words)):
        for later, earlier in operands.pairs():
            yield from _changes(claim, later, earlier)
    if said.unit == "x" or _may_be_share(claim, statement, operands):
        for part, whole in operands.pairs():
            yield from _quotient(claim, part, whole)
    if said.unit not in ("%", "x") and _SUM.search(statement.words):
        for size in range(2, _MOST_TERMS + 1):
            for terms in combinations(operands.sources, size):
                yield from _sum(claim, terms)


def _may_be_share(claim: Claim, statement: Statement, operands: Operands) -> bool:
    """Say whether a percentage is said to be a share, or a margin of two figures that are named."""
    if claim.quantity.unit != "%" or claim.quantity.points or claim.sense.way:
        return False
    if claim.share or _SHARE.search(statement.words):
        return True
    return not operands.with_totals and _MARGIN.search(statement.words) is not None


def _changes(claim: Claim, later: Source, earlier: Source) -> Iterator[Computation]:
    a, b = later.quantity, earlier.quantity
    if not _go_together(later, earlier) or a.unit == "x" != claim.quantity.unit:
        return
    if a.value < 0 and b.value < 0:
        # Costs and losses are said to rise where their amount does.
        a, b = replace(a, value=-a.value), replace(b, value=-b.value)
        later, earlier = replace(later, quantity=a), replace(earlier, quantity=b)
    if claim.quantity.unit == "%" and not claim.quantity.points:
        yield from _growth(claim, later, earlier)
        return
    difference = a.value - b.value
    if difference < 0 and not _way(claim):
        later, earlier, a, b, difference = earlier, later, b, a, -difference
    said = claim.quantity
    alike = said.unit == a.unit if a.unit in ("%", "x") else _is_amount_like(said, a)
    if alike and difference and _is_exactly(said, difference, a, b) and _goes(claim, difference):
        sign = "−" if difference < 0 and not said.signed else ""
        yield _result(" − ".join(_shown(a, b)), f"{sign}{said.text}", later, earlier)


def _growth(claim: Claim, later: Source, earlier: Source) -> Iterator[Computation]:
    said, a, b = claim.quantity, later.quantity, earlier.quantity
    if a.unit == "%" or b.value <= 0:
        return
    growth = (a.value - b.value) / b.value * 100
    if growth and _goes(claim, growth) and is_rounded(said.value, said.step, growth):
        new, old = _shown(a, b)
        yield _result(f"({new} − {old}) / {old}", _percent(growth, said), later, earlier)


def _quotient(claim: Claim, part: Source, whole: Source) -> Iterator[Computation]:
    said, a, b = claim.quantity, part.quantity, whole.quantity
    if not _go_together(part, whole) or a.unit in ("%", "x") or b.value == 0:
        return
    quotient = abs(a.value / b.value)
    if said.unit == "%":
        if quotient > 1:
            return
        quotient *= 100
    if said.value > 0 and is_rounded(said.value, said.step, quotient):
        result = _percent(quotient, said) if said.unit == "%" else f"{_at_step(quotient, said)}x"
        yield _result(" / ".join(_shown(a, b)), result, part, whole)


def _sum(claim: Claim, terms: Sequence[Source]) -> Iterator[Computation]:
    said = claim.quantity
    quantities = [term.quantity for term in terms]
    if not all(_go_together(terms[0], t) and _is_amount_like(said, t.quantity) for t in terms):
        return
    total = sum((q.value for q in quantities), Decimal(0))
    is_signed_right = not said.signed or (said.value < 0) == (total < 0)
    if (
        all(q.value for q in quantities)
        and is_signed_right
        and _is_exactly(said, total, *quantities)
    ):
        yield _result(" + ".join(_shown(*quantities)), said.text, *terms)


def _is_exactly(said: Quantity, result: Decimal, *operands: Quantity) -> bool:
    """Say whether a figure is a result, with no more digits than its operands give it."""
    if abs(said.value) == abs(result):
        return True
    return said.step >= min(q.step for q in operands) and is_rounded(said.value, said.step, result)


def _way(claim: Claim) -> int:
    return claim.sense.sign or {"up": 1, "down": -1, "": 0}[claim.sense.way]


def _goes(claim: Claim, change: Decimal) -> bool:
    """Say whether a change goes the way that the claim's words say; up where they say none."""
    return (change > 0) == (_way(claim) >= 0)


def _go_together(one: Source, other: Source) -> bool:
    """Say whether two figures have one unit; a table may write the currency at some cells only."""
    if same_unit(one.quantity.unit, other.quantity.unit):
        return True
    units = {one.quantity.unit, other.quantity.unit}
    return one.in_table and other.in_table and "" in units and any(map(is_currency, units))


def _is_amount_like(said: Quantity, held: Quantity) -> bool:
    if held.unit in ("%", "x"):
        return False
    return same_unit(said.unit, held.unit) or not (said.unit and held.unit)


def _shown(*quantities: Quantity) -> list[str]:
    """Write operands as numerals where their scales agree, else with unit and scale."""
    alike = len({(q.scale, q.unit == "%") for q in quantities}) == 1
    return [_numeral(q) if alike else q.text for q in quantities]


def _numeral(quantity: Quantity) -> str:
    sign = "−" if quantity.value < 0 else ""
    return f"{sign}{quantity.shown:,f}" + (" %" if quantity.unit == "%" else "")


def _percent(value: Decimal, said: Quantity) -> str:
    return f"{_at_step(value, said)} %"


def _at_step(value: Decimal, said: Quantity) -> str:
    return f"{value.quantize(said.step):,f}".replace("-", "−")


def _result(left: str, right: str, *operands: Source) -> Computation:
    passages = tuple(sorted({operand.passage for operand in operands}))
    return Computation(f"{left} = {right}", passages)
