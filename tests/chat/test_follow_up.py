"""How follow-ups are read against the questions before them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.follow_ups import load_pairs
from benchmarks.questions import load_questions
from ragopt_tui.chat.follow_up import LOOKED_BACK, Earlier, first_sentence, resolve

QUESTIONS = Path(__file__).parent.parent / "questions"
COMPANIES = (
    "Tarnbrook Instruments plc",
    "Veldmark Foods Group N.V.",
    "Larkfield Income Fund",
    "Corvane Logistics Corporation",
)
REVENUE = "What was Corvane's revenue in fiscal 2024?"
PROFIT = "What operating profit did Tarnbrook's Laboratory Systems segment earn in fiscal 2024?"
STOCK = "How much finished goods inventory was Tarnbrook carrying at June 30, 2023?"
CHINA = "What were Tarnbrook's sales to China in fiscal 2024?"
MARGIN = "Why did Veldmark's gross margin fall in 2023?"
STAND_ALONE = [
    each.question
    for folder in ("sample", "development")
    for each in load_questions(QUESTIONS / folder)
]


def read(question: str, *earlier: str, answer: str = "") -> str:
    before = [Earlier(each) for each in earlier[:-1]]
    return resolve(question, [*before, Earlier(earlier[-1], answer)], COMPANIES)


@pytest.mark.parametrize(
    ("last", "asked", "meant"),
    [
        (REVENUE, "and in 2022?", "What was Corvane's revenue in fiscal 2022?"),
        (REVENUE, "FY23?", "What was Corvane's revenue in FY23?"),
        (REVENUE, "and the year before?", "What was Corvane's revenue in fiscal 2023?"),
        (REVENUE, "and Q3?", "What was Corvane's revenue in Q3 fiscal 2024?"),
        (
            REVENUE,
            "And in the third quarter?",
            "What was Corvane's revenue in the third quarter of fiscal 2024?",
        ),
        (
            REVENUE,
            "what about the third quarter of 2022?",
            "What was Corvane's revenue in the third quarter of 2022?",
        ),
        (
            STOCK,
            "and in 2024?",
            "How much finished goods inventory was Tarnbrook carrying at June 30, 2024?",
        ),
        ("Who audits Corvane?", "and in 2022?", "Who audits Corvane in 2022?"),
        ("Corvane capex FY24", "and FY23", "Corvane capex FY23?"),
    ],
)
def test_a_period_takes_the_place_of_the_last_or_is_added(
    last: str, asked: str, meant: str
) -> None:
    assert read(asked, last) == meant


@pytest.mark.parametrize(
    ("last", "asked", "meant"),
    [
        (REVENUE, "What about Veldmark?", "What was Veldmark's revenue in fiscal 2024?"),
        (REVENUE, "larkfield?", "What was Larkfield's revenue in fiscal 2024?"),
        (REVENUE, "and at Veldmark in 2022?", "What was Veldmark's revenue in fiscal 2022?"),
        (CHINA, "and to Germany?", "What were Tarnbrook's sales to Germany in fiscal 2024?"),
        (
            PROFIT,
            "how about Process Sensors?",
            "What operating profit did Tarnbrook's Process Sensors segment earn in fiscal 2024?",
        ),
        (REVENUE, "and in Germany?", "What was Corvane's revenue in fiscal 2024 in Germany?"),
    ],
)
def test_a_company_or_name_takes_the_place_of_the_last_or_is_added(
    last: str, asked: str, meant: str
) -> None:
    assert read(asked, last) == meant


@pytest.mark.parametrize(
    ("last", "asked", "meant"),
    [
        (REVENUE, "and the margin?", "What was Corvane's margin in fiscal 2024?"),
        (REVENUE, "and its headcount?", "What was Corvane's headcount in fiscal 2024?"),
        (
            REVENUE,
            "what about net income at Larkfield in 2023?",
            "What was Larkfield's net income in fiscal 2023?",
        ),
        (
            PROFIT,
            "and revenue?",
            "What was Tarnbrook's Laboratory Systems segment revenue in fiscal 2024?",
        ),
        (
            REVENUE,
            "and what was net income?",
            "What was net income at Corvane in fiscal 2024?",
        ),
        (REVENUE, "what was capex that year?", "What was capex at Corvane in fiscal 2024?"),
    ],
)
def test_another_metric_is_asked_of_the_same_company_segment_and_period(
    last: str, asked: str, meant: str
) -> None:
    assert read(asked, last) == meant


@pytest.mark.parametrize(
    ("last", "asked", "meant"),
    [
        (REVENUE, "why did it fall?", "Why did Corvane's revenue in fiscal 2024 fall?"),
        (REVENUE, "why did it fall in 2023?", "Why did Corvane's revenue fall in 2023?"),
        (
            REVENUE,
            "How much was that as a share of net sales?",
            "How much was Corvane's revenue in fiscal 2024 as a share of net sales?",
        ),
        (
            CHINA,
            "how did that compare with the previous year?",
            "How did Tarnbrook's sales to China in fiscal 2024 compare with fiscal 2023?",
        ),
        (
            REVENUE,
            "why was it lower at Veldmark?",
            "Why was Veldmark's revenue in fiscal 2024 lower?",
        ),
        (
            REVENUE,
            "how many people did it employ?",
            "How many people did Corvane employ in fiscal 2024?",
        ),
        (
            "How much did Larkfield pay out per unit in 2024?",
            "How much was that in 2023?",
            "How much did Larkfield pay out per unit in 2023?",
        ),
        (REVENUE, "What were its dividends?", "What were Corvane's dividends in fiscal 2024?"),
        (REVENUE, "why did revenue fall?", "Why did revenue fall at Corvane in fiscal 2024?"),
        (REVENUE, "Why?", "What was Corvane's revenue in fiscal 2024, and why?"),
        (
            MARGIN,
            "by how much did it fall?",
            "Why did Veldmark's gross margin fall in 2023, and by how much did it fall?",
        ),
    ],
)
def test_a_pronoun_means_what_the_last_question_is_about(last: str, asked: str, meant: str) -> None:
    assert read(asked, last) == meant


def test_he_and_she_are_the_person_whom_the_last_answer_names() -> None:
    answer = first_sentence(
        "**Maarten Visser** has been Veldmark's CFO since 2021. [1]\n\nAnna Maas left."
    )
    assert answer == "Maarten Visser has been Veldmark's CFO since 2021."
    asked = "since when has he held the job?"
    meant = "Since when has Maarten Visser held the job?"
    assert read(asked, "Who is the CFO of Veldmark?", answer=answer) == meant


def test_the_company_is_found_in_an_earlier_question_where_the_last_names_none() -> None:
    asked = "how many people did it employ?"
    assert read(asked, REVENUE, "Who was the auditor?") == "How many people did Corvane employ?"


def test_what_is_too_far_back_is_not_looked_at() -> None:
    between = ["Who was the auditor?"] * LOOKED_BACK
    assert "Corvane" not in read("how many people did it employ?", REVENUE, *between)


@pytest.mark.parametrize(
    "question",
    [
        "And who is the CFO of Veldmark?",
        "How large is Larkfield?",
        "When does Corvane report?",
        "What did it cost Hollenau Feuchtetechnik to close the plant?",
        "What was revenue in 2021?",
        "Which plant is the largest and what does it make?",
        "Is it true that margins fell in 2023?",
        "capex?",
        "?!…",
        "that?",
        "what about it?",
        "売上高は?",
        "why? " * 10_000,
    ],
)
def test_a_question_that_stands_by_itself_or_means_nothing_stays_as_it_is(question: str) -> None:
    assert read(question, PROFIT, REVENUE) == question


def test_the_first_question_stays_as_it_is() -> None:
    assert resolve("and in 2022?", [], COMPANIES) == "and in 2022?"


def test_stand_alone_questions_asked_one_after_the_other_stay_as_they_are() -> None:
    assert len(STAND_ALONE) == 160
    for at, question in enumerate(STAND_ALONE):
        earlier = [Earlier(each) for each in STAND_ALONE[:at]]
        assert resolve(question, earlier, COMPANIES) == question


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(STAND_ALONE), min_size=2, max_size=4))
def test_stand_alone_questions_stay_as_they_are_in_any_order(asked: list[str]) -> None:
    assert read(asked[-1], *asked[:-1]) == asked[-1]


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(STAND_ALONE),
    st.sampled_from(
        [
            "and in 2022?",
            "Q3?",
            "what about Corvane?",
            "and the margin?",
            "why did it fall?",
            "how much was that as a share of revenue?",
            "and the year before?",
            "what were its dividends?",
        ]
    ),
    st.sampled_from(STAND_ALONE),
)
def test_what_a_follow_up_is_read_as_stands_by_itself(last: str, asked: str, other: str) -> None:
    meant = read(asked, last)
    assert read(meant, other) == meant


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=250), st.text(max_size=250), st.text(max_size=60))
def test_no_text_is_too_odd_to_be_read(last: str, asked: str, answer: str) -> None:
    assert isinstance(read(asked, last, answer=answer), str)


def test_each_of_the_twenty_pairs_is_recognised_as_a_follow_up() -> None:
    pairs = load_pairs()
    assert len(pairs) == 20
    for pair in pairs:
        read_as = read(pair.follow_up, pair.first, answer="A director is Sabine Aldekamp.")
        assert read_as != pair.follow_up
        assert read(pair.alone.question, pair.first) == pair.alone.question
