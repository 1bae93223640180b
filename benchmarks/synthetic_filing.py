"""A filing of a hundred pages and more as PDF, with tables drawn as annual reports set them.

Names and figures are invented.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.filing_press import (
    HEIGHT,
    LEADING,
    MARGIN,
    SIZE,
    WIDTH,
    Column,
    Filing,
    KnownCell,
    Press,
)


def make_filing(path: Path, pages: int = 120, seed: int = 7) -> Filing:
    """Write a filing of about so many pages and say what it holds."""
    press = Press(path, seed)
    press.open_page("Halvorsen Turbine Corporation Annual Report 2024")
    press.prose(MARGIN, WIDTH - MARGIN, 400)
    kinds = (
        _prose,
        _statement,
        _two_columns,
        _spanned,
        _over_the_page,
        _stacked,
        _sideways,
        _words_and_figures,
        _table_in_column,
        _leaders,
    )
    while press.filing.pages < pages:
        for kind in kinds:
            kind(press)
    press.canvas.save()
    return press.filing


def _columns(
    headings: Sequence[tuple[str, ...]], width: float = 68, end: float = 0
) -> list[Column]:
    end = end or WIDTH - MARGIN - 4
    count = len(headings)
    return [Column(heading, end - width * (count - 1 - at)) for at, heading in enumerate(headings)]


def _prose(press: Press) -> None:
    press.open_page("Management's Discussion and Analysis")
    press.prose(MARGIN, WIDTH - MARGIN, 70)


def _two_columns(press: Press) -> None:
    press.open_page("Risk Factors")
    top = press.y
    press.prose(MARGIN, WIDTH / 2 - 10, 70)
    press.y = top - 4
    press.prose(WIDTH / 2 + 10, WIDTH - MARGIN, 70)


def _statement(press: Press) -> None:
    press.open_page("CONSOLIDATED STATEMENTS OF OPERATIONS")
    columns = _columns([("2024",), ("2023",), ("2022",)])
    press.canvas.setFont("Times-Italic", SIZE)
    press.canvas.drawCentredString(WIDTH / 2, press.y + 7, "(In thousands, except per share data)")
    press.y -= 8
    press.headings(columns, [("Year Ended December 31,", 0, 2)])
    names = [f"Year Ended December 31, {year}" for year in (2024, 2023, 2022)]
    for number in range(16):
        if number % 6 == 0:
            press.canvas.setFont("Times-Roman", SIZE)
            press.canvas.drawString(
                MARGIN, press.y, ("Revenues:", "Expenses:", "Other:")[number // 6]
            )
            press.y -= LEADING
        press.row(columns, names, left=MARGIN + 8, signs=number in (0, 15))
    press.y -= 20
    press.prose(MARGIN, WIDTH - MARGIN, 120)


def _spanned(press: Press) -> None:
    press.open_page("Quarterly Financial Data (Unaudited)")
    columns = _columns([("2024",), ("2023",), ("2024",), ("2023",)], width=62)
    spans = [("Three Months Ended June 30,", 0, 1), ("Six Months Ended June 30,", 2, 3)]
    press.headings(columns, spans)
    names = [f"{text} {year}" for text, _, _ in spans for year in (2024, 2023)]
    for _ in range(14):
        press.row(columns, names)
    press.y -= 14
    press.prose(MARGIN, WIDTH - MARGIN, 100)


def _over_the_page(press: Press) -> None:
    press.open_page("CONSOLIDATED BALANCE SHEETS")
    columns = _columns([("December 31,", "2024"), ("December 31,", "2023")], width=80)
    press.headings(columns, [])
    names = ["December 31, 2024", "December 31, 2023"]
    while press.y > 70:
        press.row(columns, names)
    press.open_page("")
    for _ in range(12):
        press.row(columns, names)
    press.y -= 16
    press.prose(MARGIN, WIDTH - MARGIN, 120)


def _stacked(press: Press) -> None:
    press.open_page("Fair Value Measurements")
    stacked = [
        ("Quoted", "Prices in", "Active Markets"),
        ("Other", "Observable", "Inputs"),
        ("Unobservable", "Inputs"),
        ("Total",),
    ]
    columns = _columns(stacked, width=70)
    press.headings(columns, [])
    names = [" ".join(words) for words in stacked]
    for _ in range(12):
        press.row(columns, names, signs=True)
    press.y -= 16
    press.prose(MARGIN, WIDTH - MARGIN, 100)


def _sideways(press: Press) -> None:
    """A table set on its side: the page is to be turned."""
    press.open_page("")
    press.canvas.saveState()
    press.canvas.translate(WIDTH, 0)
    press.canvas.rotate(90)
    years = [str(year) for year in range(2024, 2016, -1)]
    columns = _columns([(year,) for year in years], width=60, end=HEIGHT - MARGIN)
    press.y = WIDTH - 80
    press.headings(columns, [])
    for _ in range(18):
        press.row(columns, years)
    press.canvas.restoreState()


def _words_and_figures(press: Press) -> None:
    """Columns of words between columns of figures, and cells left empty."""
    press.open_page("Debt Securities Outstanding")
    columns = _columns([("Rate",), ("Maturity",), ("2024",), ("2023",)], width=72)
    press.headings(columns, [])
    for _ in range(14):
        label, y = press.label().split(", ")[0], press.y
        words = f"{press.random.randrange(1, 9)}.{press.random.randrange(10, 99)}%"
        month = press.random.choice(("March", "June", "September"))
        press.canvas.setFont("Times-Roman", SIZE)
        press.canvas.drawString(MARGIN, y, label)
        values = [words, f"{month} {press.random.randrange(2026, 2040)}"]
        values += [press.amount(), press.amount()]
        if press.random.random() < 0.3:
            values[press.random.choice((2, 3))] = ""
        for column, value in zip(columns, values, strict=True):
            press.canvas.drawRightString(column.right, y, value)
            if value:
                cell = KnownCell(press.filing.pages, label, column.heading[0], value)
                press.filing.cells.append(cell)
        press.y -= LEADING


def _table_in_column(press: Press) -> None:
    """Two columns of prose, a table at the foot of the second."""
    press.open_page("Operating Review")
    top = press.y
    press.prose(MARGIN, WIDTH / 2 - 12, 70)
    press.y = top
    press.prose(WIDTH / 2 + 12, WIDTH - MARGIN, 330)
    press.y -= 14
    columns = _columns([("2024",), ("2023",)], width=54)
    press.headings(columns, [])
    for _ in range(8):
        press.row(columns, ["2024", "2023"], left=WIDTH / 2 + 12)


def _leaders(press: Press) -> None:
    press.open_page("Selected Financial Data")
    columns = _columns([("2024",), ("2023",), ("2022",)], width=66)
    press.headings(columns, [("As of December 31,", 0, 2)])
    names = [f"As of December 31, {year}" for year in (2024, 2023, 2022)]
    for number in range(14):
        press.row(columns, names, leaders=True, signs=number == 0)
    press.y -= 12
    press.prose(MARGIN, WIDTH - MARGIN, 100)
