from __future__ import annotations

import dataclasses

import pytest

from ragopt_tui.chat.prompt import REFUSAL, build_prompt, is_refusal
from ragopt_tui.errors import RagoptError
from ragopt_tui.knowledge.passage import Hit, Profile
from tests.chat.test_citations import passage


def hits(*texts: str) -> list[Hit]:
    return [Hit(passage(text), 1.0) for text in texts]


def words(text: str) -> int:
    return len(text.split())


def test_other_models_get_passages_with_their_origin_and_tables_with_their_lead() -> None:
    table = dataclasses.replace(
        passage("| Retail | 5 |"),
        lead="Segments, $m\n| Segment | 2023 |",
        headings=("Results", "Segments"),
        profile=Profile(title="Annual report", company="Northwind"),
    )
    prompt = build_prompt(
        "Retail?", [Hit(table, 1.0)], builtin=False, count_tokens=words, room=1000
    )
    system, user = prompt.messages
    assert REFUSAL in system["content"]
    assert user["content"] == (
        "Passages:\n\n[1] (report.md · Annual report · Northwind · Results › Segments)\n"
        "Segments, $m\n| Segment | 2023 |\n| Retail | 5 |\n\nQuestion: Retail?"
    )


def test_the_last_passages_are_left_out_when_they_do_not_fit() -> None:
    evidence = hits("a " * 50, "b " * 50, "c " * 50)
    room = 280
    prompt = build_prompt("Q?", evidence, builtin=False, count_tokens=words, room=room)
    assert prompt.used == 2
    content = prompt.messages[1]["content"]
    assert "[2] (report.md)\nb" in content
    assert "[3]" not in content
    assert sum(words(message["content"]) for message in prompt.messages) <= room


def test_a_first_passage_that_is_too_long_is_cut() -> None:
    prompt = build_prompt("Q?", hits("a " * 500), builtin=False, count_tokens=words, room=300)
    assert prompt.used == 1
    assert 250 < sum(words(message["content"]) for message in prompt.messages) <= 300


@pytest.mark.parametrize("builtin", [True, False])
def test_a_question_that_is_too_long_is_an_error(builtin: bool) -> None:
    with pytest.raises(RagoptError, match="context"):
        build_prompt("why " * 300, hits("a"), builtin=builtin, count_tokens=words, room=150)


@pytest.mark.parametrize(
    "text",
    [
        "The documents do not say.",
        "the documents do not say",
        '"The documents don’t say."',
        "**The documents do not say.**",
        "The documents do not say [1].",
        "The documents do not say. The passages are about other years.",
        "I'm sorry, but the provided passages do not contain this figure.",
        "The passages do not mention a dividend.",
        "There is no information about dividends in the passages.",
    ],
)
def test_refusals_are_recognised(text: str) -> None:
    assert is_refusal(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Revenue was $5 million [1].",
        "The documents do not say what 2021 brought; 2020 had 14 % [2].",
        "Revenue was $5 million [1]. The documents do not say what the margin was.",
        "The documents show revenue of $5 million [1].",
        "The documents do not say " + "word " * 50,
    ],
)
def test_answers_are_no_refusals(text: str) -> None:
    assert not is_refusal(text)
