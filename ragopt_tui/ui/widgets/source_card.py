"""A passage in the sources panel: where it stands and what of it is cited."""

from __future__ import annotations

from typing import ClassVar

from textual.app import RenderResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widget import Widget

from ragopt_tui.chat.answer import Citation
from ragopt_tui.chat.places import place
from ragopt_tui.knowledge.passage import Passage
from ragopt_tui.knowledge.tables import header_line
from ragopt_tui.plaintext import one_line, without_controls
from ragopt_tui.ui.exchange import Evidence
from ragopt_tui.ui.keys import bindings
from ragopt_tui.ui.messages import CopyCitation, OpenSource
from ragopt_tui.ui.outdated import about_source
from ragopt_tui.ui.wording import MUTED, shorten

_EXCERPT = 150
_BEFORE_QUOTE = 40
_TABLE_ROWS = 3
_CITED = "$text on $accent 35%"


class SourceCard(Widget, can_focus=True):
    """Short until it has the focus; then the whole passage."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings("sources"),
        Binding("up,k", "app.focus_previous", show=False),
        Binding("down,j", "app.focus_next", show=False),
    ]

    def __init__(self, evidence: Evidence, n: int) -> None:
        super().__init__(classes="-cited" if evidence.cited(n) else "")
        self.evidence = evidence
        self.n = n
        self.passage = evidence.hits[n - 1].passage

    def render(self) -> RenderResult:
        """Draw the number and place, what the document is about, and the text."""
        passage, width = self.passage, max(16, self.content_size.width)
        number = f"[{self.n}] "
        head = Content.assemble(
            (number, "bold $text-accent"), (shorten(passage.file, width - len(number)), "bold")
        )
        also_in = self.evidence.hits[self.n - 1].also_in
        said = [*_about(passage), *([f"also in {', '.join(also_in)}"] if also_in else [])]
        about = [Content.styled(one_line(line, width), MUTED) for line in said]
        since = about_source(self.evidence.change_of(passage.file))
        if since:
            about.insert(0, since)
        text = self._whole() if self.has_focus else self._excerpt(width)
        return Content("\n").join([head, *about, *([text] if text.plain.strip() else [])])

    def on_focus(self) -> None:
        """Unfold."""
        self.refresh(layout=True)

    def on_blur(self) -> None:
        """Fold."""
        self.refresh(layout=True)

    def on_click(self) -> None:
        """Open the source at the second click; the first one unfolds it."""
        if self.has_class("-unfolded"):
            self.action_open_source()
        self.add_class("-unfolded")

    def action_copy_citation(self) -> None:
        """Copy the quote and where it stands."""
        self.post_message(CopyCitation(self.evidence, self.n))

    def action_open_source(self) -> None:
        """Open the document at the cited lines."""
        self.post_message(OpenSource(self.evidence, self.n))

    def _whole(self) -> Content:
        lead = one_line(self.passage.lead, 400)
        text = self._marked(self.passage.text, self.passage.char_start)
        return Content("\n").join([Content.styled(lead, MUTED), text]) if lead else text

    def _excerpt(self, width: int) -> Content:
        if self.passage.kind == "table":
            return self._rows(width)
        text, start = self.passage.text, 0
        cited = self.evidence.cited(self.n)
        if cited:
            start = max(0, cited[0].char_start - self.passage.char_start - _BEFORE_QUOTE)
            start = text.find(" ", start) + 1 if start else 0
        piece = text[start : start + _EXCERPT]
        marked = self._marked(piece.replace("\n", " "), self.passage.char_start + start)
        before = "…" if start else ""
        after = "…" if start + _EXCERPT < len(text) else ""
        return Content.assemble(before, marked, after)

    def _rows(self, width: int) -> Content:
        """Give a table's header row and the rows that are cited, or its first ones."""
        rows: list[tuple[str, bool]] = []
        start = self.passage.char_start
        for line in self.passage.text.split("\n"):
            if line.strip(" |:-+"):
                rows.append((line, self._is_cited(start, start + len(line))))
            start += len(line) + 1
        lead = header_line(self.passage.lead)
        head = [(lead, False)] if lead.strip(" |:-+") else rows[:1]
        cited = [row for row in rows if row[1]]
        shown = [*head, *(cited or rows[len(head) if not lead else 0 :])[:_TABLE_ROWS]]
        return Content("\n").join(
            Content.styled(one_line(_cells(line), width), _CITED if marked else "")
            for line, marked in shown
        )

    def _is_cited(self, start: int, end: int) -> bool:
        return any(c.char_start < end and start < c.char_end for c in self.evidence.cited(self.n))

    def _marked(self, text: str, offset: int) -> Content:
        content = Content(without_controls(text))
        for citation in self.evidence.cited(self.n):
            content = _stylize(content, citation, offset)
        return content


def _stylize(content: Content, citation: Citation, offset: int) -> Content:
    start = max(0, citation.char_start - offset)
    end = min(len(content), citation.char_end - offset)
    return content.stylize(_CITED, start, end) if end > start else content


def _cells(row: str) -> str:
    cells = (cell.strip(" *") for cell in row.strip().strip("|").split("|"))
    return " · ".join(cell for cell in cells if cell)


def _about(passage: Passage) -> list[str]:
    profile = passage.profile
    where = place(passage.page, passage.line_start, passage.line_end)
    about = " · ".join(part for part in (where, profile.period, profile.company) if part)
    return [about, *([passage.headings[-1]] if passage.headings else [])]
