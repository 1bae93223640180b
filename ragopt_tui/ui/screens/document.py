"""A document opened at what an answer cites of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Input, Static

from ragopt_tui.chat.places import place
from ragopt_tui.errors import RagoptError
from ragopt_tui.knowledge.document import Document
from ragopt_tui.ui.keys import bindings
from ragopt_tui.ui.widgets.document_view import DocumentView, Mark
from ragopt_tui.ui.widgets.key_bar import KeyBar
from ragopt_tui.ui.widgets.split_line import SplitLine
from ragopt_tui.ui.wording import MUTED, count, shorten
from ragopt_tui.ui.workspace import OpenedDocument

_MOST_MATCHES = 10_000


@dataclass(frozen=True, slots=True)
class Place:
    """A cited span of a file, and the number it is cited by; 0 where a document is just read.

    `text` is what stood there when it was cited; `moved` says that it stands elsewhere now, and
    `lost` that it stands nowhere any more.
    """

    file: str
    start: int = 0
    end: int = 0
    n: int = 0
    cited: bool = True
    text: str = ""
    moved: bool = False
    lost: bool = False

    def found_in(self, document: str) -> Place:
        """Give the place where its text stands in a document as it is now."""
        if not self.text or document.startswith(self.text, self.start):
            return self
        before, after = document.rfind(self.text, 0, self.end), document.find(self.text, self.start)
        there = [at for at in (before, after) if at >= 0]
        if not there:
            return replace(self, start=0, end=0, lost=True)
        at = min(there, key=lambda at: abs(at - self.start))
        return replace(self, start=at, end=at + len(self.text), moved=True)


class DocumentScreen(Screen[None]):
    """Steps through citations, also from file to file, and searches the text."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("document")

    def __init__(
        self, places: Sequence[Place], at: int, load: Callable[[str], Awaitable[OpenedDocument]]
    ) -> None:
        super().__init__()
        self._places, self._at, self._load = list(places), at, load
        self._opened: dict[str, OpenedDocument] = {}
        self._file = ""
        self._matches: list[Mark] = []
        self._match = 0

    def compose(self) -> ComposeResult:
        """Draw the title, the text, and the line for searching."""
        yield SplitLine(id="document-title")
        yield Static("", id="document-notice", markup=False)
        yield DocumentView(id="document-text")
        yield Input(placeholder="Search in this document", id="document-search", compact=True)
        yield KeyBar()

    def on_mount(self) -> None:
        """Open the first place."""
        self.query_one("#document-search").display = False
        self.query_one(DocumentView).focus()
        self._open()

    @work(exclusive=True)
    async def _open(self) -> None:
        here = self._places[self._at]
        try:
            opened = self._opened.get(here.file) or await self._load(here.file)
        except RagoptError as error:
            self._title(here, None)
            self._notice(f"! {error}")
            return
        if here.file not in self._opened:
            self._opened[here.file] = opened
            text = opened.document.text
            self._places = [p.found_in(text) if p.file == here.file else p for p in self._places]
            here = self._places[self._at]
        self._notice(_what_changed(here, opened.changed))
        view = self.query_one(DocumentView)
        if self._file != here.file:
            self._file = here.file
            await view.show(opened.document, self._citation_marks())
        else:
            view.mark(self._citation_marks())
        self._title(here, opened.document)

    def action_next_citation(self) -> None:
        """Go to the next match of the search, or the next citation."""
        self._step(1)

    def action_previous_citation(self) -> None:
        """Go to the match or citation before."""
        self._step(-1)

    def action_search_document(self) -> None:
        """Open the line for searching."""
        search = self.query_one("#document-search", Input)
        search.display = True
        search.focus()

    def action_close_document(self) -> None:
        """Leave the search, else the document."""
        search = self.query_one("#document-search", Input)
        if search.display:
            search.display = False
            self._matches = []
            self.query_one(DocumentView).focus()
            self._open()
        else:
            self.dismiss()

    @on(Input.Submitted, "#document-search")
    def _search(self, event: Input.Submitted) -> None:
        text = event.value.strip()
        opened = self._opened.get(self._file)
        if not text or opened is None:
            return
        found = _find_all(opened.document.text, text)
        if found and [(m.start, m.end) for m in self._matches] == found:
            self._step(1)
        else:
            self._matches, self._match = [Mark(*span) for span in found], 0
            self._show_match()
        if found:
            self.query_one(DocumentView).focus()

    def _step(self, by: int) -> None:
        if self._matches:
            self._match = (self._match + by) % len(self._matches)
            self._show_match()
        elif len(self._places) > 1:
            self._at = (self._at + by) % len(self._places)
            self._open()

    def _show_match(self) -> None:
        if not self._matches:
            self._notice("! Nothing found.")
            return
        self._notice(f"match {self._match + 1} of {len(self._matches):,} · n next · p previous")
        marks = list(self._matches)
        marks[self._match] = Mark(marks[self._match].start, marks[self._match].end, True)
        self.query_one(DocumentView).mark(marks)

    def _citation_marks(self) -> list[Mark]:
        here = self._places[self._at]
        return [
            Mark(each.start, each.end, each is here)
            for each in self._places
            if each.file == here.file and each.end > each.start
        ]

    def _title(self, here: Place, document: Document | None) -> None:
        left = Content.styled(shorten(here.file, max(20, self.size.width - 44)), "bold")
        if here.n:
            left = Content.assemble((f"[{here.n}] ", "bold $text-accent"), left)
        self.query_one("#document-title", SplitLine).show(left, self._where(here, document))

    def _where(self, here: Place, document: Document | None) -> Content:
        if document is None:
            return Content()
        if not here.n:
            return Content.styled(count(len(document.line_numbers), "line"), MUTED)
        span = document.span(here.start, here.end)
        where = "not there" if here.lost else place(span.page, span.line_start, span.line_end)
        nth = f"{self._at + 1} of {len(self._places)}"
        what = f"citation {nth}" if here.cited else f"{nth}, not cited"
        return Content.styled(f"{where} · {what}", MUTED)

    def _notice(self, text: str) -> None:
        notice = self.query_one("#document-notice", Static)
        notice.update(Content(text))
        notice.display = bool(text)


def _what_changed(here: Place, changed: bool) -> str:
    if here.lost:
        return "! This file has changed since the answer; what it cites is no longer in it."
    if here.moved:
        return "! This file has changed since the answer; what it cites stands here now."
    # Without the words that were cited, nobody can say more.
    return "! This file has changed since it was read." if changed else ""


def _find_all(text: str, wanted: str) -> list[tuple[int, int]]:
    """Give where `wanted` stands, whatever the case; at most 10,000 places."""
    found: list[tuple[int, int]] = []
    haystack, needle = text.lower(), wanted.lower()
    if len(haystack) != len(text):
        haystack, needle = text, wanted
    at = haystack.find(needle)
    while at >= 0 and len(found) < _MOST_MATCHES:
        found.append((at, at + len(needle)))
        at = haystack.find(needle, at + len(needle))
    return found
