"""Company, period and form come from what a document says of itself, or from its file's name."""

from __future__ import annotations

import pytest

from ragopt_tui.knowledge.document import Document
from ragopt_tui.knowledge.passage import Profile
from ragopt_tui.knowledge.plain_structure import plain_blocks
from ragopt_tui.knowledge.profile import detect_profile


def profile(title: str, file: str = "a.txt", text: str = "") -> Profile:
    count = text.count("\n") + 1
    blocks = plain_blocks(text) if text else ()
    document = Document(file, title, text, blocks, tuple(range(1, count + 1)), (0,) * count)
    return detect_profile(document)


@pytest.mark.parametrize(
    ("title", "company"),
    [
        ("Corvane Instruments plc — Annual Report 2023", "Corvane Instruments plc"),
        ("Annual report of Veldmark Foods Group N.V.", "Veldmark Foods Group N.V."),
        ("Halden & Sons, Inc. Form 10-K", "Halden & Sons, Inc."),
        ("NORTHWIND FREIGHT GROUP", "NORTHWIND FREIGHT GROUP"),
        ("Alder Income Fund: half-year letter", "Alder Income Fund"),
        ("Brightwater – Q2 results", "Brightwater"),
        ("Harrowgate National Bank — Credit Memorandum: Corvane Inc.", "Corvane Inc."),
        ("Our operating company in the first year", ""),
        ("Copyright 2022 Free Data Foundation, Inc.", "Free Data Foundation, Inc."),
    ],
)
def test_the_company_stands_in_the_title(title: str, company: str) -> None:
    assert profile(title).company == company


def test_the_company_stands_in_the_first_lines() -> None:
    text = "Credit memorandum\n\nBorrower: Halden Foods Ltd.\n\nThe facility is new.\n"
    assert profile("Credit memorandum", text=text).company == "Halden Foods Ltd."


@pytest.mark.parametrize(
    ("file", "company", "period", "form"),
    [
        ("corvane-annual-report-2023.md", "Corvane", "2023", "annual report"),
        ("ACME_2022_10K.pdf", "ACME", "2022", "10-K"),
        ("3M_2018_10K.pdf", "3M", "2018", "10-K"),
        ("JOHNSON_JOHNSON_2023_8K.pdf", "JOHNSON JOHNSON", "2023", "8-K"),
        ("veldmark-q4-2024-earnings-call.txt", "Veldmark", "Q4 2024", "earnings call transcript"),
        ("pepsico_2023Q1_10q.pdf", "Pepsico", "Q1 2023", "10-Q"),
        ("segment-results-fy24.csv", "", "fiscal 2024", "segment results"),
        ("notes.txt", "", "", ""),
    ],
)
def test_a_file_name_tells_what_its_text_does_not(
    file: str, company: str, period: str, form: str
) -> None:
    found = profile("Untitled", file)
    assert (found.company, found.period, found.form) == (company, period, form)


@pytest.mark.parametrize(
    ("line", "period"),
    [
        ("Results for the fiscal year ended June 30, 2024", "fiscal 2024"),
        ("Financial year ended 31 December 2023", "fiscal 2023"),
        ("Results for FY2024", "fiscal 2024"),
        ("Results for FY 24", "fiscal 2024"),
        ("Fiscal year 2022 in review", "fiscal 2022"),
        ("Q3 FY2024 earnings", "Q3 fiscal 2024"),
        ("Third quarter of fiscal 2024", "Q3 fiscal 2024"),
        ("2Q24 update", "Q2 2024"),
        ("First-quarter 2023 results", "Q1 2023"),
        ("H1 2024 interim report", "H1 2024"),
        ("For the three months ended March 31, 2024", "three months ended March 31, 2024"),
        ("For the half\nyear ended June 30, 2024", "half year ended June 30, 2024"),
        ("As of March 31, 2024", "March 31, 2024"),
        ("Annual Report 2024", "2024"),
        ("We sold 2,024 tonnes and 2024.5 more", ""),
    ],
)
def test_periods_have_a_short_form(line: str, period: str) -> None:
    text = f"Corvane\n\n{line} and more words\nto follow them here.\n"
    assert profile("Corvane", text=text).period == period


@pytest.mark.parametrize(
    ("title", "form"),
    [
        ("Corvane plc Annual Report", "annual report"),
        ("Form 10-Q", "10-Q"),
        ("Quarterly report to shareholders", "quarterly report"),
        ("Fourth quarter earnings conference call", "earnings call transcript"),
        ("Credit Memorandum — Halden", "credit memorandum"),
        ("Alder Income Fund semi-annual shareholder report", "fund report"),
        ("Segment results by quarter", "segment results"),
        ("REPORT FOR THE THIRD QUARTER OF FISCAL 2024", "quarterly report"),
        ("Minutes of a meeting", ""),
    ],
)
def test_forms_are_told_by_their_names(title: str, form: str) -> None:
    assert profile(title).form == form


def test_the_figures_of_a_table_are_no_period() -> None:
    text = "Segment results\n\nSegment  Quarter  Revenue\nFlow  Q1 2023  5.1\nGas  Q2 2023  4.1\nOil  Q3 2023  3.1\n"
    assert profile("Segment results", "flow.txt", text).period == ""


def test_the_header_says_nothing_twice() -> None:
    header = profile("Corvane plc — Annual Report 2023", "a.md").header
    assert header == "Corvane plc — Annual Report 2023"
