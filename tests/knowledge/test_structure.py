"""Headings, paragraphs and tables are found in Markdown and in plain text."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragopt_tui.knowledge.document import Block
from ragopt_tui.knowledge.markdown_structure import markdown_blocks
from ragopt_tui.knowledge.plain_structure import plain_blocks
from ragopt_tui.knowledge.speakers import speakers_of
from ragopt_tui.knowledge.structure import is_caption, is_rule, line_spans, title_of

STATEMENT = """\
2. Results

2.1 Income statement

Revenue rose in all segments of the company.

Table 1. Condensed income statement
(in thousands of dollars, except per share amounts)

                               Three months ended March 31,
                               2024          2023     Change
                             --------      --------   ------
Revenue                       105,200        98,100     7.2%
Cost of sales                 (61,000)      (58,400)    4.5%

Operating expenses:
  Selling, general and
    administrative            (14,000)      (13,900)    0.7%
Earnings per share            $  0.41       $  0.33    24.2%

Gross margin widened because of price.
"""


def headings(blocks: tuple[Block, ...]) -> list[tuple[int, str]]:
    return [(block.level, block.heading) for block in blocks if block.kind == "heading"]


def the_table(blocks: tuple[Block, ...]) -> Block:
    (table,) = [block for block in blocks if block.kind == "table"]
    return table


def test_markdown_headings_have_levels_and_no_marks() -> None:
    source = "# **Corvane** `plc` [report](http://x)\n\ntext\n\n### Note 3 \\#\n\nSetext\n------\n"
    assert headings(markdown_blocks(source)) == [
        (1, "Corvane plc report"),
        (3, "Note 3 #"),
        (2, "Setext"),
    ]


def test_list_items_and_quotes_are_paragraphs_of_their_own() -> None:
    source = "Intro:\n\n- one\n  goes on\n- two\n\n> quoted\n"
    blocks = markdown_blocks(source)
    assert [source[block.start : block.end] for block in blocks] == [
        "Intro:",
        "- one\n  goes on",
        "- two",
        "> quoted",
    ]


@pytest.mark.parametrize(
    ("above", "caption"),
    [
        ("**Table 4 — Debt**", "Table 4 — Debt"),
        ("*(in millions, fiscal year ended June 30)*", "(in millions, fiscal year ended June 30)"),
        ("**Debt**\n\n(in thousands)", "Debt (in thousands)"),
        (
            "The table shows debt at year-end (in millions):",
            "The table shows debt at year-end (in millions):",
        ),
        ("Debt fell because we repaid the term loan.", ""),
        ("- a list item", ""),
    ],
)
def test_a_tables_caption_is_what_names_it_above(above: str, caption: str) -> None:
    source = f"## Debt\n\nProse that ends.\n\n{above}\n\n| | 2024 |\n|---|---|\n| Loan | 4 |\n"
    assert the_table(markdown_blocks(source)).caption == caption


def test_a_markdown_tables_header_ends_behind_its_rule() -> None:
    source = "| | 2024 |\n|---|---|\n| Loan | 4 |\n| Cash | 5 |\n"
    table = the_table(markdown_blocks(source))
    assert source[table.header_end : table.end] == "| Loan | 4 |\n| Cash | 5 |"


def test_a_title_row_does_not_pass_for_column_names() -> None:
    source = "| Results | | |\n|---|---|---|\n| Item | 2024 | 2023 |\n| Cash | 5 | 4 |\n"
    table = the_table(markdown_blocks(source))
    assert source[table.header_end : table.end] == "| Cash | 5 | 4 |"


def test_figures_in_a_code_fence_are_a_table() -> None:
    source = (
        "```\n            2024    2023\nCash        45.1    38.2\nDebt       120.0   131.5\n```\n"
    )
    table = the_table(markdown_blocks(source))
    assert source[table.header_end : table.end].startswith("Cash")


def test_code_stays_code() -> None:
    (block,) = markdown_blocks("```python\nprint('x')\n```\n")
    assert block.kind == "code"


def test_front_matter_is_no_heading() -> None:
    blocks = markdown_blocks("---\ntitle: Corvane\nyear: 2023\n---\n# Report\n")
    assert headings(blocks) == [(1, "Report")]
    assert blocks[0].kind == "paragraph"


def test_plain_headings_by_number_capitals_and_underline() -> None:
    source = (
        "CORVANE PLC\n\n1. Overview\n\nA sentence here.\n\n3.2 Liquidity\n\nMore text here.\n\n"
        "RISK FACTORS\n\nText.\n\nOutlook\n=======\n\nText.\n\nItem 7. Discussion\n\nText follows.\n"
    )
    assert headings(plain_blocks(source)) == [
        (1, "CORVANE PLC"),
        (2, "1. Overview"),
        (3, "3.2 Liquidity"),
        (2, "RISK FACTORS"),
        (1, "Outlook"),
        (2, "Item 7. Discussion"),
    ]


def test_first_lines_that_name_the_document_are_one_title() -> None:
    source = "VELDMARK FOODS GROUP N.V.\nFOURTH-QUARTER RESULTS\nEarnings call transcript\nFriday\n\nHi.\n"
    assert headings(plain_blocks(source)) == [
        (1, "VELDMARK FOODS GROUP N.V. — FOURTH-QUARTER RESULTS — Earnings call transcript")
    ]


def test_numbered_sentences_and_lists_are_no_headings() -> None:
    source = "Some opening words.\n\n1. We repaid the loan.\n\n2. Item one\n3. Item two\n"
    assert headings(plain_blocks(source)) == []


def test_an_aligned_table_has_caption_header_and_rows() -> None:
    blocks = plain_blocks(STATEMENT)
    table = the_table(blocks)
    lines = STATEMENT[table.start : table.end].split("\n")
    assert lines[0].strip() == "Three months ended March 31,"
    assert lines[-1].startswith("Earnings per share")
    assert STATEMENT[table.header_end :].startswith("Revenue   ")
    assert table.caption == (
        "Table 1. Condensed income statement (in thousands of dollars, except per share amounts)"
    )
    assert [block.kind for block in blocks] == [
        *("heading", "heading", "paragraph", "paragraph", "table", "paragraph")
    ]


def test_two_tables_with_prose_between_are_two() -> None:
    source = (
        "A  1  2\nB  3  4\nC  5  6\n\nProse between them ends here.\n\nD  7  8\nE  9  1\nF  2  3\n"
    )
    assert [block.kind for block in plain_blocks(source)] == ["table", "paragraph", "table"]


def test_ranges_are_figures_and_a_table_in_capitals_is_a_caption() -> None:
    source = (
        "1. OUTLOOK\n\nThe guidance is below.\n\nTABLE J. GUIDANCE (in $ millions)\n\n"
        "                 Previous (Aug.)     Revised (May)\n---------------------------------\n"
        "Revenue           1,141 to 1,163    1,105 to 1,120\nTax rate          about 23.5%   about 24%\n"
    )
    blocks = plain_blocks(source)
    assert headings(blocks) == [(1, "1. OUTLOOK")]
    table = the_table(blocks)
    assert table.caption == "TABLE J. GUIDANCE (in $ millions)"
    assert source[table.header_end :].startswith("Revenue")


def test_no_table_goes_over_a_heading() -> None:
    source = "A  1  2\nB  3  4\nC  5  6\n\nCASH FLOW\n\nD  7  8\nE  9  1\nF  2  3\n"
    kinds = [block.kind for block in plain_blocks("Opening words.\n\n" + source)]
    assert kinds == ["paragraph", "table", "heading", "table"]


def test_prose_with_figures_is_no_table() -> None:
    source = (
        "Revenue was 45.1 million in 2024 and 38.2 million in 2023.\n"
        "That is an increase of 18 percent over 2023.  It was broad.\nThe margin was 12.\n"
    )
    assert [block.kind for block in plain_blocks(source)] == ["paragraph"]


def test_known_headings_replace_the_search_for_them() -> None:
    source = "NOT A HEADING\nthis one is\nprose follows it\nand a break\n"
    blocks = plain_blocks(source, {1: 2}, {3})
    assert headings(blocks) == [(2, "this one is")]
    assert [source[b.start : b.end] for b in blocks if b.kind == "paragraph"] == [
        "NOT A HEADING",
        "prose follows it",
        "and a break",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Table 4. Debt maturities by year.", True),
        ("(unaudited)", True),
        ("Selected figures", True),
        ("Revenue rose by a tenth.", False),
        ("", False),
        ("x" * 300, False),
    ],
)
def test_captions_name_rather_than_tell(text: str, expected: bool) -> None:
    assert is_caption(text) is expected


def test_the_title_falls_back_to_the_first_line_and_the_file() -> None:
    assert (
        title_of("Loan terms\n\nText.", plain_blocks("Loan terms\n\nText."), "a.txt")
        == "Loan terms"
    )
    prose = "This is a whole sentence. " * 8
    assert title_of(prose, plain_blocks(prose), "q3_fy24-segment.results.csv") == (
        "q3 fy24 segment results"
    )


def test_speakers_recur_and_are_told_from_captions() -> None:
    source = "\n\n".join(
        [
            "Operator\nGood morning to all of you on the line.",
            "Jane Holloway, Chief Executive\nRevenue was 4.1 million.",
            "It will grow.",
            "Peter Marsh: Costs were 3.0 million.",
            "Operator\nNext question please.",
            "Jane Holloway\nYes, of course it will.",
        ]
    )
    named = speakers_of(source, plain_blocks(source))
    assert list(named.values()) == [
        "Operator",
        "Jane Holloway, Chief Executive",
        "Peter Marsh",
        "Operator",
        "Jane Holloway",
    ]
    prose = "Revenue: it rose.\n\nCosts: they fell.\n\nOutlook: it is good.\n"
    assert speakers_of(prose, plain_blocks(prose)) == {}


LINES = st.sampled_from(
    [
        *("", "", "# Title", "## 1. Part", "CAPITALS HERE", "A sentence. Another one!", "- item"),
        *(
            "| a | 2024 |",
            "|---|---|",
            "| x | 1.5 |",
            "Revenue   1,577.2   1,402.9",
            "======",
            "---",
        ),
        *(
            "Cost  (900)  (850)",
            "```",
            "> quote",
            "(in millions)",
            "    code",
            "\tx",
            "***",
            "1) y",
        ),
        *("[a]: http://b", "<div>", "Jane Doe:", "\ufffd", "   2024    2023", "<!--", "-->"),
    ]
)


@given(st.lists(LINES, max_size=25), st.sampled_from([markdown_blocks, plain_blocks]))
def test_blocks_are_whole_lines_in_order_and_hold_everything(
    lines: list[str], find: Callable[[str], tuple[Block, ...]]
) -> None:
    text = "\n".join(lines)
    blocks = find(text)
    spans = line_spans(text)
    starts, ends = {start for start, _ in spans}, {end for _, end in spans}
    at = -1
    for block in blocks:
        assert at < block.start <= block.end
        assert block.start in starts
        assert block.end in ends
        at = block.end
        if block.kind == "table":
            assert block.start <= block.header_end <= block.end
    for start, end in spans:
        held = any(block.start <= start and end <= block.end for block in blocks)
        assert held or is_rule(text[start:end])
