"""Tables, columns and words of PDF pages are read by where they stand, as filings set them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pytest
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas

from benchmarks.pdf_tables import passages_of, right_cells, right_pages
from benchmarks.pdf_tables import rows_of as cells_of
from benchmarks.synthetic_filing import make_filing
from ragopt_tui.knowledge.document import Document
from ragopt_tui.knowledge.readers import read_document
from ragopt_tui.knowledge.tables import Row, table_rows

FONT, SIZE = "Times-Roman", 10
PROSE = "The board reviewed the plan and found it in order for the time being"
Draw = Callable[[Canvas], None]


def read(tmp_path: Path, *pages: Draw) -> Document:
    canvas = Canvas(str(tmp_path / "a.pdf"), pagesize=(612, 792))
    for draw in pages:
        canvas.setFont(FONT, SIZE)
        draw(canvas)
        canvas.showPage()
    canvas.save()
    return read_document(tmp_path / "a.pdf", "a.pdf")


def table_of(document: Document, number: int = 0) -> list[str]:
    block = [block for block in document.blocks if block.kind == "table"][number]
    return document.text[block.start : block.end].split("\n")


def rows_of(document: Document) -> list[Row]:
    tables = [passage for passage in passages_of(document) if passage.kind == "table"]
    return [row for passage in tables for row in table_rows(passage)]


def draw_row(canvas: Canvas, y: float, label: str, cells: Sequence[str], left: float = 72) -> None:
    """Draw a label and figures at right edges 60 points apart; a bracket hangs over the edge."""
    canvas.drawString(left, y, label)
    for number, cell in enumerate(cells):
        right = 540 - 60 * (len(cells) - 1 - number)
        if cell.startswith("$"):
            canvas.drawString(right - 46, y, "$")
            cell = cell[1:]
        figure, bracket = (cell[:-1], ")") if cell.endswith(")") else (cell, "")
        canvas.drawRightString(right, y, figure)
        canvas.drawString(right, y, bracket)


def test_signs_that_stand_apart_belong_to_their_figures(tmp_path: Path) -> None:
    def page(canvas: Canvas) -> None:
        draw_row(canvas, 700, "", ["2024", "2023"])
        draw_row(canvas, 686, "Net sales", ["$1,577", "$1,402"])
        draw_row(canvas, 672, "Other expense, net", ["(90)", "—"])

    assert table_of(read(tmp_path, page)) == [
        "|  | 2024 | 2023 |",
        "| Net sales | $1,577 | $1,402 |",
        "| Other expense, net | (90) | — |",
    ]


def test_a_heading_over_several_columns_names_each_of_them(tmp_path: Path) -> None:
    def page(canvas: Canvas) -> None:
        canvas.drawCentredString(375, 714, "Three Months Ended June 30,")
        canvas.drawCentredString(512, 714, "Six Months Ended June 30,")
        for number, year in enumerate(("2024", "2023", "2024", "2023")):
            canvas.drawRightString(360 + 60 * number, 700, year)
        for y, label in ((686, "Revenue"), (672, "Costs")):
            draw_row(canvas, y, label, ["1,111", "2,222", "3,333", "4,444"])

    (_, *cells) = rows_of(read(tmp_path, page))[0].cells
    assert [(cell.column, cell.text) for cell in cells] == [
        ("Three Months Ended June 30, 2024", "1,111"),
        ("Three Months Ended June 30, 2023", "2,222"),
        ("Six Months Ended June 30, 2024", "3,333"),
        ("Six Months Ended June 30, 2023", "4,444"),
    ]


def test_headings_word_under_word_are_one_name_for_each_column(tmp_path: Path) -> None:
    def page(canvas: Canvas) -> None:
        stacks = (("Quoted", "Prices", "Level 1"), ("Observable", "Inputs"), ("Total",))
        for number, stack in enumerate(stacks):
            for line, word in enumerate(reversed(stack)):
                canvas.drawCentredString(405 + 60 * number, 700 + 11 * line, word)
        draw_row(canvas, 686, "Bonds", ["10.5", "20.5", "31.0"])
        draw_row(canvas, 672, "Swaps", ["1.5", "—", "1.5"])

    assert (
        table_of(read(tmp_path, page))[0]
        == "|  | Quoted Prices Level 1 | Observable Inputs | Total |"
    )


def test_an_empty_cell_leaves_the_others_in_their_columns(tmp_path: Path) -> None:
    def page(canvas: Canvas) -> None:
        draw_row(canvas, 700, "", ["2024", "2023", "2022"])
        draw_row(canvas, 686, "Revenue", ["1,111", "2,222", "3,333"])
        draw_row(canvas, 672, "Impairment", ["", "44", ""])

    impairment = rows_of(read(tmp_path, page))[1]
    assert [(c.column, c.text) for c in impairment.cells[1:] if c.text] == [("2023", "44")]


def test_words_in_columns_stand_beside_figures(tmp_path: Path) -> None:
    def page(canvas: Canvas) -> None:
        rows = (
            ("Covenant", "Requirement", "2024", "2023"),
            ("Net leverage", "Not above 3.50", "2.35", "2.70"),
            ("Fixed charge cover", "Not below 1.20", "2.01", "n/a"),
        )
        for number, (label, words, this, last) in enumerate(rows):
            y = 700 - 14 * number
            canvas.drawString(72, y, label)
            canvas.drawString(250, y, words)
            canvas.drawRightString(480, y, this)
            canvas.drawRightString(540, y, last)

    assert table_of(read(tmp_path, page)) == [
        "| Covenant | Requirement | 2024 | 2023 |",
        "| Net leverage | Not above 3.50 | 2.35 | 2.70 |",
        "| Fixed charge cover | Not below 1.20 | 2.01 | n/a |",
    ]


def test_words_that_go_on_in_the_next_line_of_a_cell_stay_in_it(tmp_path: Path) -> None:
    def page(canvas: Canvas) -> None:
        lines = (
            ("Name", "Age", "Position"),
            ("Anna Weber", "54", "Chief Executive Officer, President"),
            ("", "", "and Director"),
            ("Tom Hale", "61", "Executive Vice President and Chief"),
            ("", "", "Financial Officer"),
            ("Priya Nair", "47", "General Counsel"),
        )
        for number, (name, age, position) in enumerate(lines):
            y = 700 - 12 * number
            canvas.drawString(72, y, name)
            canvas.drawRightString(260, y, age)
            canvas.drawString(300, y, position)

    assert table_of(read(tmp_path, page)) == [
        "| Name | Age | Position |",
        "| Anna Weber | 54 | Chief Executive Officer, President and Director |",
        "| Tom Hale | 61 | Executive Vice President and Chief Financial Officer |",
        "| Priya Nair | 47 | General Counsel |",
    ]


def test_letters_with_spaces_between_them_are_words(tmp_path: Path) -> None:
    def page(canvas: Canvas) -> None:
        canvas.drawString(72, 700, "B A L A N C E   S H E E T S")
        canvas.drawString(72, 660, f"{PROSE}.")

    assert read(tmp_path, page).text.startswith("BALANCE SHEETS\n")


def test_wrapped_labels_are_whole_and_groups_stay_apart(tmp_path: Path) -> None:
    def page(canvas: Canvas) -> None:
        draw_row(canvas, 714, "", ["2024", "2023"])
        canvas.drawString(72, 700, "Operating activities:")
        canvas.drawString(82, 686, "Changes in assets and liabilities, net of")
        draw_row(canvas, 675, "acquisitions", ["(512)", "(388)"], left=90)
        draw_row(canvas, 661, "Depreciation", ["1,400", "1,350"], left=82)

    assert table_of(read(tmp_path, page))[1:] == [
        "| Operating activities: |  |  |",
        "| Changes in assets and liabilities, net of acquisitions | (512) | (388) |",
        "| Depreciation | 1,400 | 1,350 |",
    ]


def test_a_period_between_rows_is_a_group_and_not_the_columns_name(tmp_path: Path) -> None:
    def page(canvas: Canvas) -> None:
        draw_row(canvas, 720, "(in millions)", ["Snacks", "Drinks", "Total"])
        for number, year in enumerate(("2024", "2023")):
            y = 706 - 42 * number
            canvas.drawCentredString(470, y, f"Year ended December 31, {year}")
            draw_row(canvas, y - 14, "Net sales", [f"{number}11", f"{number}22", f"{number}33"])
            draw_row(canvas, y - 28, "Costs", [f"({number}4)", f"({number}5)", f"({number}9)"])

    document = read(tmp_path, page)
    assert table_of(document)[:2] == [
        "| (in millions) | Snacks | Drinks | Total |",
        "| Year ended December 31, 2024 |  |  |  |",
    ]
    sales = [row for row in rows_of(document) if row.label == "Net sales"]
    assert ["2024" in sales[0].named_label, "2023" in sales[1].named_label] == [True, True]


def test_leaders_and_figures_parted_by_spaces_are_read(tmp_path: Path) -> None:
    def page(canvas: Canvas) -> None:
        draw_row(canvas, 700, "(EUR thousands)", ["2024", "2023"])
        draw_row(canvas, 686, "Revenue . . . . . . . . . . . .", ["1 234 567", "1 198 004"])
        draw_row(canvas, 672, "Net loss ..................", ["(12 345)", "98 765"])

    assert table_of(read(tmp_path, page)) == [
        "| (EUR thousands) | 2024 | 2023 |",
        "| Revenue | 1 234 567 | 1 198 004 |",
        "| Net loss | (12 345) | 98 765 |",
    ]


def test_a_table_that_goes_on_over_the_page_keeps_its_headings_and_pages(tmp_path: Path) -> None:
    def first(canvas: Canvas) -> None:
        canvas.drawString(72, 780, "Corvane plc")
        draw_row(canvas, 700, "", ["2024", "2023"])
        for number in range(44):
            draw_row(canvas, 686 - 14 * number, f"Fund {number}", [f"{number},111", "1,000"])

    def second(canvas: Canvas) -> None:
        draw_row(canvas, 720, "Fund 44", ["5,555", "6,666"])
        draw_row(canvas, 706, "Fund 45", ["7,777", "8,888"])

    document = read(tmp_path, first, second)
    (row,) = [row for row in rows_of(document) if row.label == "Fund 45"]
    assert [cell.column for cell in row.cells[1:]] == ["2024", "2023"]
    at = document.text.index("7,777")
    assert document.span(at, at + 5).page == 2


def test_columns_of_prose_are_read_one_after_the_other(tmp_path: Path) -> None:
    def page(canvas: Canvas) -> None:
        canvas.drawString(
            72, 700, "This line goes over both columns of the page, and comes before them all"
        )
        for number in range(8):
            canvas.drawString(72, 660 - 12 * number, f"Left line {number} of the first column,")
            canvas.drawString(320, 656 - 12 * number, f"right line {number} of the second column,")

    text = " ".join(read(tmp_path, page).text.split())
    assert text.index("Left line 7") < text.index("right line 0") < text.index("right line 7")
    assert "Left line 0 of the first column, Left line 1" in text


def test_a_table_on_its_side_is_read_upright(tmp_path: Path) -> None:
    def page(canvas: Canvas) -> None:
        canvas.translate(612, 0)
        canvas.rotate(90)
        draw_row(canvas, 500, "", ["2024", "2023"])
        draw_row(canvas, 486, "Goodwill", ["1,577", "1,402"])
        draw_row(canvas, 472, "Inventories", ["90", "80"])

    assert table_of(read(tmp_path, page))[1] == "| Goodwill | 1,577 | 1,402 |"


@pytest.mark.parametrize(
    ("start", "rest", "whole"),
    [("govern-", "mental", "governmental"), ("long-", "term", "long-term")],
)
def test_divided_words_are_put_together(tmp_path: Path, start: str, rest: str, whole: str) -> None:
    def page(canvas: Canvas) -> None:
        canvas.drawString(72, 700, f"{PROSE}; it named {start}")
        canvas.drawString(72, 688, f"{rest} matters in a sentence of its own, and then it closed.")

    document = read(tmp_path, page)
    assert f"named {whole}\nmatters in" in document.text


def test_prose_with_figures_is_no_table(tmp_path: Path) -> None:
    def page(canvas: Canvas) -> None:
        words = f"{PROSE}; costs were 1,577 in 2024 and 1,402 in 2023, or 12.4% more, and".split()
        for number in range(12):
            text = canvas.beginText(72, 700 - 12 * number)
            spare = 470 - stringWidth(" ".join(words), FONT, SIZE)
            text.setWordSpace(spare / (len(words) - 1))
            text.textOut(" ".join(words))
            canvas.drawText(text)

    document = read(tmp_path, page)
    assert {block.kind for block in document.blocks} == {"paragraph"}
    assert "1,577 in 2024 and 1,402 in 2023" in document.text


def test_larger_and_bolder_lines_are_headings_in_order_of_size(tmp_path: Path) -> None:
    def page(canvas: Canvas) -> None:
        lines = (
            ("Times-Bold", 18, "Corvane plc Annual Report 2024"),
            ("Times-Bold", 13, "Item 7. Management's Discussion of Financial Condition"),
            ("Times-Bold", 13, "and Results of Operations"),
            ("Times-Bold", 10, "Liquidity"),
            ("Times-Roman", 10, f"{PROSE}."),
            ("Times-Roman", 10, f"{PROSE}."),
        )
        y = 740
        for font, size, line in lines:
            canvas.setFont(font, size)
            canvas.drawString(72, y, line)
            y -= 15 if size == 13 else 26

    headings = [b for b in read(tmp_path, page).blocks if b.kind == "heading"]
    assert [(block.level, block.heading) for block in headings] == [
        (1, "Corvane plc Annual Report 2024"),
        (2, "Item 7. Management's Discussion of Financial Condition and Results of Operations"),
        (3, "Liquidity"),
    ]


def check_filing(tmp_path: Path, pages: int, seed: int) -> None:
    filing = make_filing(tmp_path / "filing.pdf", pages, seed)
    passages = passages_of(read_document(tmp_path / "filing.pdf", "filing.pdf"))
    texts = [(passage.page, passage.text) for passage in passages]
    assert len(right_cells(filing.cells, cells_of(passages))) >= 0.98 * len(filing.cells)
    assert right_pages(filing, texts) == len(filing.sentences)


def test_running_lines_of_a_chapter_are_left_out_wherever_their_page_number_stands(
    tmp_path: Path,
) -> None:
    def pages(chapter: str, first: int) -> list[Draw]:
        def page(canvas: Canvas, number: int) -> None:
            sides = (f"{number} {chapter}", f"{chapter} {number}")
            canvas.drawString(72, 770, sides[number % 2])
            for line in range(20):
                canvas.drawString(
                    72, 700 - 12 * line, f"{PROSE} of chapter {chapter}, line {line}."
                )

        return [partial(page, number=number) for number in range(first, first + 4)]

    document = read(tmp_path, *pages("Business", 11), *pages("Properties", 15), *pages("Legal", 19))
    assert not [line for line in document.text.split("\n") if line and not line.startswith(PROSE)]


def test_a_title_that_comes_again_on_distant_pages_is_kept(tmp_path: Path) -> None:
    def page(canvas: Canvas, number: int) -> None:
        if number % 4 == 0:
            canvas.drawString(72, 770, "Operating review")
        for line in range(20):
            canvas.drawString(72, 700 - 12 * line, f"{PROSE} on page {'abcdefghijkl'[number]}.")

    document = read(tmp_path, *(partial(page, number=number) for number in range(12)))
    assert document.text.count("Operating review") == 3


def test_a_generated_filing_keeps_cells_in_their_rows_columns_and_pages(tmp_path: Path) -> None:
    check_filing(tmp_path, pages=12, seed=7)


@pytest.mark.slow
def test_a_filing_of_120_pages_keeps_cells_in_their_rows_columns_and_pages(tmp_path: Path) -> None:
    check_filing(tmp_path, pages=120, seed=3)
