"""A question in another language is told from English ones, however short or odd these are."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.questions import load_questions
from ragopt_tui.chat.question_language import is_in_another_language

QUESTIONS = Path(__file__).parents[1] / "questions"


@pytest.mark.parametrize(
    "question",
    [
        "Wie hoch war der Umsatz von Tarnbrook im Geschäftsjahr 2024?",
        "Wie viele Mitarbeiter hatte die Firma?",
        "¿Cuál fue el ingreso neto en el año fiscal 2024?",
        "Quel était le chiffre d'affaires de la société en 2023 ?",
        "2024年度の売上高はいくらですか",
        "Какова была выручка в 2024 году?",
    ],
)
def test_questions_in_other_languages_are_recognised(question: str) -> None:
    assert is_in_another_language(question)


@pytest.mark.parametrize(
    "question",
    ["", "?", "…", "EBITDA 2024", "revenue", "x" * 50_000, "Was it up?", "and in 2022?", "IFRS 16"],
)
def test_short_and_odd_questions_are_not(question: str) -> None:
    assert not is_in_another_language(question)


def test_no_english_question_of_the_sets_is_taken_for_another_language() -> None:
    questions = [
        asked.question
        for name in ("sample", "development", "final")
        for asked in load_questions(QUESTIONS / name)
    ]
    assert len(questions) > 150
    assert not [text for text in questions if is_in_another_language(text)]
