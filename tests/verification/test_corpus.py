"""The built-in corpus is large, of many kinds, and always the same."""

from __future__ import annotations

from collections import Counter
from typing import get_args

from ragopt_tui.verification.corpus import FEWEST, Kind, dialogues, passages, prose, strings

SPECIAL = ["<s>", "</s>", "<|im_end|>"]


def test_there_are_enough_different_strings_of_every_kind_without_documents() -> None:
    samples = strings((), SPECIAL)
    assert len({sample.text for sample in samples}) == len(samples) >= FEWEST == 3000
    kinds = Counter(sample.kind for sample in samples)
    assert set(kinds) == set(get_args(Kind)) - {"documents"}
    assert all(kinds[kind] >= 200 for kind in ("words", "figures", "whitespace", "unicode", "code"))
    assert any("<|im_end|>" in sample.text for sample in samples)


def test_it_is_the_same_every_time() -> None:
    assert strings((), SPECIAL) == strings((), SPECIAL)
    assert prose(()) == prose(())


def test_documents_come_first_and_many_are_drawn_evenly() -> None:
    texts = [f"Passage {number} of the report." for number in range(10_000)]
    chosen = passages(texts)
    assert 1000 <= len(chosen) <= 1500
    assert chosen[0] == texts[0]
    assert texts.index(chosen[-1]) > 9900
    assert strings(texts, ())[0].kind == "documents"


def test_documents_are_the_text_to_predict_where_there_is_enough_of_it() -> None:
    enough = ["A passage of some length about revenue and profit. " * 20] * 40
    assert prose(enough) == passages(enough)
    few = ["One short passage."]
    assert prose(few)[0] == few[0]
    assert sum(map(len, prose(few))) > 20_000
    assert prose([" ", ""]) == prose(())


def test_dialogues_have_every_form() -> None:
    roles = {tuple(turn["role"] for turn in dialogue) for dialogue in dialogues()}
    assert ("user",) in roles
    assert ("system", "user") in roles
    assert ("system", "user", "assistant", "user") in roles
    assert any(turn["content"] != turn["content"].strip() for d in dialogues() for turn in d)
