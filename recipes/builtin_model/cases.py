"""Cases: a question, the lines that compete for it, and what a right answer says.

usage: python -m recipes.builtin_model.cases TARGET.jsonl.xz KIND=SOURCE...

KIND and SOURCE are those of `recipes/cross_encoder/pools.py`. What competes is chosen and put in
order by shared words, which takes a CPU minutes where reading takes hours.
"""

from __future__ import annotations

import os
import sys
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ragopt_tui.chat.builtin_prompt import LONGEST_WORDS, about_unit, beginning
from ragopt_tui.chat.builtin_rows import whole_value
from ragopt_tui.knowledge.units import Unit, passage_units
from ragopt_tui.knowledge.words import stems_of
from recipes.builtin_model.lines import Case, Line, write_cases
from recipes.builtin_model.statements import gold_cells, statement
from recipes.cross_encoder.pools import MAKERS, Pool, holds, read_lines

MOST = 5_000
"""How many questions of one source are used at most."""
KEPT = 14
"""How many of a case's lines are kept: those that answer, and the nearest of the others."""


def case_of(pool: Pool) -> Case | None:
    """Give a pool's case, None where its answer is uncertain (which cell of a row is meant)."""
    right = set(pool.gold)
    texts = [f"{unit.words} {unit.context}" for unit in pool.units]
    near = by_words(texts) @ by_words([pool.question])[0]
    passages: dict[str, int] = {}
    lines, asked = [], list[str]()
    for n in np.argsort(-near, kind="stable"):
        unit = pool.units[n]
        line = line_of(unit, passages.setdefault(unit.passage.id, len(passages)))
        if n in right:
            cells = gold_cells(line, pool.question, pool.answers)
            line = replace(line, statement=statement(line, cells))
            asked = asked or [column for column, _ in cells]
        if line.statement or n not in right:
            lines.append(line)
    if right and not any(line.statement for line in lines):
        return None
    left = KEPT - sum(bool(line.statement) for line in lines)
    others = [line for line in lines if not line.statement][: max(left, 0)]
    kept = tuple(line for line in lines if line.statement or line in others)
    return Case(pool.origin, pool.question, kept, tuple(asked))


def line_of(unit: Unit, passage: int) -> Line:
    """Give a unit's line without statement."""
    label, cells = "", list[tuple[str, str]]()
    if unit.row:
        label = unit.row.named_label
        cells = [(cell.column, whole_value(unit, cell)) for cell in unit.row.cells[1:] if cell.text]
    words = beginning(unit.words, LONGEST_WORDS)
    return Line(passage, about_unit(unit), words, "", label, tuple(cells))


def folder_pools(folder: Path) -> Iterator[Pool]:
    """Give the questions of a folder with all units of its documents that share most words."""
    from ragopt_tui.knowledge.index import Index
    from ragopt_tui.knowledge.location import IndexLocation
    from ragopt_tui.knowledge.sync import synchronise

    docs = folder / "docs"
    with tempfile.TemporaryDirectory() as home:
        os.environ["RAGOPT_HOME"] = home
        synchronise(docs, "builtin", lambda _: None)
        index = Index.open(IndexLocation.of(docs))
        units = [
            unit
            for file in sorted(docs.iterdir())
            for passage in index.passages_of(file.name)
            for unit in passage_units(passage)
        ]
        index.close()
    vectors = by_words([f"{unit.words} {unit.context}" for unit in units])
    for entry in read_lines(folder / "questions.jsonl"):
        near = vectors @ by_words([entry["question"]])[0]
        gold = [n for n, unit in enumerate(units) if entry["gold"] and holds(unit, entry["gold"])]
        if entry["gold"] and not gold:
            continue
        chosen = [*gold, *(n for n in np.argsort(-near)[: 2 * KEPT] if n not in gold)]
        named = tuple(part for place in entry["gold"] for part in place["contains"])
        right = list(range(len(gold)))
        yield Pool(folder.name, entry["question"], [units[n] for n in chosen], right, named)


def by_words(texts: Sequence[str]) -> npt.NDArray[np.float32]:
    """Give vectors of (texts, 512): words hashed with a sign, long ones of each text counting more."""
    return np.stack([_vector(text) for text in texts])


@lru_cache(maxsize=100_000)
def _vector(text: str) -> npt.NDArray[np.float32]:
    vector = np.zeros(512, np.float32)
    for word in stems_of(text):
        number = zlib.crc32(word.encode())
        vector[number % 512] += (1 if number & 512 else -1) * min(len(word), 8)
    return vector / max(float(np.linalg.norm(vector)), 1e-6)


def main(target: Path, sources: Sequence[str]) -> None:
    """Make the cases of all sources."""
    cases = []
    for kind, source in (text.split("=", 1) for text in sources):
        options = {"embed": by_words} if kind in ("squad", "covid") else {}
        pools = (
            folder_pools(Path(source))
            if kind == "folder"
            else MAKERS[kind](Path(source), **options)
        )
        made = [case for pool in islice(pools, MOST) if (case := case_of(pool))]
        print(f"{kind} {Path(source).name}: {len(made)} cases", flush=True)
        cases += made
    write_cases(cases, target)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
