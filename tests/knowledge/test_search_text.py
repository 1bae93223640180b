"""How figures are written for full-text search."""

from __future__ import annotations

import pytest

from ragopt_tui.knowledge.search_text import query_words, searchable


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
        ("1,577", "1577"),
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
