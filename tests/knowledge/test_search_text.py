"""How figures are written for full-text search."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ragopt_tui.knowledge.embedder import Embedder
from ragopt_tui.knowledge.index import Index
from ragopt_tui.knowledge.search_text import query_words, searchable
from tests.knowledge.syncing import Library, Spy


@pytest.mark.parametrize(
    ("text", "indexed"),
    [
        ("1,577", "1577"),
        ("(1,234,567)", "(1234567)"),
        ("1\u202f577 and 2'500 and 3’000", "1577 and 2500 and 3000"),
        ("$1,577.3m", "$1577d3 m"),
        ("14.2 %", "14d2 %"),
        ("in 2021, 2022, and 2023", "in 2021, 2022, and 2023"),
        ("items 1,2,3", "items 1,2,3"),
        ("12,34", "12,34"),
        ("FY2023", "FY 2023"),
        ("40bps", "40 bps"),
        ("Revenue rose. 3 more", "Revenue rose. 3 more"),
    ],
)
def test_a_figure_is_one_word_however_it_is_printed(text: str, indexed: str) -> None:
    assert searchable(text) == indexed


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("What was the operating margin in FY2023?", "operating margin fy 2023"),
        ("1,577", "1577 1d577 577"),
        ("1.577", "1d577 1577 577"),
        ("1 577", "1577 1d577 577"),
        ("12,345,678", "12345678 12d345d678 345 678"),
        ("14.25 and 2023", "14d25 2023"),
        ("who is it", "who is it"),
        ('"net" AND (revenue* OR ~x) +y -z ^2', "net revenue x y z 2"),
        ("?!…", ""),
        ("", ""),
        ("margin margin Margin", "margin"),
    ],
)
def test_of_a_question_the_telling_words_are_searched(question: str, words: str) -> None:
    found = [word for word in query_words(question).split() if word != "or"]
    assert " ".join(found) == words


def test_of_an_endless_question_the_first_words_are_searched() -> None:
    words = query_words(" ".join(f"word{n}" for n in range(10_000))).split()
    assert words[0] == "word0"
    assert len(words) < 100


FORMS = ("1577", "1,577", "1.577", "1 577", "1\u202f577", "1'577")


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, embedder: Embedder) -> Iterator[Index]:
    """One document for each way of printing the figure, and others with other figures."""
    library = Library(tmp_path_factory.mktemp("docs"), Spy(embedder))
    for number, form in enumerate(FORMS):
        library.put(f"form-{number}.txt", f"Depot revenue came to {form} thousand in all.\n")
    for number in range(12):
        library.put(f"other-{number}.txt", f"Depot revenue came to {number + 3},{200 + number}.\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAGOPT_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setattr("ragopt_tui.knowledge.sync.load_embedder", library.load)
        library.sync()
        opened = Index.open(library.location)
    yield opened
    opened.close()


@pytest.mark.parametrize("asked", FORMS)
def test_a_figure_is_found_in_every_form_by_every_form(index: Index, asked: str) -> None:
    hits = index.search(None, f"Where is {asked}?", len(FORMS))
    assert {hit.passage.file for hit in hits} == {f"form-{n}.txt" for n in range(len(FORMS))}
