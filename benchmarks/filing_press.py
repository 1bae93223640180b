"""Drawing a filing's pages so that every cell's row, column, value and page are known."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reportlab.pdfgen.canvas import Canvas

WIDTH, HEIGHT, MARGIN = 612.0, 792.0, 54.0
SIZE, LEADING = 9.0, 13.0
_SENTENCES = (
    "Revenue recognised over time is measured by the cost incurred to date",
    "The valuation of inventories is reviewed at the end of each quarter",
    "Demand for replacement parts followed the age of the installed fleet",
    "Our lenders waived the test of interest cover for one period",
    "Most contracts allow prices to follow an index of wages and steel",
    "The pension plan was closed to new members some years ago",
    "Management assesses whether a triggering event has taken place",
    "A third of the workforce is covered by collective agreements",
)
_LABELS = (
    "Product sales",
    "Service and maintenance revenue",
    "Cost of goods sold",
    "Selling, general and administrative expenses",
    "Research and development",
    "Amortization of intangible assets",
    "Restructuring and other charges, net",
    "Interest expense, net of amounts capitalized",
    "Equity in earnings of unconsolidated affiliates",
    "Provision for income taxes",
    "Net income attributable to noncontrolling interests",
    "Proceeds from the sale of property, plant and equipment and other long-lived assets",
    "Changes in operating assets and liabilities, net of the effects of acquisitions",
    "Deferred income taxes",
    "Trade receivables, less allowance for credit losses",
    "Right-of-use assets under operating leases",
    "Accumulated other comprehensive loss, including amounts reclassified to earnings",
    "Treasury stock, at cost",
)


@dataclass(frozen=True, slots=True)
class KnownCell:
    """A table's cell: its page, row label, the words of its column's heading, and its text."""

    page: int
    label: str
    column: str
    value: str


@dataclass(slots=True)
class Filing:
    """What a generated filing holds: its cells, and one sentence of its own on each page of prose."""

    pages: int = 0
    cells: list[KnownCell] = field(default_factory=list)
    sentences: list[tuple[int, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of figures: the words of its heading, and its right edge in points."""

    heading: tuple[str, ...]
    right: float


class Press:
    """Draws pages; the cursor `y` goes down."""

    def __init__(self, path: Path, seed: int) -> None:
        from reportlab.pdfgen.canvas import Canvas

        self.canvas: Canvas = Canvas(str(path), pagesize=(WIDTH, HEIGHT))
        self.random = random.Random(seed)  # noqa: S311 - figures that nobody keeps
        self.filing = Filing()
        self.y = 0.0
        self._used: set[str] = set()

    def open_page(self, title: str) -> None:
        """Begin a page with its running lines and a heading."""
        if self.filing.pages:
            self.canvas.showPage()
        self.filing.pages += 1
        self.canvas.setFont("Times-Roman", 8)
        self.canvas.drawCentredString(WIDTH / 2, 28, str(self.filing.pages))
        self.canvas.drawString(MARGIN, HEIGHT - 30, "Table of Contents")
        self.canvas.drawRightString(WIDTH - MARGIN, HEIGHT - 30, "Halvorsen Turbine Corporation")
        self.y = HEIGHT - 70
        if title:
            self.canvas.setFont("Times-Bold", 10)
            self.canvas.drawCentredString(WIDTH / 2, self.y, title)
            self.y -= 20

    def label(self) -> str:
        """Give a row label that the filing has not used."""
        while True:
            word = self.random.choice(("Alder", "Birch", "Cedar", "Elm", "Hazel", "Larch", "Rowan"))
            series = "".join(self.random.choices("ABCDEFGHKLMNPRSTUVWXYZ", k=3))
            label = f"{self.random.choice(_LABELS)} ({word} {series})"
            if label not in self._used:
                self._used.add(label)
                return label

    def amount(self) -> str:
        """Give a figure as statements write it; some are negative or missing."""
        if self.random.random() < 0.08:
            return "—"
        value = f"{self.random.randrange(100, 9_999_999):,}"
        return f"({value})" if self.random.random() < 0.25 else value

    def prose(self, left: float, right: float, bottom: float) -> None:
        """Fill a column with justified lines; one sentence in it names its page."""
        from reportlab.pdfbase.pdfmetrics import stringWidth

        page = self.filing.pages
        mark = f"The audit committee met {page + 1} times about matter number {page:04d}."
        self.filing.sentences.append((page, mark))
        text = f"{mark} "
        while len(text) < (right - left) / 4.0 * (self.y - bottom) / LEADING:
            text += f"{self.random.choice(_SENTENCES)}, as in earlier years. "
        words, line = text.split(), list[str]()
        for word in words:
            if stringWidth(" ".join([*line, word]), "Times-Roman", SIZE) > right - left:
                self._justified(line, left, right)
                line = []
                if self.y < bottom:
                    return
            line.append(word)
        self.canvas.setFont("Times-Roman", SIZE)
        self.canvas.drawString(left, self.y, " ".join(line))
        self.y -= LEADING

    def _justified(self, line: Sequence[str], left: float, right: float) -> None:
        from reportlab.pdfbase.pdfmetrics import stringWidth

        spare = right - left - stringWidth(" ".join(line), "Times-Roman", SIZE)
        text = self.canvas.beginText(left, self.y)
        text.setFont("Times-Roman", SIZE)
        text.setWordSpace(spare / max(1, len(line) - 1))
        text.textOut(" ".join(line))
        self.canvas.drawText(text)
        self.y -= LEADING

    def headings(self, columns: Sequence[Column], spans: Sequence[tuple[str, int, int]]) -> None:
        """Draw what spans columns, then each column's heading, word under word."""
        self.canvas.setFont("Times-Bold", SIZE - 1)
        for text, first, last in spans:
            middle = (columns[first].right - 48 + columns[last].right) / 2
            self.canvas.drawCentredString(middle, self.y, text)
        self.y -= 11 if spans else 0
        deepest = max(len(column.heading) for column in columns)
        for row in range(deepest):
            for column in columns:
                at = row - deepest + len(column.heading)
                if at >= 0:
                    self.canvas.drawCentredString(column.right - 24, self.y, column.heading[at])
            self.y -= 11
        self.y -= 3

    def row(
        self,
        columns: Sequence[Column],
        names: Sequence[str],
        *,
        left: float = MARGIN,
        signs: bool = False,
        leaders: bool = False,
    ) -> None:
        """Draw a row with a label of its own, wrapped where it is long."""
        from reportlab.pdfbase.pdfmetrics import stringWidth

        label = self.label()
        room = columns[0].right - 62 - left
        lines, line = list[str](), ""
        for word in label.split():
            if line and stringWidth(f"{line} {word}", "Times-Roman", SIZE) > room:
                lines.append(line)
                line = f"  {word}"
            else:
                line = f"{line} {word}".strip() if not lines else f"{line} {word}"
        self.canvas.setFont("Times-Roman", SIZE)
        for number, part in enumerate([*lines, line]):
            indent = 8 if number else 0
            self.canvas.drawString(left + indent, self.y, part.strip())
            if number < len(lines):
                self.y -= 10.5
        if leaders:
            self._leaders(left + 8 + stringWidth(line, "Times-Roman", SIZE), left + room)
        for column, name in zip(columns, names, strict=True):
            value = self._figure(column.right, signs)
            self.filing.cells.append(KnownCell(self.filing.pages, label, name, value))
        self.y -= LEADING

    def _leaders(self, start: float, end: float) -> None:
        at = start
        while at < end:
            self.canvas.drawString(at, self.y, ".")
            at += 4.5

    def _figure(self, right: float, signs: bool) -> str:
        """Draw a figure; its bracket hangs over the edge and its currency sign stands apart."""
        value = self.amount()
        if signs:
            self.canvas.drawString(right - 52, self.y, "$")
        figure, bracket = (value[:-1], ")") if value.endswith(")") else (value, "")
        self.canvas.drawRightString(right, self.y, figure)
        self.canvas.drawString(right, self.y, bracket)
        return value
