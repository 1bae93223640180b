"""The built-in model's prompt: lines of units with score and context."""

from __future__ import annotations

import dataclasses

from ragopt_tui.chat.builtin_prompt import SHOWN_UNITS, about_unit, beginning, builtin_lines, ending
from ragopt_tui.chat.prompt import build_prompt
from ragopt_tui.knowledge.passage import Hit, Passage, Profile
from ragopt_tui.knowledge.scoring import Parts, ScoredUnit
from ragopt_tui.knowledge.units import passage_units
from tests.chat.test_citations import passage

PARTS = Parts(*([0.0] * len(dataclasses.fields(Parts))))


def words(text: str) -> int:
    return len(text.split())


def named(name: str, text: str) -> Passage:
    return dataclasses.replace(passage(text), id=name, file=f"{name}.md")


def scored(of: Passage, number: int, score: float) -> ScoredUnit:
    return ScoredUnit(passage_units(of)[number], PARTS, score)


def table() -> Passage:
    return dataclasses.replace(
        named("t", "| $ millions | 2023 | 2022 |\n|---|---|---|\n| Net income | 4.8 | 42.0 |"),
        kind="table",
        headings=("Results", "Income statement"),
        profile=Profile(title="Annual report 2023", company="Northwind"),
    )


def test_the_prompt_is_word_for_word_what_the_model_was_trained_on() -> None:
    prose = named("p", "Sales rose. The rise came from prices.")
    units = [scored(table(), 0, 0.97), scored(prose, 1, 0.71)]
    prompt = build_prompt(
        "Net  income\n2023?",
        [Hit(table(), 0.9), Hit(prose, 0.4)],
        builtin=True,
        count_tokens=words,
        room=1000,
        units=units,
    )
    assert prompt.used == 2
    (message,) = prompt.messages
    assert message["role"] == "user"
    assert message["content"] == (
        "Answer from the numbered lines and cite them like [1]. A line gives its number, how "
        "likely it answers (9 is most), where it stands, and its words. If no line answers, "
        "reply: The documents do not say.\n\n"
        "Question: Net income 2023?\n\n"
        "[1] 9 | Annual report 2023 · Northwind. Income statement. $ millions | "
        "Net income, 2023: $4.8 million\n"
        "[2] 7 | p.md. Sales rose. | The rise came from prices.\n\n"
        "Question: Net income 2023?"
    )


def test_units_of_passages_that_are_no_evidence_are_not_shown() -> None:
    inside, outside = named("in", "Here it is."), named("out", "Not here.")
    lines = builtin_lines(
        "?", [scored(outside, 0, 0.9), scored(inside, 0, 0.5)], [Hit(inside, 1.0)]
    )
    assert lines == ["[1] 5 | in.md | Here it is."]


def test_only_the_best_units_are_shown() -> None:
    many = named("m", " ".join(f"Sentence {n} says so." for n in range(20)))
    units = [scored(many, n, 1 - n / 200) for n in range(20)]
    lines = builtin_lines("?", units, [Hit(many, 1.0)])
    assert len(lines) == SHOWN_UNITS
    assert lines[0].endswith("Sentence 0 says so.")


def test_units_much_less_likely_than_the_best_are_not_shown() -> None:
    two = named("p", "One is here. Two is there. Three is far.")
    units = [scored(two, 0, 0.9), scored(two, 1, 0.64), scored(two, 2, 0.6)]
    lines = builtin_lines("?", units, [Hit(two, 1.0)])
    assert [line[:5] for line in lines] == ["[1] 9", "[1] 6"]


def test_where_nothing_was_read_the_first_units_are_shown_with_their_passages_score() -> None:
    lines = builtin_lines("?", [], [Hit(named("p", "One is here. Two is there."), 0.42)])
    assert [line[:5] for line in lines] == ["[1] 4", "[1] 4"]


def test_lines_that_do_not_fit_are_left_out_the_last_first() -> None:
    many = named("m", " ".join(f"Sentence {n} says so." for n in range(6)))
    units = [scored(many, n, 0.9) for n in range(6)]
    found = build_prompt(
        "Q?", [Hit(many, 1.0)], builtin=True, count_tokens=words, room=115, units=units
    )
    content = found.messages[0]["content"]
    assert "Sentence 0" in content
    assert "Sentence 2" not in content
    assert words(content) <= 115


def test_context_and_words_are_cut_at_whole_words() -> None:
    assert beginning("one two three", 9) == "one two"
    assert ending("one two three", 9) == "two three"
    long = dataclasses.replace(named("p", "Yes."), profile=Profile(title="word " * 60))
    assert len(about_unit(passage_units(long)[0])) <= 90
