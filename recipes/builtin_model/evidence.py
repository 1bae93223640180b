"""What the product retrieves for questions that nothing was trained on, to measure answers with.

usage: python -m recipes.builtin_model.evidence TARGET SET... [--data DATA]

A set is a held-out folder of `recipes/cross_encoder/folders`, `development`, `sample`, `final`,
`xquad` or `long-tables`. DATA holds the public sets. Writes TARGET/<set>.jsonl.

`long-tables` are the WikiTableQuestions over tables too long for the cross-encoders' training set;
they and `xquad` are asked of the passages of their own table or article.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.questions import GoldQuestion, load_questions
from ragopt_tui.knowledge.embedder import load_embedder
from ragopt_tui.knowledge.index import Index
from ragopt_tui.knowledge.location import IndexLocation
from ragopt_tui.knowledge.neighbours import place_of
from ragopt_tui.knowledge.passage import Hit, Passage
from ragopt_tui.knowledge.question import understand
from ragopt_tui.knowledge.reading import read
from ragopt_tui.knowledge.retrieval_models import RetrievalModels
from ragopt_tui.knowledge.retrieve import Retrieval, retrieve, skim_passages
from ragopt_tui.knowledge.sync import synchronise
from ragopt_tui.knowledge.units import Unit
from recipes.builtin_model.cases import line_of
from recipes.builtin_model.lines import Case, case_from_json
from recipes.builtin_model.statements import gold_cells, statement
from recipes.cross_encoder.held_out import HELD_OUT
from recipes.cross_encoder.pools import SIMILAR, holds, prose_passage, read_lines, table_passage

ROOT = Path(__file__).parent.parent.parent
QUOTED_FROM = 20
MOST_PUBLIC = 100
ROWS = 150


IsGold = Callable[[Unit], bool]
Asked = tuple[str, tuple[str, ...], bool, IsGold]


@dataclass(frozen=True, slots=True)
class Found:
    """A question, the units retrieved for it with their scores, best first, and what is right.

    A line's `passage` is the place, from 1, of its passage among those found. `gold` are the
    lines that answer; their `statement` is "" where it is not certain which cell is meant.
    """

    case: Case
    scores: tuple[float, ...]
    gold: tuple[int, ...]
    answerable: bool
    answers: tuple[str, ...]


def found_of(
    question: str, answers: tuple[str, ...], answerable: bool, retrieval: Retrieval, is_gold: IsGold
) -> Found:
    """Keep of a retrieval what is shown and judged."""
    lines, gold = [], []
    for n, scored in enumerate(retrieval.units):
        place = place_of(scored.unit.passage, retrieval.hits)
        line = line_of(scored.unit, len(retrieval.hits) if place is None else place + 1)
        if is_gold(scored.unit):
            gold.append(n)
            line = replace(line, statement=statement(line, gold_cells(line, question, answers)))
        lines.append(line)
    case = Case("", question, tuple(lines))
    scores = tuple(round(s.score, 4) for s in retrieval.units)
    return Found(case, scores, tuple(gold), answerable, answers)


def from_folder(docs: Path, asked: Sequence[Asked]) -> Iterator[Found]:
    """Index a folder in a home of its own and ask it every question."""
    with tempfile.TemporaryDirectory() as home:
        os.environ["RAGOPT_HOME"] = home
        synchronise(docs, "builtin", lambda _: None)
        index = Index.open(IndexLocation.of(docs))
        models = RetrievalModels(load_embedder("builtin"))
        for question, answers, answerable, is_gold in asked:
            found = read(retrieve(question, index, models, QUOTED_FROM), models)
            yield found_of(question, answers, answerable, found, is_gold)
        index.close()


def of_set(name: str, data: Path) -> Iterator[Found]:
    """Give the evidence of a set by its name."""
    if name in HELD_OUT:
        folder = ROOT / "recipes" / "cross_encoder" / "folders" / name
        entries = read_lines(folder / "questions.jsonl")
        return from_folder(folder / "docs", [_of_entry(entry) for entry in entries])
    if name in ("development", "sample", "final"):
        questions = load_questions(ROOT / "tests" / "questions" / name)
        return from_folder(ROOT / "sample_docs", [_of_gold(question) for question in questions])
    return _read_alone(_xquad(data) if name == "xquad" else _long_tables(data))


def _of_entry(entry: dict[str, Any]) -> Asked:
    named = tuple(part for place in entry["gold"] for part in place["contains"])
    return entry["question"], named, bool(named), lambda unit: holds(unit, entry["gold"])


def _of_gold(question: GoldQuestion) -> Asked:
    def is_gold(unit: Unit) -> bool:
        return question.holds_gold(unit.passage) and question.is_right(unit.words)

    return question.question, question.answers, question.answerable, is_gold


def _read_alone(
    asked: Iterator[tuple[str, tuple[str, ...], Sequence[Passage], IsGold]],
) -> Iterator[Found]:
    models = RetrievalModels(load_embedder("builtin"))
    for question, answers, passages, is_gold in asked:
        hits = [Hit(passage, 1.0) for passage in passages]
        skimmed = skim_passages(understand(question), hits, models, QUOTED_FROM)
        found = read(skimmed, models)
        yield found_of(question, answers, True, found, is_gold)


def _xquad(data: Path) -> Iterator[tuple[str, tuple[str, ...], Sequence[Passage], IsGold]]:
    articles = json.loads((data / "xquad_en" / "xquad.en.json").read_text(encoding="utf-8"))["data"]
    asked = []
    for n, article in enumerate(articles):
        texts = [paragraph["context"] for paragraph in article["paragraphs"]]
        passages = [prose_passage(text, f"article-{n}-{k}.txt") for k, text in enumerate(texts)]
        for paragraph, passage in zip(article["paragraphs"], passages, strict=True):
            for qa in paragraph["qas"]:
                start = qa["answers"][0]["answer_start"]

                def is_gold(unit: Unit, p: Passage = passage, at: int = start) -> bool:
                    return unit.passage.id == p.id and unit.start <= at < unit.end

                asked.append((qa["question"], (qa["answers"][0]["text"],), passages, is_gold))
    yield from random.Random(5).sample(asked, MOST_PUBLIC)


def _long_tables(data: Path) -> Iterator[tuple[str, tuple[str, ...], Sequence[Passage], IsGold]]:
    folder = data / "wikitablequestions"
    rows = csv.reader((folder / "data" / "random-split-1-train.tsv").open(), delimiter="\t")
    entries = [row for row in rows if len(row) == 4][1:]
    random.Random(7).shuffle(entries)
    given = 0
    for _, question, path, answer in entries:
        if re.search(r"\bhow many|total|difference|more than|less than|consecutive", question):
            continue
        with (folder / path).open() as file:
            table = [[cell.replace("\n", " ").strip() for cell in row] for row in csv.reader(file)]
        holding = [row for row in table[1:] if answer in row]
        if not SIMILAR + 1 < len(table) <= ROWS or len(answer) < 2 or len(holding) != 1:
            continue

        def is_gold(unit: Unit, said: str = answer) -> bool:
            return bool(unit.row and any(cell.text == said for cell in unit.row.cells))

        yield question, (answer,), [table_passage(table, path)], is_gold
        given += 1
        if given == MOST_PUBLIC:
            return


def write_found(found: Sequence[Found], file: Path) -> None:
    """Write evidence as JSON lines."""
    with file.open("w", encoding="utf-8") as out:
        for one in found:
            out.write(json.dumps(asdict(one), ensure_ascii=False) + "\n")


def read_found(file: Path) -> list[Found]:
    """Read what `write_found` wrote."""
    found = []
    for values in read_lines(file):
        given = (tuple(values[key]) for key in ("scores", "gold"))
        scores, gold = given
        case = case_from_json(values["case"])
        found.append(Found(case, scores, gold, values["answerable"], tuple(values["answers"])))
    return found


def main() -> None:
    """Write the evidence of sets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", type=Path)
    parser.add_argument("sets", nargs="+")
    parser.add_argument("--data", type=Path, default=Path())
    options = parser.parse_args()
    for name in options.sets:
        found = list(of_set(name, options.data))
        write_found(found, options.target / f"{name}.jsonl")
        print(
            f"{name}: {len(found)} questions, {sum(bool(f.gold) for f in found)} with gold",
            flush=True,
        )


if __name__ == "__main__":
    main()
