"""Make the PDF and DOCX files of ``sample_docs`` from the Markdown text beside this script.

Run ``python recipes/sample_docs/make_documents.py`` in an environment that has reportlab and
python-docx. The same text always gives the same bytes: dates in the files are fixed. The text
may hold headings, paragraphs with ``**bold**`` words, and pipe tables; a paragraph that begins
"Table" is the caption of the table below it.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from xml.sax.saxutils import escape

from docx import Document as new_word_document
from docx.document import Document as WordDocument
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml.ns import qn
from docx.oxml.parser import OxmlElement
from docx.shared import Pt
from docx.text.paragraph import Paragraph as WordParagraph
from reportlab.lib.colors import HexColor
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import LETTER
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import inch
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, KeepTogether, Paragraph, SimpleDocTemplate, Spacer, Table
from reportlab.platypus.doctemplate import BaseDocTemplate
from reportlab.platypus.tables import TableStyle

HERE = Path(__file__).resolve().parent
OUTPUT = HERE.parent.parent / "sample_docs"

FIXED_TIME = datetime(2024, 12, 16, 9, 0, 0)
ZIP_TIME = (2024, 12, 16, 9, 0, 0)
TEXT_WIDTH = LETTER[0] - 2 * inch
NUMBER_LIKE = re.compile(r"\(?[$<>]?[\d,]+(\.\d+)?\)?[%x]?\)?$|—$|n/m$")
RULE = HexColor("#8a8f98")


@dataclass(frozen=True, slots=True)
class Heading:
    """A title (level 1) or the heading of a section."""

    level: int
    text: str


@dataclass(frozen=True, slots=True)
class TextBlock:
    """A paragraph of prose or the caption of a table."""

    text: str

    @property
    def is_caption(self) -> bool:
        """Whether the paragraph names the table below it."""
        return re.match(r"Table \d+\. ", self.text) is not None


@dataclass(frozen=True, slots=True)
class Grid:
    """A table whose first row is the header."""

    rows: tuple[tuple[str, ...], ...]

    @property
    def number_columns(self) -> frozenset[int]:
        """The columns that hold only numbers below the header."""
        columns = enumerate(zip(*self.rows[1:], strict=True))
        return frozenset(i for i, cells in columns if all(map(NUMBER_LIKE.match, cells)))


Block = Heading | TextBlock | Grid


def read_blocks(source: str) -> Iterator[Block]:
    """Yield the headings, paragraphs and tables of Markdown in which blank lines part blocks."""
    for part in re.split(r"\n\s*\n", source.strip()):
        lines = part.splitlines()
        heading = re.match(r"(#+) (.+)", lines[0])
        if heading:
            yield Heading(len(heading[1]), heading[2])
        elif lines[0].startswith("|"):
            yield read_grid(lines)
        else:
            yield TextBlock(" ".join(line.strip() for line in lines))


def read_grid(lines: list[str]) -> Grid:
    """Read a pipe table; raises ValueError when its rows differ in width."""
    rows = [
        tuple(cell.strip() for cell in line.strip().removeprefix("|").removesuffix("|").split("|"))
        for line in lines
    ]
    if len({len(row) for row in rows}) != 1:
        raise ValueError(f"uneven table: {lines[0]}")
    return Grid((rows[0], *rows[2:]))


def split_bold(text: str) -> Iterator[tuple[str, bool]]:
    """Yield pieces of text with whether each stood between double asterisks."""
    for index, piece in enumerate(text.split("**")):
        if piece:
            yield piece, index % 2 == 1


BODY = ParagraphStyle("body", fontName="Helvetica", fontSize=10, leading=13.5, spaceAfter=7)
CAPTION = ParagraphStyle(
    "caption", parent=BODY, fontName="Helvetica-Bold", fontSize=9, leading=12, spaceBefore=4
)
CELL = ParagraphStyle("cell", parent=BODY, fontSize=9, leading=11, spaceAfter=0)
NUMBER_CELL = ParagraphStyle("number", parent=CELL, alignment=TA_RIGHT)
HEADINGS = {
    1: ParagraphStyle("h1", parent=BODY, fontName="Helvetica-Bold", fontSize=20, leading=26),
    2: ParagraphStyle("h2", parent=BODY, fontName="Helvetica-Bold", fontSize=14, leading=18),
    3: ParagraphStyle("h3", parent=BODY, fontName="Helvetica-Bold", fontSize=11, leading=15),
}
for _level, _space in ((2, 14), (3, 8)):
    HEADINGS[_level].spaceBefore = _space
for _style in HEADINGS.values():
    _style.keepWithNext = 1


class OutlinedTemplate(SimpleDocTemplate):
    """A letter-size document that lists its headings in the PDF outline."""

    def afterFlowable(self, flowable: Flowable) -> None:
        """Add the outline entry of a heading that has just been placed."""
        style = getattr(flowable, "style", None)
        level = next((number for number, known in HEADINGS.items() if known is style), None)
        if level is None or not isinstance(flowable, Paragraph):
            return
        text = flowable.getPlainText()
        key = f"heading-{self.page}-{text}"
        self.canv.bookmarkPage(key)
        self.canv.addOutlineEntry(text, key, level - 1, closed=level > 1)


def write_pdf(blocks: list[Block], target: Path, author: str) -> None:
    """Write blocks as a PDF of letter pages with page numbers in the footer."""
    title = next(block.text for block in blocks if isinstance(block, Heading))
    template = OutlinedTemplate(
        str(target),
        pagesize=LETTER,
        leftMargin=inch,
        rightMargin=inch,
        topMargin=inch,
        bottomMargin=inch,
        title=title,
        author=author,
        invariant=1,
    )

    def footer(canvas: Canvas, document: BaseDocTemplate) -> None:
        canvas.saveState()
        canvas.setFont("Helvetica", 8)
        canvas.drawString(inch, 0.6 * inch, title)
        canvas.drawRightString(LETTER[0] - inch, 0.6 * inch, f"Page {document.page}")
        canvas.restoreState()

    template.build(list(_flowables(blocks)), onFirstPage=footer, onLaterPages=footer)


def _flowables(blocks: list[Block]) -> Iterator[Flowable]:
    waiting: list[Flowable] = []  # headings and captions, which stay with what they head
    for block in blocks:
        if isinstance(block, Heading):
            waiting.append(Paragraph(escape(block.text), HEADINGS[block.level]))
        elif isinstance(block, Grid):
            yield KeepTogether([*waiting, _pdf_table(block)])
            yield Spacer(1, 10)
            waiting = []
        elif block.is_caption:
            waiting.append(Paragraph(escape(block.text), CAPTION))
        else:
            yield from waiting
            yield Paragraph(_pdf_markup(block.text), BODY)
            waiting = []


def _pdf_markup(text: str) -> str:
    pieces = ((escape(piece), bold) for piece, bold in split_bold(text))
    return "".join(f"<b>{piece}</b>" if bold else piece for piece, bold in pieces)


def _pdf_table(grid: Grid) -> Table:
    cells = [
        [
            _pdf_cell(text, row == 0, column in grid.number_columns)
            for column, text in enumerate(texts)
        ]
        for row, texts in enumerate(grid.rows)
    ]
    table = Table(cells, colWidths=_column_widths(grid), repeatRows=1, hAlign="LEFT")
    table.setStyle(
        TableStyle(
            [
                ("VALIGN", (0, 0), (-1, -1), "BOTTOM"),
                ("LINEBELOW", (0, 0), (-1, 0), 0.8, RULE),
                ("LINEBELOW", (0, 1), (-1, -1), 0.25, RULE),
                ("TOPPADDING", (0, 0), (-1, -1), 2),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
            ]
        )
    )
    return table


def _pdf_cell(text: str, is_header: bool, is_number: bool) -> Paragraph:
    markup = f"<b>{escape(text)}</b>" if is_header else escape(text)
    return Paragraph(markup, NUMBER_CELL if is_number else CELL)


def _column_widths(grid: Grid) -> list[float]:
    """Give each column room for its longest word and share out what is left, in points."""
    columns = list(zip(*grid.rows, strict=True))
    least = [max(_points(word) for text in column for word in text.split()) for column in columns]
    wishes = [
        min(max(_points(text) for text in column[1:]), 150.0) - room + 12
        for column, room in zip(columns, least, strict=True)
    ]
    padding = 14.0
    left = TEXT_WIDTH - sum(least) - padding * len(columns)
    wishes = [max(wish, 1.0) for wish in wishes]
    return [
        room + padding + left * wish / sum(wishes) for room, wish in zip(least, wishes, strict=True)
    ]


def _points(text: str) -> float:
    width: float = stringWidth(text, "Helvetica-Bold", CELL.fontSize)
    return width


def write_docx(blocks: list[Block], target: Path, author: str) -> None:
    """Write blocks as a Word document with real headings, tables and page numbers."""
    document = new_word_document()
    document.styles["Normal"].font.name = "Calibri"
    document.styles["Normal"].font.size = Pt(10)
    for block in blocks:
        if isinstance(block, Heading):
            document.add_heading(block.text, 0 if block.level == 1 else block.level - 1)
        elif isinstance(block, Grid):
            _add_word_table(document, block)
        else:
            _add_word_paragraph(document, block)
    _number_pages(document.sections[0].footer.paragraphs[0])
    properties = document.core_properties
    properties.title = next(block.text for block in blocks if isinstance(block, Heading))
    properties.author = properties.last_modified_by = author
    properties.comments = ""
    properties.created = properties.modified = FIXED_TIME
    buffer = io.BytesIO()
    document.save(buffer)
    target.write_bytes(_with_fixed_times(buffer.getvalue()))


def _add_word_paragraph(document: WordDocument, block: TextBlock) -> None:
    if block.is_caption:
        paragraph = document.add_paragraph(block.text, style="Caption")
        paragraph.paragraph_format.keep_with_next = True
        return
    paragraph = document.add_paragraph()
    for piece, bold in split_bold(block.text):
        paragraph.add_run(piece).bold = bold or None


def _add_word_table(document: WordDocument, grid: Grid) -> None:
    table = document.add_table(rows=len(grid.rows), cols=len(grid.rows[0]), style="Table Grid")
    for row, texts in zip(table.rows, grid.rows, strict=True):
        is_header = texts is grid.rows[0]
        for column, (cell, text) in enumerate(zip(row.cells, texts, strict=True)):
            paragraph = cell.paragraphs[0]
            paragraph.add_run(text).bold = is_header or None
            if column in grid.number_columns:
                paragraph.alignment = WD_ALIGN_PARAGRAPH.RIGHT
    document.add_paragraph()


def _number_pages(paragraph: WordParagraph) -> None:
    paragraph.alignment = WD_ALIGN_PARAGRAPH.RIGHT
    field = OxmlElement("w:fldSimple")
    field.set(qn("w:instr"), "PAGE")
    paragraph.add_run("Page ")
    paragraph._p.append(field)


def _with_fixed_times(package: bytes) -> bytes:
    """Return a zip with the same members, each dated alike."""
    result = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(package)) as source,
        zipfile.ZipFile(result, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for member in source.infolist():
            dated = zipfile.ZipInfo(member.filename, ZIP_TIME)
            dated.compress_type = zipfile.ZIP_DEFLATED
            target.writestr(dated, source.read(member))
    return result.getvalue()


def main() -> None:
    """Write both documents into the folder of sample documents."""
    OUTPUT.mkdir(exist_ok=True)
    report = "corvane-annual-report-2024"
    blocks = list(read_blocks((HERE / f"{report}.md").read_text(encoding="utf-8")))
    write_pdf(blocks, OUTPUT / f"{report}.pdf", "Corvane Logistics Inc.")
    memo = "corvane-credit-memo-2024"
    blocks = list(read_blocks((HERE / f"{memo}.md").read_text(encoding="utf-8")))
    write_docx(blocks, OUTPUT / f"{memo}.docx", "Harrowgate National Bank")


if __name__ == "__main__":
    main()
