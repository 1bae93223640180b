from __future__ import annotations

import pytest

from ragopt_tui.knowledge.passage import Passage
from ragopt_tui.knowledge.tables import header_line, is_figure, table_caption, table_rows
from tests.passages import passage

PIPES = """\
Table 2 — Income statement (in millions)

| Item | 2024 | 2023 |
|---|---:|---:|
| Revenue | 1,652.2 | 1,538.4 |
| **Operating profit** | (98.3) | 117.1 |"""

SPACES = """\
                         Three months ended      Nine months ended
                              March 31,               March 31,
                           2024        2023        2024        2023
Net revenue             $ 48,210    $ 44,905   $ 141,300   $ 132,772
Cost of sales            (27,004)    (25,601)    (79,020)    (75,880)"""


def sentences(table: Passage) -> list[str]:
    return [row.sentence() for row in table_rows(table)]


def test_a_pipe_table_gives_rows_with_their_columns() -> None:
    assert sentences(passage(PIPES, kind="table")) == [
        "Revenue: 2024 1,652.2; 2023 1,538.4",
        "Operating profit: 2024 (98.3); 2023 117.1",
    ]


def test_the_caption_is_kept_apart_from_the_columns() -> None:
    assert table_caption(passage(PIPES, kind="table")) == "Table 2 — Income statement (in millions)"


def test_a_cut_table_takes_columns_and_caption_from_its_lead() -> None:
    cut = passage(
        "| Net income | 57.2 | 75.2 |",
        kind="table",
        lead="Table 2 (in millions)\n| Item | 2024 | 2023 |",
    )
    assert sentences(cut) == ["Net income: 2024 57.2; 2023 75.2"]
    assert table_caption(cut) == "Table 2 (in millions)"


def test_a_piece_that_begins_within_a_group_of_rows_has_its_name_from_the_lead() -> None:
    cut = passage(
        "| Inventories | 57.2 | 75.2 |\n| Equity: | | |\n| Reserves | 1.0 | 2.0 |",
        kind="table",
        lead="Balance sheet (in millions)\n| | 2024 | 2023 |\n› Current assets:",
    )
    assert sentences(cut) == [
        "Current assets: Inventories: 2024 57.2; 2023 75.2",
        "Equity:",
        "Equity: Reserves: 2024 1.0; 2023 2.0",
    ]
    assert table_caption(cut) == "Balance sheet (in millions)"
    assert header_line(cut.lead) == "| | 2024 | 2023 |"
    assert header_line("Item  2024  2023") == "Item  2024  2023"
    assert header_line("") == ""


def test_columns_aligned_by_spaces_take_the_group_headings_over_them() -> None:
    revenue, costs = sentences(passage(SPACES, file="q3.txt", kind="table"))
    assert revenue == (
        "Net revenue: Three months ended March 31, 2024 $ 48,210; "
        "Three months ended March 31, 2023 $ 44,905; "
        "Nine months ended March 31, 2024 $ 141,300; "
        "Nine months ended March 31, 2023 $ 132,772"
    )
    assert "(27,004)" in costs


def test_columns_may_be_named_between_two_rules() -> None:
    table = """\
TABLE B. REVENUE BY SEGMENT ($ thousands)
------------------------------------------
                     3 mo. 2024  3 mo. 2023
------------------------------------------
Process Sensors         139,412     141,037
                      ---------   ---------
Total revenue           268,597     274,513"""
    assert sentences(passage(table, kind="table")) == [
        "Process Sensors: 3 mo. 2024 139,412; 3 mo. 2023 141,037",
        "Total revenue: 3 mo. 2024 268,597; 3 mo. 2023 274,513",
    ]


def test_a_csv_row_names_its_columns_in_words() -> None:
    table = passage(
        'segment,period,revenue_eur_thousands\nBakery,2023-Q1,182640\n"Frozen, Meals",2023-Q1,5',
        file="segments.csv",
        kind="table",
    )
    assert sentences(table) == [
        "segment Bakery: period 2023-Q1; revenue eur thousands 182640",
        "segment Frozen, Meals: period 2023-Q1; revenue eur thousands 5",
    ]


def test_a_row_without_figures_names_the_section_of_those_below_it() -> None:
    table = passage("| Item | 2024 |\n|---|---|\n| Bakery | |\n| Revenue | 5.0 |", kind="table")
    assert sentences(table) == ["Bakery", "Bakery Revenue: 2024 5.0"]


def test_rows_and_cells_stand_where_they_say() -> None:
    table = passage(PIPES, kind="table")
    for row in table_rows(table):
        assert table.text[row.start : row.end].startswith("|")
        for cell in row.cells:
            assert table.text[cell.start : cell.end].strip("*") == cell.text


@pytest.mark.parametrize(
    "text", ["1,652.2", "(12)", "$ 4.2bn", "14.2%", "120 bps", "2.1x", "-3", "€ 5"]
)
def test_amounts_are_figures(text: str) -> None:
    assert is_figure(text)


@pytest.mark.parametrize("text", ["2024", "FY2023", "Q3 2024", "Revenue", "", "–", "Note 3"])
def test_years_words_and_dashes_are_not(text: str) -> None:
    assert not is_figure(text)
