"""PDF, Office and mail files are read by native parsers that may fail without taking us along."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import docx
import pytest
from reportlab.lib.pagesizes import A4
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, PageBreak, Paragraph, SimpleDocTemplate, Table

from ragopt_tui.knowledge.readers import UnreadableDocument, read_document
from ragopt_tui.knowledge.readers.native_process import NativeProcess
from ragopt_tui.knowledge.readers.pdf_structure import headings_by_shape, paragraph_starts
from tests.knowledge import office_files

ROWS = [
    ["(in millions)", "2024", "2023", "Change"],
    ["Revenue", "$ 1,577.2", "$ 1,402.9", "12.4%"],
    ["Cost of sales", "(900.1)", "(850.4)", "5.8%"],
    ["Operating income", "201.3", "180.0", "11.8%"],
]


def make_pdf(path: Path, encryption: StandardEncryption | None = None) -> Path:
    style = getSampleStyleSheet()
    story: list[Flowable] = [
        Paragraph("Northwind Holdings plc", style["Title"]),
        Paragraph("Annual Report 2024", style["Heading1"]),
        Paragraph("1. Business", style["Heading2"]),
        Paragraph(
            "Northwind makes turbines and sells them in forty countries. " * 5, style["Normal"]
        ),
        PageBreak(),
        Paragraph("2. Results", style["Heading2"]),
        Paragraph("Results were better than in the year before.", style["Normal"]),
        Paragraph("Table 2. Income statement", style["Normal"]),
        Table(ROWS),
        Paragraph("Margins widened because prices rose.", style["Normal"]),
    ]
    SimpleDocTemplate(str(path), pagesize=A4, encrypt=encryption).build(story)
    return path


def reason(path: Path) -> str:
    with pytest.raises(UnreadableDocument) as refusal:
        read_document(path, path.name)
    return refusal.value.message


def test_pdf_pages_headings_and_tables_are_found(tmp_path: Path) -> None:
    document = read_document(make_pdf(tmp_path / "a.pdf"), "a.pdf")
    assert document.title == "Northwind Holdings plc — Annual Report 2024"
    headings = [
        (block.level, block.heading) for block in document.blocks if block.kind == "heading"
    ]
    assert headings[1:] == [(2, "1. Business"), (2, "2. Results")]
    (table,) = [block for block in document.blocks if block.kind == "table"]
    assert document.text[table.start : table.end].split("\n") == [
        "| (in millions) | 2024 | 2023 | Change |",
        "| Revenue | $1,577.2 | $1,402.9 | 12.4% |",
        "| Cost of sales | (900.1) | (850.4) | 5.8% |",
        "| Operating income | 201.3 | 180.0 | 11.8% |",
    ]
    header = document.text[table.start : table.header_end].strip()
    assert header == "| (in millions) | 2024 | 2023 | Change |"
    assert table.caption == "Table 2. Income statement"
    span = document.span(table.start, table.end)
    assert (span.page, span.line_start, span.line_end) == (2, 4, 7)


def test_running_headers_and_page_numbers_are_left_out_but_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    canvas = Canvas(str(path))
    for page in range(1, 6):
        canvas.drawString(72, 800, "Corvane plc - Annual report 2024")
        canvas.drawString(72, 700, f"Paragraph of page number {page} tells one thing.")
        canvas.drawString(72, 40, f"Page {page} of 5")
        canvas.showPage()
    canvas.save()
    document = read_document(path, "a.pdf")
    assert document.text.count("Annual report 2024") == 1
    assert "of 5" not in document.text
    at = document.text.index("Paragraph of page number 4")
    assert document.span(at, at + 10).page == 4
    assert document.span(at, at + 10).line_start == 2


def test_headings_and_paragraphs_of_a_page_are_told_by_the_length_of_lines() -> None:
    lines = [
        "Business",
        "Customers, competition and seasonality",
        "The ten largest customers provided 31.6% of consolidated revenue, down from 33.2%.",
        "Nothing else changed in the year.",
        "A second paragraph begins here and it goes on for a line that is about as long,",
        "and then ends.",
        "Jane Doe, President and Chief Executive Officer",
        "Outlook for fiscal 2025",
        "We expect revenue between $1,700 million and $1,770 million in the coming year, and",
        "Capital of 12.5",
        "Table 9. Debt",
    ]
    assert headings_by_shape(lines) == {0: 2, 1: 3, 7: 2}
    assert paragraph_starts(lines) == {4, 6, 10}


def test_a_scanned_pdf_has_no_text(tmp_path: Path) -> None:
    canvas = Canvas(str(tmp_path / "scan.pdf"))
    canvas.rect(10, 10, 300, 300, fill=1)
    canvas.save()
    assert reason(tmp_path / "scan.pdf").startswith("No text was found in it")


def test_encrypted_files_are_refused(tmp_path: Path) -> None:
    encrypted = "It is encrypted with a password."
    pdf = make_pdf(tmp_path / "a.pdf", StandardEncryption("secret"))
    assert reason(pdf) == encrypted
    odt = office_files.open_document(tmp_path / "a.odt", "Loan", "Secret", is_encrypted=True)
    assert reason(odt) == encrypted
    word = tmp_path / "a.docx"
    word.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600))
    assert reason(word).startswith("It is encrypted with a password, or an older Office format")


@pytest.mark.parametrize("name", ["a.pdf", "a.docx", "a.xlsx", "a.pptx", "a.odt"])
def test_files_that_hold_something_else_are_damaged(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("no such format")
    assert reason(tmp_path / name).startswith("It is damaged, incomplete or no ")


def test_truncated_files_are_damaged(tmp_path: Path) -> None:
    pdf = make_pdf(tmp_path / "a.pdf")
    pdf.write_bytes(pdf.read_bytes()[:900])
    assert reason(pdf) == "It is damaged, incomplete or no PDF file."
    word = tmp_path / "a.docx"
    docx.Document().save(str(word))
    word.write_bytes(word.read_bytes()[:3000])
    assert reason(word) == "It is damaged, incomplete or no DOCX file."


def test_word_headings_lists_and_tables_are_found(tmp_path: Path) -> None:
    word = docx.Document()
    word.add_heading("Credit memorandum", 0)
    word.add_heading("1. Facility", 1)
    word.add_paragraph("The facility is $25 million_total.")
    word.add_paragraph("Covenants (in thousands)")
    table = word.add_table(rows=2, cols=2)
    for row, texts in zip(
        table.rows, [["Item", "2024"], ["EBITDA | adjusted", "8,000"]], strict=True
    ):
        for cell, text in zip(row.cells, texts, strict=True):
            cell.text = text
    word.save(str(tmp_path / "m.docx"))
    document = read_document(tmp_path / "m.docx", "m.docx")
    assert document.title == "Credit memorandum"
    assert [b.heading for b in document.blocks if b.kind == "heading"][1] == "1. Facility"
    assert "$25 million_total." in document.text
    (found,) = [block for block in document.blocks if block.kind == "table"]
    assert found.caption == "Covenants (in thousands)"
    assert "| EBITDA \\| adjusted | 8,000 |" in document.text[found.header_end : found.end]


def test_a_sheets_title_row_and_column_names_are_its_header(tmp_path: Path) -> None:
    rows = [["Halden, USD thousands", "", ""], ["Item", 2024, 2023], ["Revenue", 10500.5, 9800]]
    path = office_files.workbook(tmp_path / "halden-results.xlsx", "Income", rows)
    document = read_document(path, path.name)
    assert document.title == "halden results"
    heading, table = document.blocks
    assert heading.heading == "Income"
    assert document.text[table.header_end : table.end] == "| Revenue | 10500.5 | 9800 |"


def test_slides_open_documents_and_mail_are_read(tmp_path: Path) -> None:
    slides = office_files.presentation(tmp_path / "a.pptx", "Investor day", ["Target: $2 billion"])
    text = office_files.open_document(tmp_path / "a.odt", "Loan", "The margin is 2.25 percent.")
    mail = tmp_path / "a.eml"
    mail.write_text(
        "From: a@example.org\nSubject: Waiver for Q2 2024\nContent-Type: text/plain\n\n"
        "The covenant is waived.\n"
    )
    assert read_document(slides, "a.pptx").title == "Investor day"
    assert "Target: $2 billion" in read_document(slides, "a.pptx").text
    assert "The margin is 2.25 percent." in read_document(text, "a.odt").text
    assert read_document(mail, "a.eml").title == "Waiver for Q2 2024"
    assert "The covenant is waived." in read_document(mail, "a.eml").text


@pytest.fixture
def process() -> Iterator[NativeProcess]:
    started = NativeProcess()
    yield started
    started.close()


def test_one_process_serves_many_files(tmp_path: Path, process: NativeProcess) -> None:
    path = make_pdf(tmp_path / "a.pdf")
    process.extract(path, 60)
    first = process.pid
    process.extract(path, 60)
    assert process.pid == first


def test_a_parser_that_crashes_is_a_reason(tmp_path: Path) -> None:
    path = make_pdf(tmp_path / "a.pdf")
    crashing = NativeProcess([sys.executable, "-c", "import os; input(); os.abort()"])
    with pytest.raises(UnreadableDocument) as refusal:
        crashing.extract(path, 60)
    assert refusal.value.message == ("Its parser crashed on it (SIGABRT); the file may be damaged.")


def test_a_parser_that_hangs_is_a_reason_and_the_next_file_is_read(
    tmp_path: Path, process: NativeProcess
) -> None:
    path = make_pdf(tmp_path / "a.pdf")
    process.extract(path, 60)
    stopped = process.pid
    assert stopped is not None
    os.kill(stopped, signal.SIGSTOP)
    with pytest.raises(UnreadableDocument) as refusal:
        process.extract(path, 0.2)
    assert "did not finish within" in refusal.value.message
    assert len(process.extract(path, 60)["pages"]) == 2
    assert process.pid != stopped


def test_a_process_that_died_between_files_is_replaced(
    tmp_path: Path, process: NativeProcess
) -> None:
    path = make_pdf(tmp_path / "a.pdf")
    process.extract(path, 60)
    died = process.pid
    assert died is not None
    os.kill(died, signal.SIGKILL)
    os.waitid(os.P_PID, died, os.WEXITED | os.WNOWAIT)
    assert len(process.extract(path, 60)["pages"]) == 2
