"""Reading: which of the units that retrieval found answers the question, or that none does.

A large cross-encoder reads the best of them. Quotes need it to choose and to refuse; retrieval
stands without it.
"""

from __future__ import annotations

from dataclasses import replace

from ragopt_tui.knowledge.ranking import by_best_unit
from ragopt_tui.knowledge.retrieval_models import Judge, RetrievalModels
from ragopt_tui.knowledge.retrieve import Retrieval, Side, in_turns, judged

READ_UNITS = 12
"""How many of the best units are read, those of all sides together."""


def read(found: Retrieval, models: RetrievalModels) -> Retrieval:
    """Read the best units and order units and passages by that; the other units are left out.

    A cross-encoder of the user's own has read all that it is given when it skimmed.
    """
    if models.reading is None:
        return found
    share = READ_UNITS // len(found.sides)
    sides = [_read(side, models.reading, share) for side in found.sides]
    lists = [
        by_best_unit(found.hits, [*side.units, *skimmed.units[share:]])
        for side, skimmed in zip(sides, found.sides, strict=True)
    ]
    return replace(found, hits=in_turns(lists), sides=tuple(sides))


def _read(side: Side, judge: Judge, share: int) -> Side:
    return replace(side, units=judged(side.question, side.units[:share], judge))
