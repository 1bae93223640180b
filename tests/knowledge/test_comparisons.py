"""Questions that compare: evidence for each side, on a real index with the built-in models."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ragopt_tui.chat.quotes import answer_with_quotes
from ragopt_tui.knowledge.embedder import Embedder
from ragopt_tui.knowledge.index import Index
from ragopt_tui.knowledge.reading import read
from ragopt_tui.knowledge.retrieval_models import RetrievalModels
from ragopt_tui.knowledge.retrieve import Retrieval, Stages, retrieve
from tests.knowledge.syncing import Library, Spy

CAPEX = {("Harrow Foods plc", 2022): "31.4", ("Harrow Foods plc", 2023): "38.9"}
CAPEX |= {("Corvane Logistics Inc.", 2022): "51.9", ("Corvane Logistics Inc.", 2023): "66.2"}
OTHERS = ("Inventories", "Dividends", "Staff", "Borrowings", "Pensions", "Leases")


def report(company: str, year: int, capex: str) -> str:
    others = "\n\n".join(
        f"## {topic}\n\n{topic} of {company} changed little in fiscal {year}." for topic in OTHERS
    )
    return (
        f"# {company} — Annual Report {year}\n\nFiscal year ended June 30, {year}.\n\n"
        f"## Capital expenditure\n\nCapital expenditure was ${capex} million in fiscal {year}.\n\n"
        f"{others}\n"
    )


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, embedder: Embedder) -> Iterator[Index]:
    library = Library(tmp_path_factory.mktemp("docs"), Spy(embedder))
    for (company, year), capex in CAPEX.items():
        library.put(f"{company.split()[0].lower()}-{year}.md", report(company, year, capex))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAGOPT_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setattr("ragopt_tui.knowledge.sync.load_embedder", library.load)
        library.sync()
        opened = Index.open(library.location)
    yield opened
    opened.close()


def capex_of(found: Retrieval, first: int) -> set[str]:
    texts = " ".join(hit.passage.text for hit in found.hits[:first])
    return {capex for capex in CAPEX.values() if f"${capex} million" in texts}


@pytest.mark.parametrize(
    ("question", "wanted"),
    [
        ("Compare Harrow's capital expenditure in fiscal 2022 and fiscal 2023", {"31.4", "38.9"}),
        ("Did Harrow or Corvane have more capital expenditure in fiscal 2023?", {"38.9", "66.2"}),
        ("Corvane capex from 2022 to 2023", {"51.9", "66.2"}),
    ],
)
def test_both_sides_stand_in_the_first_places(
    index: Index, retrieval_models: RetrievalModels, question: str, wanted: set[str]
) -> None:
    found = retrieve(question, index, retrieval_models, 8)
    assert capex_of(found, 2) == wanted
    assert len(found.sides) == 2
    assert found.question.text == question
    assert len(found.question.years) * len(found.question.companies) == 2
    ids = [hit.passage.id for hit in found.hits]
    assert len(ids) == len(set(ids))
    scores = [hit.score for hit in found.hits]
    assert scores == sorted(scores, reverse=True)


def test_quotes_show_one_for_each_side(index: Index, retrieval_models: RetrievalModels) -> None:
    question = "Compare Harrow's capital expenditure in fiscal 2022 and fiscal 2023"
    found = read(retrieve(question, index, retrieval_models, 8), retrieval_models)
    answer = answer_with_quotes(found, threshold=0.2, index_version="g1.v1", passages=4)
    assert "$31.4 million" in answer.text
    assert "$38.9 million" in answer.text
    for citation in answer.citations:
        assert citation.quote in answer.evidence[citation.n - 1].passage.text


def test_each_filter_is_said_once_with_its_state(
    index: Index, retrieval_models: RetrievalModels
) -> None:
    question = "Compare Harrow's capital expenditure in fiscal 2022 and fiscal 2023"
    found = retrieve(question, index, retrieval_models, 8)
    named = [(f.value, f.state) for f in found.filters]
    assert named == [("Harrow Foods plc", "used"), ("FY2022", "used"), ("FY2023", "used")]


def test_a_side_that_the_user_removed_is_none(
    index: Index, retrieval_models: RetrievalModels
) -> None:
    question = "Compare Harrow's capital expenditure in fiscal 2022 and fiscal 2023"
    found = retrieve(question, index, retrieval_models, 8, [("period", "FY2022")])
    assert len(found.sides) == 1
    assert {f.value: f.state for f in found.filters}["FY2022"] == "removed"


def test_switched_off_stages_take_no_part(index: Index, retrieval_models: RetrievalModels) -> None:
    question = "Compare Harrow's capital expenditure in fiscal 2022 and fiscal 2023"
    plain = Stages(False, False, False, False, False, False)
    found = retrieve(question, index, retrieval_models, 8, stages=plain)
    vector = retrieval_models.embedder.embed_query(question)
    by_search = index.search(vector, found.question.search_text, 40)[:8]
    assert [hit.passage.id for hit in found.hits] == [hit.passage.id for hit in by_search]
    assert {f.state for f in found.filters} == {"removed"}
