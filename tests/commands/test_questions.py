"""`ragopt-tui ask` and `search`: the companies and periods that a question was searched in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ragopt_tui.cli import main
from tests.ui.made_reports import BROKEN, keep, put_made

QUESTION = "What was the revenue of Harrow Foods in fiscal 2023?"


def report(year: int, revenue: str) -> str:
    sections = "".join(f"## Section {n}\n\nStaff of plant {n} were trained.\n\n" for n in range(6))
    return (
        f"# Harrow Foods plc — Annual Report {year}\n\nFiscal year ended June 30, {year}.\n\n"
        f"{sections}## Results\n\nRevenue was {revenue}, more than ever before.\n"
    )


@pytest.fixture(scope="module")
def docs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs")
    (folder / "harrow-2020.md").write_text(report(2020, "$20.3 million"))
    (folder / "harrow-2023.md").write_text(report(2023, "$42.7 million"))
    return folder


@pytest.fixture(scope="module")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def home(shared_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One home for the module, so that the documents are indexed once."""
    monkeypatch.setenv("RAGOPT_HOME", str(shared_home))
    return shared_home


def test_the_answer_says_where_it_was_looked_for(
    docs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ask", QUESTION, "--docs", str(docs)]) == 0
    said = capsys.readouterr()
    assert "Looked in: Harrow Foods plc · FY2023\n" in said.err
    assert "$42.7 million" in said.out.splitlines()[0]
    assert "Note:" not in said.out
    assert "is broken" not in said.err


def test_a_model_that_verification_found_broken_is_warned_of_on_standard_error(
    docs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put_made()
    keep(BROKEN)
    assert main(["ask", QUESTION, "--docs", str(docs), "--model", BROKEN.child, "--json"]) == 0
    said = capsys.readouterr()
    assert "fin-qa Q4_K_M is broken: it does not answer as what it was made from." in said.err
    assert json.loads(said.out)["variant"] == BROKEN.child


def test_json_holds_the_filters_and_what_is_about_other_periods(
    docs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "questions.jsonl"
    asked = [QUESTION, "What was the revenue of Harrow Foods in fiscal 2021?"]
    file.write_text("".join(json.dumps({"question": each}) + "\n" for each in asked))
    assert main(["ask", "--questions", str(file), "--docs", str(docs), "--json"]) == 0
    right, relaxed = map(json.loads, capsys.readouterr().out.splitlines())
    company = {"kind": "company", "value": "Harrow Foods plc", "said": "Harrow Foods"}
    period = {"kind": "period", "value": "FY2023", "said": "fiscal 2023", "state": "used"}
    assert right["filters"] == [company | {"state": "used"}, period]
    assert right["other_scope"] == []
    assert relaxed["filters"][1]["state"] == "relaxed"


def test_a_search_can_be_kept_to_neither_company_nor_period(
    docs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    without = ["--without", "company", "--without", "period"]
    assert main(["search", QUESTION, "--docs", str(docs), *without, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [each["state"] for each in found["filters"]] == ["removed", "removed"]
    assert {hit["file"] for hit in found["hits"]} == {"harrow-2020.md", "harrow-2023.md"}


def test_only_companies_and_periods_can_be_taken_away(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["ask", QUESTION, "--docs", ".", "--without", "form"])
    assert "company" in capsys.readouterr().err


def test_a_passage_that_stands_in_two_files_is_printed_once_with_both(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("harrow-2023.md", "harrow-2023-copy.md"):
        (tmp_path / name).write_text(report(2023, "$42.7 million"))
    assert main(["search", QUESTION, "--docs", str(tmp_path), "-k", "5"]) == 0
    printed = capsys.readouterr().out
    assert printed.count("Revenue was $42.7 million") == 1
    assert "also in harrow-2023" in printed
