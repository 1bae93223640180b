"""Table rows as the built-in model is shown them."""

from __future__ import annotations

import dataclasses

import pytest

from ragopt_tui.chat.builtin_rows import asked_columns, row_words
from ragopt_tui.knowledge.passage import Passage, Profile
from ragopt_tui.knowledge.units import Unit, passage_units
from tests.chat.test_citations import passage


def table(text: str, *headings: str) -> Passage:
    return dataclasses.replace(
        passage(text), kind="table", headings=headings, profile=Profile(title="Annual report 2023")
    )


def row(text: str, *headings: str) -> Unit:
    return passage_units(table(text, *headings))[0]


@pytest.mark.parametrize(
    ("question", "columns", "kept"),
    [
        ("Net income 2023?", "2023|2022", "2023"),
        ("FY23 sales", "Fiscal 2023|Fiscal 2022", "Fiscal 2023"),
        ("net income in 2022 and 2023", "2023|2022|2021", "2023|2022"),
        ("How did it change from 2022 to 2023?", "2023|2022|Change", "2023|2022|Change"),
        ("revenue in the third quarter", "Q1|Q2|Q3|FY", "Q3"),
        ("Q3 2024 revenue", "Q3 2024|Q2 2024|Q3 2023", "Q3 2024"),
        ("revenue 2023", "Q4 2023|2023|2022", "2023"),
        ("capex 2024", "2024 Budget|2024 Actual|2023 Actual", "2024 Budget|2024 Actual"),
        ("actual capex 2024", "2024 Budget|2024 Actual|2023 Actual", "2024 Actual"),
        ("cloud revenue 2023", "Cloud|Licences|Total", "Cloud"),
        ("profit in March 2024", "Jan 2024|March 2024", "March 2024"),
        ("What is the leverage limit?", "Limit|December 2023", "Limit"),
        ("revenue", "2023|2022", "2023|2022"),
        ("revenue 2019", "2023|2022", "2023|2022"),
        ("revenue 2023", "Sales|Profit", "Sales|Profit"),
    ],
)
def test_the_columns_that_a_question_names_are_kept(question: str, columns: str, kept: str) -> None:
    cells = [(column, str(n)) for n, column in enumerate(columns.split("|"))]
    assert [column for column, _ in asked_columns(question, cells)] == kept.split("|")


def test_a_row_says_the_currency_and_scale_of_its_table() -> None:
    unit = row("| $ millions | 2023 | 2022 |\n|---|---|---|\n| Net loss | (4.8) | 1,042.0 |")
    assert row_words(unit, "net loss") == "Net loss, 2023: -$4.8 million; 2022: $1,042.0 million"
    assert row_words(unit, "net loss 2022") == "Net loss, 2022: $1,042.0 million"


def test_a_share_has_no_currency() -> None:
    unit = row("| $ millions | 2023 | 2022 |\n|---|---|---|\n| Tax rate | 21.4% | 20.9% |")
    assert row_words(unit, "tax rate 2023") == "Tax rate, 2023: 21.4%"


def test_a_row_without_values_is_its_label() -> None:
    unit = row("| Item | 2023 |\n|---|---|\n| Current assets: | |\n| Cash | 4 |")
    assert row_words(unit, "current assets 2023") == "Current assets:"


def test_a_sentence_stays_as_it_is() -> None:
    unit = passage_units(passage("Sales rose in 2023. Prices fell."))[0]
    assert row_words(unit, "sales 2022") == "Sales rose in 2023."
