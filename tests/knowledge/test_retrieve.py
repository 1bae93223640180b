from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ragopt_tui.knowledge.passage import Hit, Passage, Profile
from ragopt_tui.knowledge.question import Question, understand
from ragopt_tui.knowledge.ranking import rerank
from ragopt_tui.knowledge.reading import read
from ragopt_tui.knowledge.retrieve import Retrieval, skim_passages
from tests.passages import passage

if TYPE_CHECKING:
    from ragopt_tui.knowledge.retrieval_models import RetrievalModels


def report(company: str, year: int, text: str, number: int = 0) -> Passage:
    profile = Profile(f"Annual Report {year}", company, f"fiscal {year}", "annual report")
    return passage(text, file=f"{company}-{year}.md".lower(), number=number, profile=profile)


HITS = [
    Hit(report("Tarnbrook", 2023, "Capital expenditure was $52.0 million."), 0.033),
    Hit(report("Corvane", 2024, "Capital expenditure was $51.9 million."), 0.032),
    Hit(report("Tarnbrook", 2024, "Risk factors include weak demand and currencies."), 0.031),
    Hit(report("Tarnbrook", 2024, "Capital expenditure was $66.2 million.", 1), 0.030),
]


def found_in(asked: Question, hits: Sequence[Hit], models: RetrievalModels) -> Retrieval:
    return read(skim_passages(asked, hits, models, len(hits)), models)


def test_the_company_and_year_asked_for_come_before_a_better_search_rank(
    retrieval_models: RetrievalModels,
) -> None:
    asked = understand("Tarnbrook capex FY24", {"Tarnbrook", "Corvane"})
    assert "$66.2 million" in rerank(asked, HITS)[0].passage.text
    found = found_in(asked, rerank(asked, HITS), retrieval_models)
    assert "$66.2 million" in found.hits[0].passage.text


def test_a_passage_stands_by_its_best_sentence_not_by_its_length(
    retrieval_models: RetrievalModels,
) -> None:
    filler = "The board met in Leeds. Weather was mild. Staff were thanked. " * 4
    long = report("Tarnbrook", 2024, f"{filler}Goodwill was $31.6 million. {filler}")
    short = report("Tarnbrook", 2024, "Goodwill is tested for impairment every year.", 1)
    asked = understand("How much was goodwill at Tarnbrook in 2024?", {"Tarnbrook"})
    found = found_in(asked, [Hit(short, 1.0), Hit(long, 1.0)], retrieval_models)
    assert found.hits[0].passage is long
    assert "$31.6 million" in found.units[0].unit.words


def test_scores_are_probabilities_in_falling_order(retrieval_models: RetrievalModels) -> None:
    asked = understand("Tarnbrook capex FY24", {"Tarnbrook", "Corvane"})
    scores = [hit.score for hit in found_in(asked, HITS, retrieval_models).hits]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)


def test_nothing_found_stays_nothing(retrieval_models: RetrievalModels) -> None:
    asked = understand("capex")
    assert rerank(asked, []) == []
    found = found_in(asked, [], retrieval_models)
    assert (found.hits, found.units) == ([], [])


def test_what_another_company_says_is_no_answer(retrieval_models: RetrievalModels) -> None:
    asked = understand("What audit fee did Corvane pay?", {"Tarnbrook", "Corvane"})
    passages = [
        report("Tarnbrook", 2024, "The audit fee was $1.6 million."),
        report("Corvane", 2024, "The auditor attended every meeting of the committee.", 1),
    ]
    found = found_in(asked, [Hit(p, 1.0) for p in passages], retrieval_models)
    assert [scored.unit.passage.file for scored in found.units] == ["corvane-2024.md"]
    assert found.units[0].score < 0.5
