"""Pools: a question, the units that compete for it, and which of them answer it.

From a folder of documents with questions, a pool holds what the product itself would read; from
the public sets, the sentences or rows of the question's own passage or table and the most similar
ones of others. All are rendered as the product renders them (`ragopt_tui.knowledge.units`).
"""

from __future__ import annotations

import csv
import json
import os
import random
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ragopt_tui.knowledge.embedder import load_embedder
from ragopt_tui.knowledge.passage import Passage, Profile
from ragopt_tui.knowledge.units import Unit, passage_units
from recipes.cross_encoder.tatqa import tatqa_questions

POOL = 48
"""How many units of a folder compete at most."""
SIMILAR = 32
"""How many of a public set compete."""


Embed = Callable[[Sequence[str]], npt.NDArray[np.float32]]


def by_meaning(texts: Sequence[str]) -> npt.NDArray[np.float32]:
    """Embed texts with the built-in embedder."""
    return load_embedder("builtin").embed(list(texts))


@dataclass(frozen=True, slots=True)
class Pool:
    """`gold` indexes the units that answer, none where none does.

    `answers` are strings one of which a right answer holds; for a folder's question, those that
    its gold places name; empty where the sentence is the answer.
    """

    origin: str
    question: str
    units: list[Unit]
    gold: list[int]
    answers: tuple[str, ...] = ()


def folder_pools(folder: Path) -> Iterator[Pool]:
    """Give the pools of `folder/questions.jsonl` over `folder/docs`, indexed in a home of its own.

    A gold place is a file and strings that stand together in one line of it. A question whose
    gold the product does not find gets it added.
    """
    from ragopt_tui.knowledge.index import Index
    from ragopt_tui.knowledge.location import IndexLocation
    from ragopt_tui.knowledge.retrieve import ranked_passages
    from ragopt_tui.knowledge.scoring import promising_units
    from ragopt_tui.knowledge.sync import synchronise
    from ragopt_tui.knowledge.word_vectors import WordVectors

    docs = folder / "docs"
    with tempfile.TemporaryDirectory() as home:
        os.environ["RAGOPT_HOME"] = home
        synchronise(docs, "builtin", lambda _: None)
        index, embedder = Index.open(IndexLocation.of(docs)), load_embedder("builtin")
        words = WordVectors()
        everything = [
            unit
            for file in sorted(docs.iterdir())
            for passage in index.passages_of(file.name)
            for unit in passage_units(passage)
        ]
        for entry in read_lines(folder / "questions.jsonl"):
            text = entry["question"]
            question, hits = ranked_passages(text, index, embedder, POOL)
            promising = promising_units(question, [h.passage for h in hits], words, POOL)
            units = [scored.unit for scored in promising]
            gold = [n for n, unit in enumerate(units) if holds(unit, entry["gold"])]
            missed = not gold and [u for u in everything if holds(u, entry["gold"])]
            if missed:
                units = [*units[: -len(missed[:4])], *missed[:4]]
                gold = list(range(len(units) - len(missed[:4]), len(units)))
            if gold or not entry["gold"]:
                origin = f"{folder.name}{'-missed' if missed else ''}"
                named = tuple(part for place in entry["gold"] for part in place["contains"])
                yield Pool(origin, text, units, gold, named)
        index.close()


def holds(unit: Unit, places: Sequence[dict[str, Any]]) -> bool:
    """Say whether a unit is of a gold place: its file, and all its strings in the unit."""
    said = _plain(f"{unit.text} {unit.words}")
    return any(
        unit.passage.file == place["file"]
        and all(_plain(part) in said for part in place["contains"])
        for place in places
    )


def squad_pools(folder: Path, embed: Embed = by_meaning) -> Iterator[Pool]:
    """SQuAD subset (CC BY-SA 4.0): paragraphs with questions, and questions with their sentence."""
    pairs = read_lines(folder / "squad_question_to_answer_sentence.jsonl")
    paragraphs = read_lines(folder / "squad_contexts_qas.jsonl")
    passages = [prose_passage(p["context"], f"p{n}") for n, p in enumerate(paragraphs)]
    own = [passage_units(passage) for passage in passages]
    alone = [
        passage_units(prose_passage(p["answer_sentence"], f"s{n}")) for n, p in enumerate(pairs)
    ]
    asked: list[tuple[str, list[Unit], list[Unit]]] = []
    for number, paragraph in enumerate(paragraphs):
        for qa in paragraph["qas"]:
            gold = [u for u in own[number] if _plain(qa["answer"]) in _plain(u.words)]
            if len(gold) > 1:
                gold = _most_shared(qa["question"], gold)
            if gold:
                asked.append((qa["question"], gold, own[number]))
    for pair, units in zip(pairs, alone, strict=True):
        if len(units) == 1:
            asked.append((pair["question"], units, units))
    everything = [u for units in [*own, *alone] for u in units]
    yield from _with_similar("squad", asked, everything, embed)


def covid_pools(file: Path, embed: Embed = by_meaning) -> Iterator[Pool]:
    """COVID-QA (Apache-2.0): questions over scientific papers."""
    documents = json.loads(file.read_text(encoding="utf-8"))["data"]
    asked: list[tuple[str, list[Unit], list[Unit]]] = []
    everything: list[Unit] = []
    for number, paragraph in enumerate(p for d in documents for p in d["paragraphs"]):
        passage = prose_passage(paragraph["context"], f"c{number}")
        units = passage_units(passage)
        everything += units
        for qa in paragraph["qas"]:
            start = qa["answers"][0]["answer_start"] + 5
            gold = [u for u in units if u.start <= start < u.end and len(u.words) < 500]
            if gold:
                asked.append((qa["question"], gold, gold))
    yield from _with_similar("covid", asked, everything, embed)


def multirc_pools(file: Path) -> Iterator[Pool]:
    """MultiRC in Natural Instructions (Apache-2.0): a sentence and a question about it."""
    asked: list[tuple[str, list[Unit], list[Unit]]] = []
    everything: list[Unit] = []
    entries = json.loads(file.read_text(encoding="utf-8"))["Instances"]
    for number, entry in enumerate(entries):
        sentence, _, question = entry["input"].partition("\nQuestion:")
        words = sentence.removeprefix("Sentence:").strip()
        units = [Unit(prose_passage(words, f"m{number}"), 0, len(words), None)] if words else []
        everything += units
        if units and question.strip():
            asked.append((question.strip(), units, units))
    yield from _with_similar("multirc", asked, everything)


def wikitable_pools(folder: Path, most: int) -> Iterator[Pool]:
    """WikiTableQuestions (CC BY-SA 4.0): questions whose answer stands in one row of the table."""
    rows = csv.reader((folder / "data" / "random-split-1-train.tsv").open(), delimiter="\t")
    entries = [row for row in rows if len(row) == 4][1:]
    random.Random(1).shuffle(entries)
    given = 0
    for _, question, path, answer in entries:
        if re.search(r"\bhow many|total|difference|more than|less than|consecutive", question):
            continue
        with (folder / path).open() as file:
            table = [[c.replace("\n", " ").strip() for c in row] for row in csv.reader(file)]
        if not 4 <= len(table) <= SIMILAR + 1 or len(_plain(answer)) < 2 or "|" in answer:
            continue
        units = passage_units(table_passage(table, path))
        gold = [
            n
            for n, unit in enumerate(units)
            if unit.row and any(_plain(c.text) == _plain(answer) for c in unit.row.cells)
        ]
        if len(gold) == 1:
            yield Pool("wikitable", question, list(units), gold, (answer,))
            given += 1
        if given == most:
            return


def tatqa_pools(file: Path) -> Iterator[Pool]:
    """TAT-QA dev (CC BY 4.0), with units of neighbouring documents."""
    for question, answer, units, right in tatqa_questions(file, SIMILAR):
        yield Pool("tatqa", question, units, list(range(right)), (answer,))


def xquad_pools(file: Path) -> Iterator[Pool]:
    """XQuAD English (CC BY-SA 4.0), for measuring only."""
    asked: list[tuple[str, list[Unit], list[Unit]]] = []
    everything: list[Unit] = []
    documents = json.loads(file.read_text(encoding="utf-8"))["data"]
    for number, paragraph in enumerate(p for d in documents for p in d["paragraphs"]):
        units = passage_units(prose_passage(paragraph["context"], f"x{number}"))
        everything += units
        for qa in paragraph["qas"]:
            start = qa["answers"][0]["answer_start"]
            gold = [u for u in units if u.start <= start < u.end]
            if gold:
                asked.append((qa["question"], gold, units))
    yield from _with_similar("xquad", asked, everything)


def _with_similar(
    origin: str,
    asked: list[tuple[str, list[Unit], list[Unit]]],
    everything: list[Unit],
    embed: Embed = by_meaning,
) -> Iterator[Pool]:
    """Fill up each pool with the units most similar to the question, the nearest dozen hard ones."""
    vectors = embed([unit.words[:400] for unit in everything])
    questions = embed([question for question, _, _ in asked])
    shuffled = random.Random(2)
    for (question, gold, own), vector in zip(asked, questions, strict=True):
        near = (vectors @ vector).argsort()[::-1][: SIMILAR + len(own)]
        kept = {id(unit): unit for unit in [*gold, *own[: SIMILAR // 2]]}
        for n in near:
            if len(kept) < SIMILAR:
                kept.setdefault(id(everything[n]), everything[n])
        units = list(kept.values())
        shuffled.shuffle(units)
        right = {id(unit) for unit in gold}
        indices = [n for n, unit in enumerate(units) if id(unit) in right]
        yield Pool(origin, question, units, indices)


def _most_shared(question: str, units: list[Unit]) -> list[Unit]:
    asked = set(_plain(question).split())
    shared = [len(asked & set(_plain(unit.words).split())) for unit in units]
    return [unit for unit, count in zip(units, shared, strict=True) if count == max(shared)][:1]


def prose_passage(text: str, name: str) -> Passage:
    """Give a passage of running text that is a file of its own."""
    return _passage(text, name, "prose")


def table_passage(rows: list[list[str]], name: str) -> Passage:
    """Give a passage that is a table, its header first."""
    rule = [["---"] * len(rows[0])]
    lines = [
        "| " + " | ".join(c.replace("|", "/") for c in row) + " |"
        for row in [rows[0], *rule, *rows[1:]]
    ]
    return _passage("\n".join(lines), name, "table")


def _passage(text: str, name: str, kind: Literal["prose", "table"]) -> Passage:
    return Passage(
        id=name,
        file=name,
        page=None,
        line_start=1,
        line_end=1,
        char_start=0,
        char_end=len(text),
        kind=kind,
        headings=(),
        lead="",
        text=text,
        profile=Profile(),
    )


def read_lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line]


def _plain(text: str) -> str:
    text = re.sub(r"[*_`|\\]", " ", text.replace("’", "'").replace("–", "-"))
    return " ".join(text.lower().split())


def write_pools(pools: Iterable[Pool], file: Path) -> None:
    """Write pools as JSON lines."""
    with file.open("w", encoding="utf-8") as out:
        for pool in pools:
            units = [(unit.words, unit.context) for unit in pool.units]
            values = {"origin": pool.origin, "question": pool.question, "units": units}
            out.write(json.dumps(values | {"gold": pool.gold}, ensure_ascii=False) + "\n")


MAKERS: dict[str, Callable[..., Iterator[Pool]]] = {
    "folder": folder_pools,
    "squad": squad_pools,
    "covid": covid_pools,
    "multirc": multirc_pools,
    "wikitable": lambda folder: wikitable_pools(folder, 4_000),
    "tatqa": tatqa_pools,
    "xquad": xquad_pools,
}
"""How to make the pools of each kind of source."""


if __name__ == "__main__":
    import sys

    write_pools(MAKERS[sys.argv[1]](Path(sys.argv[2])), Path(sys.argv[3]))
