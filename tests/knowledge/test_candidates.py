"""A question is searched for among the documents of its companies and periods, on a real index."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from ragopt_tui.knowledge.candidates import Candidates, find_candidates
from ragopt_tui.knowledge.embedder import Embedder
from ragopt_tui.knowledge.fiscal_period import Period
from ragopt_tui.knowledge.index import Index
from tests.knowledge.syncing import Library, Spy

COUNT = 40
TOPICS = ["Revenue", "Profit", "Debt", "Inventories", "Staff", "Dividends", "Capital expenditure"]


def report(company: str, year: int, figure: int) -> str:
    """Give a report with a passage for each topic."""
    sections = "\n\n".join(
        f"## {topic}\n\n{topic} of {company} came to ${figure + n} million, "
        "which the board had expected when it met in the spring of the year."
        for n, topic in enumerate(TOPICS)
    )
    return (
        f"# {company} — Annual Report {year}\n\nFiscal year ended June 30, {year}.\n\n{sections}\n"
    )


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, embedder: Embedder) -> Iterator[Index]:
    docs = tmp_path_factory.mktemp("docs")
    library = Library(docs, Spy(embedder))
    for company in ("Harrow Foods plc", "Corvane Logistics Inc."):
        for year in (2021, 2022, 2023, 2024):
            library.put(f"{company.split()[0]}-{year}.md", report(company, year, 10 * year))
    library.put("harrow-note.txt", "HARROW FOODS PLC\n\nA note on where figures are found.\n")
    library.put("ostler-2020.md", "# Ostler Fund — Annual Report 2020\n\nRevenue was small.\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAGOPT_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setattr("ragopt_tui.knowledge.sync.load_embedder", library.load)
        library.sync()
        opened = Index.open(library.location)
    yield opened
    opened.close()


@dataclass(frozen=True, slots=True)
class Search:
    """Searches the index as a question does."""

    index: Index
    embedder: Embedder

    def __call__(self, question: str, *without: tuple[str, str]) -> Candidates:
        return find_candidates(question, self.index, self.embedder, COUNT, without)


@pytest.fixture
def search(index: Index, embedder: Embedder) -> Search:
    return Search(index, embedder)


def states(candidates: Candidates) -> dict[str, str]:
    return {each.value: each.state for each in candidates.filters}


def files(candidates: Candidates) -> set[str]:
    return {hit.passage.file for hit in candidates.hits}


def test_the_index_knows_its_periods_and_companies(index: Index) -> None:
    assert index.periods()["fiscal 2023"] == Period(2023)
    assert index.companies() == {
        "Harrow Foods plc", "HARROW FOODS PLC", "Corvane Logistics Inc.", "Ostler Fund"
    }  # fmt: skip


def test_documents_of_other_companies_are_left_out(search: Search) -> None:
    candidates = search("What was Harrow Foods' revenue?")
    assert states(candidates) == {"Harrow Foods plc": "used"}
    assert {file.split("-")[0].lower() for file in files(candidates)} == {"harrow"}
    assert "harrow-note.txt" in files(candidates)
    assert candidates.question.companies == {"Harrow Foods plc", "HARROW FOODS PLC"}


def test_documents_of_the_year_and_of_the_next_come_first(search: Search) -> None:
    candidates = search("What was Harrow's revenue in fiscal 2022?")
    assert states(candidates) == {"Harrow Foods plc": "used", "FY2022": "used"}
    assert candidates.hits[0].passage.file == "Harrow-2022.md"
    years = [hit.passage.file for hit in candidates.hits[:15]]
    assert not {"Harrow-2021.md", "Harrow-2024.md"} & set(years[:7])


def test_a_passage_in_a_document_of_another_year_is_not_lost(search: Search) -> None:
    candidates = search("What was Harrow's revenue in fiscal 2022?")
    assert "Harrow-2024.md" in files(candidates)


def test_two_companies_and_two_years_are_searched_together(search: Search) -> None:
    question = "Compare the revenue of Harrow Foods and Corvane in 2021 and 2022"
    candidates = search(question)
    assert set(states(candidates).values()) == {"used"}
    assert {"Harrow-2021.md", "Corvane-2021.md", "Harrow-2022.md", "Corvane-2022.md"} <= files(
        candidates
    )


def test_a_year_that_no_document_is_about_is_not_kept_to(search: Search) -> None:
    candidates = search("What was Harrow's revenue in 1999?")
    assert states(candidates) == {"Harrow Foods plc": "used", "FY1999": "relaxed"}
    assert len(candidates.hits) > 5


def test_a_company_of_which_there_is_too_little_is_not_kept_to(search: Search) -> None:
    candidates = search("What was the revenue of Ostler?")
    assert states(candidates) == {"Ostler Fund": "relaxed"}
    assert "ostler-2020.md" in files(candidates)
    assert len(candidates.hits) > 5


def test_last_year_is_searched_as_the_year_it_means(search: Search) -> None:
    candidates = search("What was Harrow's revenue last year?")
    assert states(candidates)["FY2023"] == "used"
    assert candidates.question.text == "What was Harrow's revenue in fiscal 2023?"
    assert candidates.question.years == {"2023"}
    assert candidates.hits[0].passage.file == "Harrow-2023.md"


@pytest.mark.parametrize("value", ["FY2022", ""])
def test_a_period_that_is_taken_away_is_not_asked_for(search: Search, value: str) -> None:
    question = "What was Harrow's revenue in Q3 2022?" if not value else "Harrow revenue in 2022"
    candidates = search(question, ("period", value))
    assert set(states(candidates).values()) == {"used", "removed"}
    assert candidates.question.years == candidates.question.interim == frozenset()
    assert candidates.question.companies


def test_a_company_that_is_taken_away_is_not_asked_for(search: Search) -> None:
    candidates = search("Harrow's revenue in 2022", ("company", "Harrow Foods plc"))
    assert states(candidates) == {"Harrow Foods plc": "removed", "FY2022": "used"}
    assert candidates.question.companies == frozenset()
    assert any(file.startswith("Corvane") for file in files(candidates))


def test_a_question_that_names_neither_is_searched_everywhere(search: Search) -> None:
    candidates = search("Which dividends were paid?")
    assert candidates.filters == ()
    assert len(candidates.hits) == COUNT


def test_what_is_quoted_in_a_question_is_no_filter_language(search: Search) -> None:
    candidates = search("' OR company IN ('x') -- revenue of Harrow's \\ in 2022")
    assert states(candidates) == {"Harrow Foods plc": "used", "FY2022": "used"}
