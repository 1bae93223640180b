"""What each stage of retrieval adds: hit@k with the stages switched off one by one.

usage: python -m benchmarks.retrieval_stages [QUESTIONS.jsonl --docs DIR] [--without-reading]

Without arguments over the sample questions. A file of your own has lines
{"question": ..., "gold": [["file", page], ...]}, files relative to DIR, pages from 1, null for any.
hit@k is the share of questions with a gold passage among the first k.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.questions import load_questions

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ragopt_tui.knowledge.embedder import Vectors
    from ragopt_tui.knowledge.passage import Passage
    from ragopt_tui.knowledge.retrieval_models import PairModel, RetrievalModels
    from ragopt_tui.knowledge.retrieve import Stages
    from ragopt_tui.knowledge.units import Unit

ROOT = Path(__file__).parent.parent
DEPTHS = (1, 5, 10, 20, 50)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question and how to tell whether a passage is a right one."""

    question: str
    is_gold: Callable[[Passage], bool]


class Remembering:
    """A cross-encoder that reads each pair once, so that a stage costs nothing the second time."""

    def __init__(self, model: PairModel) -> None:
        self._model = model
        self._known: dict[tuple[str, str, str], float] = {}

    def logits(self, question: str, units: Sequence[Unit]) -> npt.NDArray[np.float32]:
        """Give what the model says."""
        import numpy as np

        keys = [(question, unit.words, unit.context) for unit in units]
        unread = [n for n, key in enumerate(keys) if key not in self._known]
        said = self._model.logits(question, [units[n] for n in unread])
        self._known |= {keys[n]: float(x) for n, x in zip(unread, said, strict=True)}
        return np.array([self._known[key] for key in keys], dtype=np.float32)


def sample_questions() -> list[Asked]:
    """Give the answerable ones of the sample questions."""
    questions = load_questions(ROOT / "tests" / "questions" / "sample")
    return [Asked(q.question, q.holds_gold) for q in questions if q.answerable]


def questions_of(file: Path) -> list[Asked]:
    """Read a question file; exits with a sentence where it is none."""
    asked = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            values = json.loads(line)
            gold = frozenset((str(name), page) for name, page in values["gold"])
            asked.append(Asked(str(values["question"]), lambda p, gold=gold: _is_on(p, gold)))  # type: ignore[misc]
        except (ValueError, KeyError, TypeError):
            sys.exit(f'Line {number} of {file} is not {{"question", "gold": [["file", page]]}}.')
    return asked


def _is_on(passage: Passage, gold: frozenset[tuple[str, int | None]]) -> bool:
    return bool({(passage.file, passage.page), (passage.file, None)} & gold)


def measure(docs: Path, asked: Sequence[Asked], reading: bool) -> None:
    """Index a folder and print the table."""
    from ragopt_tui.knowledge.embedder import load_embedder
    from ragopt_tui.knowledge.index import Index
    from ragopt_tui.knowledge.location import IndexLocation
    from ragopt_tui.knowledge.reading import read
    from ragopt_tui.knowledge.retrieve import Stages, retrieve
    from ragopt_tui.knowledge.sync import synchronise

    synchronise(docs, "builtin", lambda _: None)
    index = Index.open(IndexLocation.of(docs))
    models = _remembering(load_embedder("builtin"))
    print(f"{len(asked)} questions, {index.count():,} passages")
    print(f"{'':24}" + "".join(f"  hit@{k:<3}" for k in DEPTHS))

    def show(name: str, stages: Stages, with_reading: bool = False) -> None:
        ranks = []
        for each in asked:
            found = retrieve(each.question, index, models, max(DEPTHS), stages=stages)
            hits = (read(found, models) if with_reading else found).hits
            ranks.append(next((n for n, h in enumerate(hits, 1) if each.is_gold(h.passage)), 999))
        shares = [sum(rank <= k for rank in ranks) / len(ranks) for k in DEPTHS]
        print(f"{name:24}" + "".join(f"  {share:7.3f}" for share in shares), flush=True)

    names = [field.name for field in fields(Stages)]
    show("plain hybrid search", Stages(*(False for _ in names)))
    for name in names:
        show(f"without {name}", replace(Stages(), **{name: False}))
    show("retrieval", Stages())
    if reading:
        show("retrieval, then reading", Stages(), with_reading=True)
    index.close()


def _remembering(embedder: object) -> RetrievalModels:
    from ragopt_tui.knowledge.retrieval_models import RetrievalModels

    models = RetrievalModels(_Once(embedder))  # type: ignore[arg-type] # retrieval asks no more
    models.skimming = replace(models.skimming, model=Remembering(models.skimming.model))
    if models.reading is not None:
        models.reading = replace(models.reading, model=Remembering(models.reading.model))
    return models


class _Once:
    """An embedder that embeds each question once."""

    def __init__(self, embedder: object) -> None:
        self._embedder = embedder
        self._known: dict[str, Vectors] = {}

    def embed_query(self, text: str) -> Vectors:
        if text not in self._known:
            self._known[text] = self._embedder.embed_query(text)  # type: ignore[attr-defined]
        return self._known[text]


def main() -> None:
    """Index the folder in a home of its own and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("questions", nargs="?", type=Path)
    parser.add_argument("--docs", type=Path, help="the folder that the questions are about")
    parser.add_argument("--without-reading", action="store_true", help="leave out the last line")
    options = parser.parse_args()
    if (options.questions is None) != (options.docs is None):
        parser.error("a file of questions and --docs go together")
    asked = questions_of(options.questions) if options.questions else sample_questions()
    with tempfile.TemporaryDirectory() as home:
        os.environ["RAGOPT_HOME"] = home
        os.environ["HF_HUB_OFFLINE"] = "1"
        measure(options.docs or ROOT / "sample_docs", asked, not options.without_reading)


if __name__ == "__main__":
    main()
