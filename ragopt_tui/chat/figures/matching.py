"""Whether a figure of an answer says what a figure of a passage says."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from ragopt_tui.chat.figures.moments import Moment
from ragopt_tui.chat.figures.quantities import Quantity
from ragopt_tui.chat.figures.senses import Sense, contradict
from ragopt_tui.chat.figures.sources import Source
from ragopt_tui.chat.figures.units import is_currency, same_unit
from ragopt_tui.chat.figures.words import stems_in

_MOST_OFF = Decimal("0.05")
"""The share of a figure that rounding may move it by, so that "5 %" is not any of 4.5 to 5.5."""
_SMALL_COUNT = 31
"""Up to here a count is in many texts by chance, and words beside it must agree too."""
_SURE_COUNT = 100
_SCALES = tuple(Decimal(f"1e{power}") for power in (3, 6, 9))


@dataclass(frozen=True, slots=True)
class Claim:
    """A quantity that an answer states, with how its words turn it.

    `stems` are those of its sentence, `noun` that of the word behind it. `level` says that it is where something stands, came from or
    went to, and no change; `base` that it is what something is compared with; `share` that it is
    so much of something. `verbatim` is one quoted from a table row, whose scale may
    stand in the caption only.
    """

    quantity: Quantity
    sense: Sense
    stems: frozenset[str] = frozenset()
    noun: frozenset[str] = frozenset()
    share: bool = False
    level: bool = False
    base: bool = False
    verbatim: bool = False


def says(claim: Claim, source: Source) -> bool:
    """Say whether a claim's figure is that of a source: value, unit, sign, and what is counted."""
    if not _same_value(claim, source) or contradict(claim.sense, source.sense):
        return False
    return not _is_small_count(claim.quantity) or bool(claim.stems & stems_around(source))


def differs_in_sign(claim: Claim, source: Source) -> bool:
    """Say whether a source has exactly the claim's figure, but the other way round."""
    return (
        is_exact(claim, source)
        and _same_value(claim, source)
        and contradict(claim.sense, source.sense)
    )


def is_exact(claim: Claim, source: Source) -> bool:
    """Say whether a source shows the claim's very value, not rounded."""
    said, held = claim.quantity, source.quantity
    return abs(said.value) == abs(held.value) or said.shown == held.shown


def stems_around(source: Source) -> frozenset[str]:
    """Give the stems of a source's sentence, or of its row's label, column and caption."""
    return stems_in(f"{source.section} {source.label} {source.heading} {source.caption}")


def _is_small_count(said: Quantity) -> bool:
    return said.is_plain and said.shown == int(said.shown) and said.shown <= _SMALL_COUNT


def is_rounded(value: Decimal, step: Decimal, exact: Decimal) -> bool:
    """Say whether `value`, shown in steps of `step`, is `exact` rounded; signs are left out."""
    off = abs(abs(value) - abs(exact))
    return off <= step / 2 and off <= abs(exact) * _MOST_OFF


def _same_value(claim: Claim, source: Source) -> bool:
    said, held = claim.quantity, source.quantity
    if _units_agree(said, held, source) and _agree(said.value, said.step, held.value, held.step):
        return True
    if not source.in_table or (held.worded and not held.unit):
        return False
    shown_alike = said.shown == held.shown and said.scale == 1
    if shown_alike and not said.measure and held.unit not in ("%", "x"):
        if said.is_plain:
            counts = not held.unit and held.scale != 1
            return not (counts and claim.noun & stems_in(source.label))
        return claim.verbatim and same_unit(said.unit, held.unit)
    return source.undeclared and _agrees_in_some_scale(said, held)


def _units_agree(said: Quantity, held: Quantity, source: Source) -> bool:
    if (held.measure and is_currency(said.unit)) or (said.measure and is_currency(held.unit)):
        return False
    if said.measure and held.measure:
        return said.measure == held.measure
    if held.measure and not source.in_table and said.shown < _SURE_COUNT and said.scale == 1:
        return held.measure in ("share", "person") and not said.unit
    if same_unit(said.unit, held.unit):
        return True
    if {said.unit, held.unit} & {"%", "x"} or (said.unit and held.unit):
        return False
    if held.unit:
        return said.scale != 1 or source.in_table or said.shown >= _SURE_COUNT
    return held.scale != 1 or source.in_table


def _agree(said: Decimal, said_step: Decimal, held: Decimal, held_step: Decimal) -> bool:
    """Say whether two values are equal, or the coarser answer is the source rounded."""
    if abs(said) == abs(held):
        return True
    return said_step >= held_step and is_rounded(said, said_step, held)


def _agrees_in_some_scale(said: Quantity, held: Quantity) -> bool:
    if not (is_currency(said.unit) or not said.unit) or said.scale == 1:
        return False
    if said.unit and held.unit and not same_unit(said.unit, held.unit):
        return False
    return any(
        _agree(said.value, said.step, held.value * scale, held.step * scale) for scale in _SCALES
    )


def names_moment(said: Moment, held: Moment, years: frozenset[int]) -> bool:
    """Say whether a date of an answer is that of a passage whose text names `years`.

    What the answer leaves out may be anything; a year that the passage's date leaves out must be
    among its other years.
    """
    if said.day and said.day != held.day:
        return False
    if not {said.month, said.or_month} & {held.month, held.or_month} - {0}:
        return False
    return (
        not said.years or bool(said.years & held.years) or (not held.years and said.years <= years)
    )
