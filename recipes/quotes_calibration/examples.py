"""Calibration examples: questions, candidate units with their parts, and which of them are right.

From the project's development questions over the sample documents, and from the folders of
documents in `recipes/cross_encoder/folders` that the cross-encoder was not trained on.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.questions import GoldQuestion, load_questions
from ragopt_tui.knowledge.embedder import load_embedder
from ragopt_tui.knowledge.index import Index
from ragopt_tui.knowledge.location import IndexLocation
from ragopt_tui.knowledge.retrieve import ranked_passages
from ragopt_tui.knowledge.scoring import Parts, promising_units
from ragopt_tui.knowledge.sync import synchronise
from ragopt_tui.knowledge.units import Unit
from ragopt_tui.knowledge.word_vectors import WordVectors
from recipes.cross_encoder.held_out import HELD_OUT
from recipes.cross_encoder.pools import holds, read_lines

ROOT = Path(__file__).parent.parent.parent
CANDIDATES = 40
EVERY_UNIT = 10_000


@dataclass(frozen=True, slots=True)
class Example:
    """A question over candidate units; `gold` indexes those that hold the answer."""

    question: str
    answerable: bool
    units: tuple[Unit, ...]
    parts: tuple[Parts, ...]
    gold: frozenset[int]

    def keeping(self, chosen: list[int]) -> Example:
        """Give the example with some of its units only, in the order of their numbers here."""
        return Example(
            self.question,
            self.answerable,
            tuple(self.units[n] for n in chosen),
            tuple(self.parts[n] for n in chosen),
            frozenset(at for at, n in enumerate(chosen) if n in self.gold),
        )


def all_examples() -> dict[str, Iterator[Example]]:
    """Give the sets by name."""
    folders = ROOT / "recipes" / "cross_encoder" / "folders"
    sets = {"development": _development()}
    return sets | {f.name: _folder(f) for f in sorted(folders.iterdir()) if f.name in HELD_OUT}


def _development() -> Iterator[Example]:
    def is_gold(question: GoldQuestion, unit: Unit) -> bool:
        return question.holds_gold(unit.passage) and question.is_right(unit.words)

    questions = load_questions(ROOT / "tests" / "questions" / "development")
    asked = [(q.question, q.answerable, lambda unit, q=q: is_gold(q, unit)) for q in questions]
    return _examples(ROOT / "sample_docs", asked)


def _folder(folder: Path) -> Iterator[Example]:
    asked = [
        (e["question"], bool(e["gold"]), lambda unit, e=e: holds(unit, e["gold"]))
        for e in read_lines(folder / "questions.jsonl")
    ]
    return _examples(folder / "docs", asked)


def _examples(
    docs: Path, asked: list[tuple[str, bool, Callable[[Unit], bool]]]
) -> Iterator[Example]:
    with tempfile.TemporaryDirectory() as home:
        os.environ["RAGOPT_HOME"] = home
        synchronise(docs, "builtin", lambda _: None)
        index, embedder = Index.open(IndexLocation.of(docs)), load_embedder("builtin")
        words = WordVectors()
        for text, answerable, is_gold in asked:
            question, hits = ranked_passages(text, index, embedder, CANDIDATES)
            scored = promising_units(question, [h.passage for h in hits], words, EVERY_UNIT)
            gold = frozenset(n for n, s in enumerate(scored) if is_gold(s.unit))
            units = tuple(s.unit for s in scored)
            yield Example(text, answerable, units, tuple(s.parts for s in scored), gold)
        index.close()
