"""Joining passages that were cut apart, on documents read, split and indexed for real."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from ragopt_tui.knowledge.embedder import Embedder
from ragopt_tui.knowledge.index import Index
from ragopt_tui.knowledge.neighbours import LONGEST, gap_between, place_of, with_neighbours
from ragopt_tui.knowledge.passage import Hit, Passage
from ragopt_tui.knowledge.profile import detect_profile
from ragopt_tui.knowledge.readers import read_document
from ragopt_tui.knowledge.splitter import split
from tests.knowledge.syncing import Library

ROWS = "\n".join(
    f"| Depot number {n} in the county of Ashdale | {n},3{n:02} | {n}.4 % |" for n in range(40)
)
SENTENCES = [
    f"Sentence {n} of the long paragraph says what the group did in its year {n}."
    for n in range(40)
]
REPORT = f"""# Corvane Logistics Inc. annual report 2023

## Depots

| Depot | Revenue | Margin |
|---|---|---|
{ROWS}

## Review

{" ".join(SENTENCES)}

## Outlook

A short paragraph.

Another short paragraph.
"""


@pytest.fixture
def index(library: Library) -> Index:
    (library.docs / "report.md").write_text(REPORT, encoding="utf-8")
    wrapped = "\n".join(SENTENCES)
    (library.docs / "wrapped.txt").write_text(f"REVIEW\n\n{wrapped}\n", encoding="utf-8")
    library.sync()
    return Index.open(library.location)


def pieces(index: Index, kind: str, file: str = "report.md") -> list[Passage]:
    return [p for p in index.passages_of(file) if p.kind == kind and len(p.text) > 200]


def assert_exact(passage: Passage, docs: Path) -> None:
    text = read_document(docs / passage.file, passage.file).text
    assert text[passage.char_start : passage.char_end] == passage.text


def test_rows_cut_off_from_their_table_are_joined(index: Index, library: Library) -> None:
    table = pieces(index, "table")
    assert len(table) > 2
    (joined,) = with_neighbours([Hit(table[1], 0.9)], index)
    assert joined.passage.id == table[1].id
    assert joined.passage.char_start == table[0].char_start
    assert joined.passage.line_start == table[0].line_start
    assert len(joined.passage.text) <= LONGEST
    assert_exact(joined.passage, library.docs)


@pytest.mark.parametrize("file", ["report.md", "wrapped.txt"])
def test_a_paragraph_cut_apart_is_joined(index: Index, library: Library, file: str) -> None:
    prose = pieces(index, "prose", file)
    assert len(prose) > 1
    (joined,) = with_neighbours([Hit(prose[0], 0.9)], index)
    assert joined.passage.char_end > prose[0].char_end
    assert_exact(joined.passage, library.docs)


def test_a_passage_that_became_part_of_an_earlier_one_is_left_out(index: Index) -> None:
    table = pieces(index, "table")
    other = pieces(index, "prose", "wrapped.txt")[0]
    hits = [Hit(table[1], 0.9), Hit(other, 0.8), Hit(table[0], 0.7)]
    joined = with_neighbours(hits, index)
    assert [hit.score for hit in joined] == [0.9, 0.8]
    assert place_of(table[0], joined) == 0
    assert place_of(other, joined) == 1
    assert place_of(table[1], [joined[1]]) is None


def test_paragraphs_that_stand_by_themselves_are_not_joined(index: Index) -> None:
    outlook = [p for p in index.passages_of("report.md") if p.headings[-1:] == ("Outlook",)]
    hits = [Hit(p, 0.5) for p in outlook]
    assert with_neighbours(hits, index) == hits


def test_nothing_is_joined_over_headings_pages_and_files(index: Index) -> None:
    for first, second in pairwise(index.passages_of("report.md")):
        if first.headings != second.headings:
            assert gap_between(first, second) is None
    assert with_neighbours([], index) == []


def test_joined_sample_passages_are_exactly_their_documents_text(embedder: Embedder) -> None:

    docs = Path(__file__).parent.parent.parent / "sample_docs"
    joints = 0
    for path in sorted(docs.iterdir()):
        document = read_document(path, path.name)
        passages = split(document, detect_profile(document), embedder.count_tokens, 256)
        for first, second in pairwise(passages):
            gap = gap_between(first, second)
            if gap is not None:
                joints += 1
                assert document.text[first.char_end : second.char_start] == gap
    assert joints > 20
