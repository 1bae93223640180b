"""Train, validation and test: drawn by a seed, and no group on two sides."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ragopt_tui.errors import RagoptError
from ragopt_tui.training.data.example import Example
from ragopt_tui.training.data.overlap import same_prompt
from ragopt_tui.training.data.record import Split

Splits = dict[Split, list[Example]]


@dataclass(frozen=True, slots=True)
class Shares:
    """How much is kept for validation and test: a share below 1, or a number of rows; 0 for none."""

    validation: float = 0.0
    test: float = 0.0
    seed: int = 0

    @property
    def words(self) -> str:
        """How a record tells it, as `validation 0.1, test 50, seed 0`."""
        return f"validation {self.validation:g}, test {self.test:g}, seed {self.seed}"


def split_examples(examples: Sequence[Example], shares: Shares) -> Splits:
    """Split examples, each side in the order of the set; the same seed gives the same split.

    Examples of a group stay together, and so do those that ask the same from the same evidence.
    Sizes are met as nearly as groups allow. Raises RagoptError where there is too little to split.
    """
    count = len(examples)
    wanted = {
        "validation": _rows(shares.validation, count, "validation"),
        "test": _rows(shares.test, count, "test"),
    }
    kept_aside = sum(wanted.values())
    if not kept_aside:
        return {"train": list(examples), "validation": [], "test": []}
    if count == 1:
        raise RagoptError(
            "The data set has one row, which cannot be split.",
            "Set validation and test to 0, or add rows.",
        )
    if kept_aside >= count:
        raise RagoptError(
            f"Validation and test would take {kept_aside} rows, the data set has {count}: "
            "nothing is left to train on.",
            "Make them smaller.",
        )
    groups = _groups(examples)
    sides = sum(1 for rows in wanted.values() if rows) + 1
    if len(groups) < sides:
        raise RagoptError(
            f"The data set has {len(groups)} group{'s' if len(groups) > 1 else ''}, too few for "
            f"{sides} sides of a split: a group is never on two of them.",
            "Group by another column, or split into fewer sides.",
        )
    random.Random(shares.seed).shuffle(groups)  # noqa: S311 - nothing secret is drawn
    test = _drawn(groups, wanted["test"], sides - 1)
    validation = _drawn(groups, wanted["validation"], 1)
    rows: dict[Split, list[list[int]]] = {"train": groups, "validation": validation, "test": test}
    return {
        split: [examples[at] for at in sorted(at for group in drawn for at in group)]
        for split, drawn in rows.items()
    }


def _rows(share: float, count: int, name: str) -> int:
    if share < 0 or (share > 1 and share != int(share)):
        raise RagoptError(
            f"{name} cannot be {share:g}.", "Give a share below 1, or a whole number of rows."
        )
    return max(1, round(share * count)) if 0 < share < 1 else int(share)


def _groups(examples: Iterable[Example]) -> list[list[int]]:
    """Give the places of examples that stay together, in the order in which they come."""
    groups: dict[tuple[str, str], list[int]] = {}
    for at, example in enumerate(examples):
        key = ("group", example.group) if example.group else ("prompt", same_prompt(example))
        groups.setdefault(key, []).append(at)
    return list(groups.values())


def _drawn(groups: list[list[int]], wanted: int, left: int) -> list[list[int]]:
    """Take groups from the front until there are as many rows as wanted; `left` groups remain.

    A group that would overshoot by more than its half is passed over.
    """
    drawn: list[list[int]] = []
    for group in list(groups):
        missing = wanted - sum(map(len, drawn))
        if missing <= 0 or len(groups) <= left:
            break
        if 2 * missing >= len(group):
            groups.remove(group)
            drawn.append(group)
    if wanted and not drawn:
        smallest = min(groups, key=len)
        groups.remove(smallest)
        drawn.append(smallest)
    return drawn
