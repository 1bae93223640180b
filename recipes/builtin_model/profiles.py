"""How the product's reading scores the lines that it finds, on questions that it does not know.

usage: python -m recipes.builtin_model.profiles PROFILES.json EVIDENCE.jsonl...

A profile is the scores of one question's lines, best first, and the places of those that answer.
Examples to train on are given the scores of profiles, because the cross-encoders know the training
questions by heart and would score them as they never score a stranger's.
"""

from __future__ import annotations

import json
import math
import random
import sys
from dataclasses import dataclass
from pathlib import Path

MOST_LINES = 8
"""How many lines an example has at most: more than the product shows, for a steadier reading."""


@dataclass(frozen=True, slots=True)
class Profile:
    """Log odds of lines, best first, and the places of those that answer."""

    scores: tuple[float, ...]
    gold: tuple[int, ...]

    def shaken(self, rng: random.Random) -> list[float]:
        """Give the scores from 0 to 1, all of them a little higher or lower, in the same order."""
        by = rng.gauss(0, 0.25)
        moved = sorted((score + by + rng.gauss(0, 0.15) for score in self.scores), reverse=True)
        return [1 / (1 + math.exp(-score)) for score in moved]


def write_profiles(target: Path, files: list[Path]) -> None:
    """Write the profiles of the questions of evidence files."""
    from recipes.builtin_model.evidence import read_found

    profiles = []
    for file in files:
        for found in read_found(file):
            scores = [min(max(score, 1e-3), 1 - 1e-3) for score in found.scores[:MOST_LINES]]
            odds = [round(math.log(score / (1 - score)), 2) for score in scores]
            profiles.append([odds, [n for n in found.gold if n < MOST_LINES]])
    target.write_text(json.dumps(profiles), encoding="utf-8")


def read_profiles(file: Path) -> list[Profile]:
    """Read what `write_profiles` wrote."""
    stored = json.loads(file.read_text(encoding="utf-8"))
    return [Profile(tuple(scores), tuple(gold)) for scores, gold in stored if scores]


if __name__ == "__main__":
    write_profiles(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
