"""Years that an answer names and the passages name too, but for something else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ragopt_tui.chat.figures.claims import Statements
from ragopt_tui.chat.figures.matching import names_moment
from ragopt_tui.chat.figures.moments import Moment
from ragopt_tui.chat.figures.passages import ReadPassage
from ragopt_tui.chat.figures.sources import Source
from ragopt_tui.chat.figures.words import stems_in

_RESTATED = 0.75
"""The least share of a sentence's words that a passage's sentence has of which it says the same."""
_FEWEST_STEMS = 3


def doubted_years(
    statements: Statements,
    sources: Mapping[int, Sequence[Source]],
    passages: Sequence[ReadPassage],
) -> set[int]:
    """Give the years and dates, by index, that the sentence states against its cited passages.

    A year is doubted where each figure stated for it stands in the passages for other years only,
    or where the passages say what the sentence says, but of another year. `sources` are where the
    sentence's figures stand, by index.
    """
    restated = _dates_of_restated(statements, passages)
    doubted = set()
    for index, figure in enumerate(statements.figures):
        if not isinstance(figure, Moment) or not figure.years:
            continue
        verdicts = [
            _stands_for(figure, periods, sources[at])
            for at, periods in statements.periods.items()
            if figure in periods and sources.get(at)
        ]
        if True in verdicts:
            continue
        if False in verdicts or (restated and not any(_fits(figure, held) for held in restated)):
            doubted.add(index)
    return doubted


def _stands_for(
    moment: Moment, periods: Sequence[Moment], sources: Sequence[Source]
) -> bool | None:
    """Say whether a figure stands for a year in its sources; None where that is open."""
    if any(_is_of(moment, source) for source in sources):
        return True
    is_open = any(not source.years for source in sources)
    others = [other for other in periods if other is not moment]
    if is_open or any(_is_of(other, source) for other in others for source in sources):
        return None
    return False


def _is_of(moment: Moment, source: Source) -> bool:
    parts_agree = not moment.part or source.part in ("", moment.part)
    if len(moment.years) > 1 and len(source.years) > 1:
        return moment.years <= source.years and parts_agree
    return bool(source.years & moment.years) and parts_agree


def _dates_of_restated(statements: Statements, passages: Sequence[ReadPassage]) -> list[Moment]:
    """Give the dates of the sentences that say what the statement says, or what of it those do not."""
    said = stems_in(statements.plain.text)
    if len(said) < _FEWEST_STEMS or any(not passage.sentences for passage in passages):
        return []
    sentences = [sentence for passage in passages for sentence in passage.sentences]
    restated = [(s, dates) for s, dates in sentences if len(said & s) >= _RESTATED * len(said)]
    if not any(dates for _, dates in restated):
        return []
    left = said.difference(*(stems for stems, _ in restated))
    return [date for stems, dates in sentences for date in dates if stems & left] + [
        date for _, dates in restated for date in dates
    ]


def _fits(moment: Moment, held: Moment) -> bool:
    if moment.month and held.month:
        return names_moment(moment, held, held.years)
    return bool(moment.years & held.years)
