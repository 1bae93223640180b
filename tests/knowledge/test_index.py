"""Searching a real table with the real embedder."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ragopt_tui.errors import RagoptError
from ragopt_tui.knowledge import passage_table
from ragopt_tui.knowledge.catalogue import FileRecord
from ragopt_tui.knowledge.embedder import Embedder
from ragopt_tui.knowledge.generation_writer import GenerationWriter, delete_unless_read
from ragopt_tui.knowledge.index import RANK_CONSTANT, Index, fuse
from ragopt_tui.knowledge.location import CorruptIndex, IndexLocation, Manifest
from ragopt_tui.knowledge.passage import Passage, Profile

NORTHWIND = Profile("Annual report", "Northwind", "FY2023", "10-K")
SOUTHGATE = Profile("Annual report", "Southgate", "FY2022", "10-K")
ODD_FILE = 'it\'s [bold]\\x0a"odd".md'


def passage(
    file: str, number: int, text: str, profile: Profile, page: int | None = None
) -> Passage:
    return Passage(
        f"{file}#{number}", file, page, number, number + 1, number * 10, number * 10 + len(text),
        "prose", ("Results", "Margin"), "", text, profile,
    )  # fmt: skip


PASSAGES = [
    passage(
        "north.pdf", 0, "Operating margin was 14.2% of net revenue of 1,577 million.", NORTHWIND, 3
    ),
    passage("north.pdf", 1, "Our employees enjoy the canteen.", NORTHWIND, 4),
    passage("south.md", 0, "The operating margin fell to 9.1%.", SOUTHGATE),
    passage("south.md", 1, "Inventories stood at 1577 units.", SOUTHGATE),
    passage(ODD_FILE, 0, "Goodwill was impaired in the Baltic segment.", Profile()),
]


def write(writer: GenerationWriter, passages: list[Passage], embedder: Embedder) -> None:
    files = sorted({p.file for p in passages})
    writer.begin(files, ())
    vectors = embedder.embed([p.indexed_text for p in passages])
    writer.write(passages, vectors, files)
    writer.record([FileRecord(f, 1, 1, "x", "indexed", "", 1, "") for f in files])


def serve(location: IndexLocation, number: int, embedder: Embedder) -> GenerationWriter:
    generation = location.generation(number)
    writer = GenerationWriter.create(generation, embedder.dimensions, embedder.identity, "1")
    manifest = Manifest(str(location.docs), "builtin", embedder.identity, "1", number)
    location.write_manifest(manifest)
    return writer


@pytest.fixture
def location(tmp_path: Path) -> IndexLocation:
    return IndexLocation.of(tmp_path / "docs")


@pytest.fixture
def writer(location: IndexLocation, embedder: Embedder) -> Iterator[GenerationWriter]:
    writer = serve(location, 1, embedder)
    write(writer, PASSAGES, embedder)
    yield writer
    writer.close()


@pytest.fixture
def index(writer: GenerationWriter, location: IndexLocation) -> Iterator[Index]:
    index = Index.open(location)
    yield index
    index.close()


def texts(index: Index, vector: np.ndarray | None, text: str, limit: int = 10) -> list[str]:  # type: ignore[type-arg]
    return [hit.passage.text for hit in index.search(vector, text, limit)]


def test_passages_come_back_as_they_were_written(index: Index) -> None:
    assert index.count() == len(PASSAGES)
    assert index.passages_of("north.pdf") == PASSAGES[:2]
    assert index.passages_of(ODD_FILE) == [PASSAGES[4]]
    assert index.passages_of("nothing.md") == []


def test_the_companies_of_all_documents_are_known_and_kept_up_to_date(
    index: Index, writer: GenerationWriter, embedder: Embedder
) -> None:
    assert index.companies() == {"Northwind", "Southgate"}
    eastgate = Profile("Annual report", "Eastgate", "FY2023")
    write(writer, [passage("east.md", 0, "Revenue rose.", eastgate)], embedder)
    assert index.companies() == {"Northwind", "Southgate", "Eastgate"}


def test_the_passage_that_has_meaning_and_words_comes_first(
    index: Index, embedder: Embedder
) -> None:
    question = "What was Northwind's operating margin?"
    hits = index.search(embedder.embed_query(question), question, 3)
    assert hits[0].passage == PASSAGES[0]
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert len(hits) == 3
    assert hits[0].score == pytest.approx(2 / (RANK_CONSTANT + 1))


@pytest.mark.parametrize("question", ["1577", "1,577", "1 577".replace(" ", "\u202f")])
def test_a_figure_is_found_with_and_without_separators(index: Index, question: str) -> None:
    assert set(texts(index, None, question)) == {PASSAGES[0].text, PASSAGES[3].text}


def test_a_decimal_is_one_word(index: Index) -> None:
    assert texts(index, None, "14.2") == [PASSAGES[0].text]


@pytest.mark.parametrize(
    "question",
    ['"', "'; DROP TABLE passages; --", "a AND (", "margin~ +operating -x ^2", "\\", "[bold]", "\x00\x1b[31m",
     "margin " * 7200, "x" * 50_000, "(" * 50_000, "operating margin \U0001f4c8 \u202e"],
    ids=lambda question: ascii(question[:12]),
)  # fmt: skip
def test_no_question_breaks_the_search(index: Index, embedder: Embedder, question: str) -> None:
    index.search(None, question, 5)
    assert len(index.search(embedder.embed_query(question), question, 5)) == 5


@pytest.mark.parametrize("question", ["", "   ", "?!", "—"])
def test_a_question_without_words_goes_by_meaning_alone(
    index: Index, embedder: Embedder, question: str
) -> None:
    assert index.search(None, question, 5) == []
    vector = embedder.embed_query(PASSAGES[4].indexed_text)
    assert texts(index, vector, question)[0] == PASSAGES[4].text


def test_a_search_can_be_kept_to_companies_periods_and_files(
    index: Index, embedder: Embedder
) -> None:
    question = "operating margin"
    vector = embedder.embed_query(question)
    hits = index.search(vector, question, 5, where={"company": ["Southgate"]})
    assert {hit.passage.file for hit in hits} == {"south.md"}
    hits = index.search(vector, question, 5, where={"file": [ODD_FILE], "period": [""]})
    assert [hit.passage.file for hit in hits] == [ODD_FILE]


def test_searches_made_at_once_find_what_each_finds_alone(index: Index, embedder: Embedder) -> None:
    question = "operating margin"
    vector = embedder.embed_query(question)
    wheres: list[dict[str, list[str]]] = [{}, {"company": ["Southgate"]}, {"company": ["Nobody"]}]
    rankings = index.rankings(vector, question, 5, wheres)
    assert len(rankings) == len(wheres)
    for where, ranking in zip(wheres, rankings, strict=True):
        assert index.hits(ranking) == index.search(vector, question, 5, where=where)
    assert [len(ranking) > 0 for ranking in rankings] == [True, True, False]


def test_an_open_index_sees_what_is_written_later(
    index: Index, writer: GenerationWriter, embedder: Embedder
) -> None:
    before = index.version
    added = passage("new.md", 0, "The zeppelin division was sold.", Profile())
    write(writer, [added], embedder)
    assert texts(index, None, "zeppelin") == [added.text]
    assert index.version != before
    assert index.version.startswith("g1.v")
    changed = dataclasses.replace(added, text="The airship division was sold.")
    write(writer, [changed], embedder)
    assert texts(index, None, "zeppelin") == []
    assert index.count() == len(PASSAGES) + 1


def test_an_open_index_answers_the_same_while_it_is_tidied(
    index: Index, writer: GenerationWriter, embedder: Embedder
) -> None:
    vector = embedder.embed_query("canteen")
    before = texts(index, vector, "canteen")
    writer.finish()
    assert texts(index, vector, "canteen") == before


def test_an_open_index_moves_to_the_generation_that_takes_its_place(
    index: Index, writer: GenerationWriter, location: IndexLocation, embedder: Embedder
) -> None:
    assert index.version.startswith("g1.")
    second = serve(location, 2, embedder)
    write(second, PASSAGES[:1], embedder)
    second.close()
    assert not delete_unless_read(location.generation(1))
    assert index.count() == 1
    assert index.version.startswith("g2.")
    assert delete_unless_read(location.generation(1))
    assert index.count() == 1


def test_a_folder_without_index_is_said(tmp_path: Path) -> None:
    with pytest.raises(RagoptError, match="no index of"):
        Index.open(IndexLocation.of(tmp_path))


@pytest.mark.parametrize(
    "victim", ["_versions", "data", "catalogue.db", "generation-1", "index.json"]
)
def test_a_damaged_index_is_said_to_be(
    writer: GenerationWriter, location: IndexLocation, embedder: Embedder, victim: str
) -> None:
    writer.finish()
    writer.close()
    damage(location, victim)
    with pytest.raises(CorruptIndex):
        Index.open(location).search(embedder.embed_query("margin"), "margin", 5)


def damage(location: IndexLocation, victim: str) -> None:
    generation = location.generation(1)
    if victim == "generation-1":
        generation.folder.rename(generation.folder.with_name("elsewhere"))
        return
    targets = {
        "catalogue.db": [generation.catalogue_file],
        "index.json": [location.manifest_file],
    }.get(victim) or list((generation.table_folder / victim).rglob("*"))
    assert targets
    for file in targets:
        file.write_bytes(b"garbage" * 300)


def test_a_large_table_has_a_vector_index_that_finds_the_nearest(
    location: IndexLocation, embedder: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passage_table, "FLAT_ROWS", 2000)
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(40, embedder.dimensions))
    noisy = centres[rng.integers(40, size=4000)] + 0.6 * rng.normal(
        size=(4000, embedder.dimensions)
    )
    vectors = (noisy / np.linalg.norm(noisy, axis=1, keepdims=True)).astype(np.float32)
    passages = [passage("big.md", n, f"row {n}", Profile()) for n in range(4000)]
    writer = serve(location, 1, embedder)
    writer.begin(["big.md"], ())
    writer.write(passages, vectors, ())
    writer.record([FileRecord("big.md", 1, 1, "x", "indexed", "", 4000, "")])
    writer.finish()
    index = Index.open(location)
    found = 0
    for row in range(0, 4000, 100):
        exact = set(np.argsort(-(vectors @ vectors[row]))[:10])
        hits = index.search(vectors[row], "", 10)
        found += sum(int(hit.passage.id.partition("#")[2]) in exact for hit in hits)
    assert found / 400 >= 0.97
    names = [
        config.name for config in passage_table.open_table(writer.generation.folder).list_indices()
    ]
    assert passage_table.VECTOR_INDEX in names
    index.close()
    writer.close()


def test_calls_of_a_catalogue_server_are_not_imported() -> None:
    imported = {name for name in sys.modules if name.startswith("lance_namespace_urllib3_client.")}
    assert "lance_namespace_urllib3_client.models" in imported
    assert not any(".api" in name for name in imported)


def test_fusion_adds_the_reciprocal_ranks() -> None:
    fused = fuse([[7, 8], [8, 9]])
    assert [row for row, _ in fused] == [8, 7, 9]
    assert fused[0][1] == pytest.approx(1 / (RANK_CONSTANT + 2) + 1 / (RANK_CONSTANT + 1))
    assert fuse([[], []]) == []
