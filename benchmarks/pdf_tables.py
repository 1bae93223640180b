"""Tables of PDF filings: the share of cells that keep their row and column, and of right pages.

A filing of 120 pages is written (`synthetic_filing`) with statements as annual reports set them:
signs apart, headings over several columns, wrapped labels, leaders, tables over two pages, on their
side and in a column of prose. It is read, cut into passages, and their rows are compared with what
was drawn. A cell is right where the row's label, the column's heading, the figure and the page
are. A page is right where a sentence drawn on it is found in a passage of that page. The baseline
is the plain text of kreuzberg, a line of it read as a label and the figures at its end, their
columns headed by the nearest line above that ends with as many years. Exits with 1 below 0.95.

    python -m benchmarks.pdf_tables [--pages N] [--seed N] [--show N]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.filing_press import Filing, KnownCell
from benchmarks.synthetic_filing import make_filing
from ragopt_tui.knowledge.document import Document
from ragopt_tui.knowledge.passage import Passage
from ragopt_tui.knowledge.profile import detect_profile
from ragopt_tui.knowledge.readers.pdf import pdf_document
from ragopt_tui.knowledge.readers.pdf_file import pdf_pages
from ragopt_tui.knowledge.splitter import split
from ragopt_tui.knowledge.table_lines import is_year, trailing_figures
from ragopt_tui.knowledge.tables import table_rows

LIMIT = 0.95
_TOKENS = 256

Rows = dict[tuple[int | None, str], dict[str, list[str]]]
"""Of each page and label: the values in its row, with the headings of their columns."""


def pages_by_kreuzberg(path: Path) -> list[tuple[int, str]]:
    """Give page numbers and plain texts as kreuzberg has them."""
    import kreuzberg

    config = kreuzberg.ExtractionConfig(
        use_cache=False, pages=kreuzberg.PageConfig(extract_pages=True)
    )
    found = kreuzberg.extract_file_sync(str(path), config=config).pages or ()
    return [(page["page_number"], page["content"]) for page in found]


def rows_of_text(pages: Iterable[tuple[int, str]]) -> Rows:
    """Read lines of plain text as rows: a label, and the figures at the line's end."""
    rows: Rows = {}
    for page, text in pages:
        years: list[str] = []
        for line in text.splitlines():
            words, count = line.replace("$ ", "").split(), trailing_figures(line)
            label, figures = " ".join(words[: len(words) - count]), words[len(words) - count :]
            if count and all(map(is_year, figures)):
                years = figures
            elif count:
                values = rows.setdefault((page, _plain(label)), {})
                for figure, year in zip(
                    figures, years if len(years) == count else [], strict=False
                ):
                    values.setdefault(_plain(figure), []).append(year)
    return rows


def passages_of(document: Document) -> list[Passage]:
    """Cut a document as indexing does; words stand in for the embedder's tokens."""

    def words(texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    return split(document, detect_profile(document), words, _TOKENS)


def rows_of(passages: Iterable[Passage]) -> Rows:
    """Give the rows of passages that are tables."""
    rows: Rows = {}
    for passage in passages:
        for row in table_rows(passage):
            values = rows.setdefault((passage.page, _plain(row.label)), {})
            for cell in row.cells[1:]:
                values.setdefault(_plain(cell.text), []).append(_plain(cell.column))
    return rows


def right_cells(cells: Iterable[KnownCell], rows: Rows, only_year: bool = False) -> list[KnownCell]:
    """Give the cells that stand in rows under their own label and heading, or its year alone."""
    found = []
    for known in cells:
        columns = rows.get((known.page, _plain(known.label)), {}).get(_plain(known.value), [])
        heading = known.column.split()[-1] if only_year else known.column
        if _plain(heading) in columns:
            found.append(known)
    return found


def _plain(text: str) -> str:
    return " ".join(text.replace("$", "").split()).lower()


def right_pages(filing: Filing, texts: Iterable[tuple[int | None, str]]) -> int:
    """Count the sentences that stand in a text of their own page."""
    pages: dict[int | None, str] = {}
    for page, text in texts:
        pages[page] = f"{pages.get(page, '')} {text}"
    plain = {page: " ".join(text.split()) for page, text in pages.items()}
    return sum(sentence in plain.get(page, "") for page, sentence in filing.sentences)


def _print(name: str, filing: Filing, cells: int, pages: int, seconds: float) -> None:
    print(
        f"{name}: cells {cells / len(filing.cells):.1%}, sentences on their page "
        f"{pages / len(filing.sentences):.1%}, {filing.pages / seconds:.0f} pages per second of processor time"
    )


def main() -> int:
    """Write a filing, read it both ways, and print the shares."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=120)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--show", type=int, default=0, help="print so many cells that are lost")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "filing.pdf"
        filing = make_filing(path, given.pages, given.seed)
        started = time.process_time()
        document = pdf_document({"pages": pdf_pages(str(path))}, path.name)
        seconds = time.process_time() - started
        started = time.process_time()
        texts = pages_by_kreuzberg(path)
        their_seconds = time.process_time() - started
    print(f"{filing.pages} pages, {len(filing.cells)} cells, {len(filing.sentences)} sentences")
    passages = passages_of(document)
    right = right_cells(filing.cells, rows_of(passages))
    pages = right_pages(filing, [(passage.page, passage.text) for passage in passages])
    _print("this reader", filing, len(right), pages, seconds)
    for cell in [cell for cell in filing.cells if cell not in set(right)][: given.show]:
        print(f"  lost: {cell}")
    theirs = right_cells(filing.cells, rows_of_text(texts), only_year=True)
    _print("plain text", filing, len(theirs), right_pages(filing, texts), their_seconds)
    return 0 if len(right) >= LIMIT * len(filing.cells) else 1


if __name__ == "__main__":
    sys.exit(main())
