from __future__ import annotations

import numpy as np
import pytest

from ragopt_tui.knowledge.word_vectors import WordVectors


def text(*words: str) -> tuple[frozenset[str]]:
    return (frozenset(words),)


@pytest.fixture(scope="module")
def words() -> WordVectors:
    return WordVectors()


def test_words_of_like_meaning_are_nearer_than_others(words: WordVectors) -> None:
    texts = [text("earnings"), text("weather"), text("profit")]
    near = words.nearness({"profit": 1.0}, texts)
    assert near[2] == pytest.approx(1.0, abs=1e-5)
    assert near[0] > near[1] + 0.1


def test_of_each_word_asked_for_the_nearest_counts_by_its_weight(words: WordVectors) -> None:
    whole = words.nearness({"profit": 1.0, "leeds": 1.0}, [text("profit", "leeds", "rain")])
    half = words.nearness({"profit": 3.0, "leeds": 1.0}, [text("profit", "rain")])
    assert whole[0] == pytest.approx(1.0, abs=1e-5)
    assert 0.75 <= half[0] < 1.0


def test_a_text_is_as_near_as_all_its_parts_together(words: WordVectors) -> None:
    asked = {"profit": 1.0, "leeds": 2.0}
    first, second = frozenset({"earnings", "rain"}), frozenset({"yorkshire"})
    near = words.nearness(asked, [(first, second), (first | second,), (second, first), (first,)])
    assert near[:3].tolist() == pytest.approx([float(near[0])] * 3)
    assert near[3] < near[0]


def test_words_keep_their_vectors_when_there_is_room_for_no_more(words: WordVectors) -> None:
    texts = [text("earnings", "tax"), text("weather")]
    before = words.nearness({"profit": 1.0}, texts)
    words.nearness({"profit": 1.0}, [text(*(f"{n:,}" for n in range(9_000)))])
    assert words.nearness({"profit": 1.0}, texts).tolist() == pytest.approx(before.tolist())


def test_a_text_without_words_is_near_to_nothing(words: WordVectors) -> None:
    assert words.nearness({"profit": 1.0}, [text(), text("profit"), ()]).tolist() == pytest.approx(
        [0, 1, 0]
    )
    assert words.nearness({}, [text("profit")]).tolist() == [0]
    assert words.nearness({"profit": 1.0}, []).shape == (0,)


def test_words_outside_the_vocabulary_have_vectors(words: WordVectors) -> None:
    near = words.nearness({"qzxvw": 1.0}, [text("qzxvw"), text("☃")])
    assert np.isfinite(near).all()
    assert near[0] == pytest.approx(1.0, abs=1e-5)
