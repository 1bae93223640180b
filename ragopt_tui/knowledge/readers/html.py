"""HTML: its visible text, each line beside the line of the file that it came from."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

from ragopt_tui.knowledge.document import Block, BlockKind, Document
from ragopt_tui.knowledge.readers.html_table import TableGrid
from ragopt_tui.knowledge.structure import title_of, with_captions
from ragopt_tui.plaintext import one_line, without_controls

_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_BLOCKS = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "br",
        "caption",
        "center",
        "dd",
        "details",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "html",
        "legend",
        "li",
        "main",
        "nav",
        "ol",
        "option",
        "p",
        "pre",
        "section",
        "select",
        "summary",
        "table",
        "tbody",
        "td",
        "textarea",
        "tfoot",
        "th",
        "thead",
        "title",
        "tr",
        "ul",
    ]
)
_SKIPPED = frozenset(["script", "style", "template", "noscript", "svg", "iframe", "object", "head"])
_VOID = frozenset(
    [
        "area",
        "base",
        "br",
        "col",
        "embed",
        "hr",
        "img",
        "input",
        "link",
        "meta",
        "param",
        "source",
        "track",
        "wbr",
        "ix:hidden",
    ]
)


@dataclass(slots=True)
class _Piece:
    kind: BlockKind
    lines: list[tuple[str, int]]
    level: int = 0
    header_lines: int = 0
    caption: str = ""


@dataclass(slots=True)
class _Buffer:
    """Text of a paragraph as it comes: the lines of the file stay lines."""

    lines: list[tuple[str, int]] = field(default_factory=list)

    def add(self, data: str, line: int) -> None:
        for number, part in enumerate(data.split("\n")):
            if number == 0 and self.lines:
                words, at = self.lines[-1]
                self.lines[-1] = (words + part, at if words.strip() else line)
            else:
                self.lines.append((part, line + number))

    def take(self, keep_spaces: bool = False) -> list[tuple[str, int]]:
        """Give the lines that hold something, and start anew."""
        if keep_spaces:
            lines = [(words.rstrip(), line) for words, line in self.lines]
        else:
            lines = [(" ".join(words.split()), line) for words, line in self.lines]
        self.lines = []
        return [(words, line) for words, line in lines if words.strip()]


class _Renderer(HTMLParser):
    """Collects pieces: headings, paragraphs, preformatted text and tables."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[_Piece] = []
        self.title = ""
        self._buffer = _Buffer()
        self._level = 0
        self._mark = ""
        self._preformatted = False
        self._in_title = False
        self._skipped: list[str] = []
        self._tables: list[TableGrid] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "body":
            self._skipped = []
        if tag == "title" and self._skipped == ["head"]:
            self._in_title = True
        if self._skipped:
            if tag == self._skipped[-1] and tag not in _VOID:
                self._skipped.append(tag)
            return
        if tag not in _VOID and (tag in _SKIPPED or _is_hidden(dict(attrs))):
            self._skipped.append(tag)
            return
        if tag in ("td", "th"):
            self._flush()
            if self._tables:
                self._tables[-1].open_cell(tag == "th", dict(attrs))
            return
        if tag in _BLOCKS:
            self._break(tag)
        if tag in _HEADINGS:
            self._level = _HEADINGS[tag]
        elif tag == "li":
            self._mark = "- "
        elif tag == "pre":
            self._preformatted = True
        elif tag == "table":
            self._open_table()
        elif tag == "tr" and self._tables:
            self._tables[-1].open_row(self.getpos()[0])
        elif tag == "thead" and self._tables:
            self._tables[-1].in_head = True

    def handle_endtag(self, tag: str) -> None:
        if tag == "title":
            self._in_title = False
        if self._skipped:
            if tag == self._skipped[-1]:
                self._skipped.pop()
            return
        if tag in _BLOCKS:
            self._break(tag)
        if tag in _HEADINGS:
            self._level = 0
        elif tag == "li":
            self._mark = ""
        elif tag == "pre":
            self._preformatted = False
        elif tag in ("td", "th") and self._tables:
            self._tables[-1].close_cell()
        elif tag == "thead" and self._tables:
            self._tables[-1].in_head = False
        elif tag == "table":
            self._close_table()

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title = f"{self.title} {data}".strip()
        if self._skipped:
            return
        line = self.getpos()[0]
        table = self._tables[-1] if self._tables else None
        if table and table.cell is not None and not table.is_layout:
            table.cell.add(data, line)
        else:
            self._buffer.add(data, line)

    def close(self) -> None:
        super().close()
        while self._tables:
            self._close_table()
        self._flush()

    def _break(self, tag: str) -> None:
        table = self._tables[-1] if self._tables else None
        if table and table.cell is not None and not table.is_layout:
            table.cell.add(" ", self.getpos()[0])
        elif tag == "br":
            self._buffer.lines.append(("", self.getpos()[0]))
        else:
            self._flush()

    def _flush(self) -> None:
        lines = self._buffer.take(self._preformatted)
        if not lines:
            return
        if self._level:
            words = " ".join(words for words, _ in lines)
            self.pieces.append(_Piece("heading", [(words, lines[0][1])], level=self._level))
        else:
            kind: BlockKind = "code" if self._preformatted else "paragraph"
            lines[0] = (self._mark + lines[0][0], lines[0][1])
            self._mark = ""
            self.pieces.append(_Piece(kind, lines))

    def _open_table(self) -> None:
        if self._tables:
            self._give_up_grid(self._tables[-1])
        self._tables.append(TableGrid())

    def _close_table(self) -> None:
        if not self._tables:
            return
        self._flush()
        self._emit(self._tables.pop())

    def _give_up_grid(self, table: TableGrid) -> None:
        """A table around another table only lays out the page: its text becomes paragraphs."""
        self._emit(table)
        table.turn_to_layout()

    def _emit(self, table: TableGrid) -> None:
        lines, header_lines = table.rendered()
        if not lines:
            return
        if table.columns < 2:
            self.pieces.extend(_Piece("paragraph", [line]) for line in lines)
        else:
            self.pieces.append(_Piece("table", lines, header_lines=header_lines))


def _is_hidden(attributes: dict[str, str | None]) -> bool:
    style = "".join((attributes.get("style") or "").lower().split())
    return "hidden" in attributes or "display:none" in style or "visibility:hidden" in style


def html_document(text: str, file: str) -> Document:
    """Give the document of an HTML page's visible text."""
    renderer = _Renderer()
    renderer.feed(text)
    renderer.close()
    return _document(renderer, file)


def _document(renderer: _Renderer, file: str) -> Document:
    lines: list[str] = []
    numbers: list[int] = []
    blocks: list[Block] = []
    offset = 0
    for piece in renderer.pieces:
        if lines:
            lines.append("")
            numbers.append(numbers[-1])
            offset += 1
        start = header_end = offset
        for index, (words, number) in enumerate(piece.lines):
            if index == piece.header_lines:
                header_end = offset
            words = without_controls(words)
            lines.append(words)
            numbers.append(number)
            offset += len(words) + 1
        if piece.header_lines >= len(piece.lines):
            header_end = offset - 1
        heading = piece.lines[0][0] if piece.kind == "heading" else ""
        is_table = piece.kind == "table"
        blocks.append(
            Block(
                piece.kind,
                start,
                offset - 1,
                level=piece.level,
                heading=heading,
                header_end=header_end if is_table else 0,
            )
        )
    body = "\n".join(lines)
    found = with_captions(body, blocks)
    named = any(block.kind == "heading" and block.level == 1 for block in found)
    title = one_line(renderer.title, 160)
    return Document(
        file=file,
        title=title if title and not named else title_of(body, found, file),
        text=body,
        blocks=found,
        line_numbers=tuple(numbers or [1]),
        pages=(0,) * max(1, len(lines)),
    )
