from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import pytest

from ragopt_tui.chat.answer import Answer
from ragopt_tui.chat.quotes import REFUSAL, answer_with_quotes
from ragopt_tui.knowledge.passage import Hit, Passage, Profile
from ragopt_tui.knowledge.question import understand
from ragopt_tui.knowledge.reading import read
from ragopt_tui.knowledge.retrieve import skim_passages
from tests.passages import passage

if TYPE_CHECKING:
    from ragopt_tui.knowledge.retrieval_models import RetrievalModels

Ask = Callable[..., Answer]

TARNBROOK = Profile(
    "Annual Report 2024", "Tarnbrook Instruments plc", "fiscal 2024", "annual report"
)
CORVANE = Profile("Annual Report 2024", "Corvane Logistics Inc.", "fiscal 2024", "annual report")

PASSAGES = [
    passage(
        "Tarnbrook employed 3,214 people at the end of the year. Research and development expense "
        "was $61.4 million, or 7.3% of revenue. The increase was due to the new gas analyser.",
        file="tarnbrook.md",
        profile=TARNBROOK,
    ),
    passage(
        "Corvane employed 9,120 people. Its headquarters are in Duluth. [bold]Loud[/bold] *claims*.",
        file="corvane.md",
        profile=CORVANE,
        line_start=40,
    ),
    passage(
        "| Item | 2024 | 2023 |\n|---|---|---|\n| Revenue | 842.0 | 799.5 |\n| Capital expenditures | 44.9 | 39.2 |",
        file="tarnbrook.md",
        number=1,
        kind="table",
        lead="Selected data ($ in millions)",
        profile=TARNBROOK,
    ),
]


@pytest.fixture(scope="module")
def ask(retrieval_models: RetrievalModels) -> Ask:
    def answer(
        question: str, passages: Sequence[Passage] = PASSAGES, threshold: float = 0.15
    ) -> Answer:
        hits = [Hit(p, 1.0) for p in passages]
        asked = understand(question, {p.profile.company for p in passages})
        found = read(skim_passages(asked, hits, retrieval_models, len(hits)), retrieval_models)
        return answer_with_quotes(found, threshold=threshold, index_version="g1.v1", passages=6)

    return answer


def test_the_best_sentence_is_quoted_verbatim_with_its_citation(ask: Ask) -> None:
    answer = ask("How many people did Tarnbrook employ in fiscal 2024?")
    assert (
        answer.text.split("\n\n")[0]
        == "Tarnbrook employed 3,214 people at the end of the year. [1]"
    )
    assert answer.citations[0].quote == "Tarnbrook employed 3,214 people at the end of the year."
    assert not answer.refused


def test_the_company_decides_between_alike_sentences(ask: Ask) -> None:
    answer = ask("How many people work at Corvane?")
    assert answer.text.startswith("Corvane employed 9,120 people.")
    assert (answer.citations[0].file, answer.citations[0].line_start) == ("corvane.md", 40)


def test_a_table_row_is_quoted_with_its_columns_and_unit(ask: Ask) -> None:
    answer = ask("What was Tarnbrook's capex in 2023?")
    first = answer.text.split("\n\n")[0]
    assert (
        first
        == "Capital expenditures — 2024: 44.9 · **2023: 39.2** (Selected data ($ in millions)) [1]"
    )
    assert answer.citations[0].quote == "| Capital expenditures | 44.9 | 39.2 |"


def test_a_reason_is_found_in_the_sentence_that_refers_back(ask: Ask) -> None:
    answer = ask("Why did Tarnbrook's research and development expense increase?")
    assert "new gas analyser" in answer.text.split("\n\n")[0]


@pytest.mark.parametrize(
    "question",
    [
        "What was Tarnbrook's customer churn in 2024?",
        "Who won the football world cup?",
        "What was Corvane's dividend per share in 2019?",
    ],
)
def test_what_the_documents_do_not_say_is_refused(ask: Ask, question: str) -> None:
    answer = ask(question)
    assert answer.refused
    assert answer.text.startswith(REFUSAL)
    assert answer.citations == ()
    assert len(answer.evidence) == 3


def test_a_year_that_no_passage_mentions_is_named_in_the_refusal(ask: Ask) -> None:
    assert "2019" in ask("What was Corvane's dividend per share in 2019?").text


def test_a_question_in_another_language_is_refused_with_the_reason(ask: Ask) -> None:
    answer = ask("Wie viele Kunden hatte die Firma im Ausland?", threshold=0.99)
    assert answer.refused
    assert answer.text.endswith("not in English, the only language that is read well.")


def test_markup_in_a_document_is_shown_as_written(ask: Ask) -> None:
    answer = ask("What loud claims does Corvane make?", threshold=0.0)
    assert r"\[bold\]Loud\[/bold\] \*claims\*" in answer.text


def test_nothing_to_quote_is_a_refusal(ask: Ask) -> None:
    assert ask("What was revenue?", []).refused


@pytest.mark.parametrize("question", ["?", "…", "x" * 50_000, "¿Cuál fue el ingreso?", "[1] * _ `"])
def test_odd_questions_give_an_answer_or_a_refusal(ask: Ask, question: str) -> None:
    assert isinstance(ask(question), Answer)
