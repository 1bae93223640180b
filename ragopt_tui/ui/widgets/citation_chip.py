"""A citation under an answer: its number and where it stands, to open with Enter or a click."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widget import Widget

from ragopt_tui.chat.answer import Citation
from ragopt_tui.chat.places import place
from ragopt_tui.ui.exchange import Evidence
from ragopt_tui.ui.keys import bindings
from ragopt_tui.ui.messages import CopyCitation, OpenSource, ShowSources
from ragopt_tui.ui.outdated import about_source
from ragopt_tui.ui.wording import MUTED, count, shorten


class CitationChip(Widget, can_focus=True):
    """One line: `[1] northwind_report_2023.md  lines 41–48`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings("sources"),
        Binding("up", "app.focus_previous", show=False),
        Binding("down", "app.focus_next", show=False),
    ]

    def __init__(self, evidence: Evidence, citation: Citation) -> None:
        super().__init__()
        self.evidence = evidence
        self.citation = citation

    @property
    def n(self) -> int:
        """The number of the evidence it points at, from 1."""
        return self.citation.n

    def render(self) -> Content:
        """Draw the number, the file, its lines, and whether it changed since."""
        cited = self.citation
        where = Content.styled(place(cited.page, cited.line_start, cited.line_end), MUTED)
        since = about_source(self.evidence.change_of(cited.file))
        others = len(self.evidence.hits[cited.n - 1].also_in)
        also = [Content.styled(f"and in {count(others, 'other file')}", MUTED)] if others else []
        about = Content("  ").join([where, *also, *([since] if since else [])])
        mark = "▸" if self.has_focus else " "
        room = self.size.width - len(about) - len(str(cited.n)) - 7
        return Content.assemble(
            (f"{mark} [{cited.n}]", "bold $text-accent"),
            " ",
            (shorten(cited.file, max(8, room)), ""),
            "  ",
            about,
        )

    def on_focus(self) -> None:
        """Bring the passage into view in the sources panel."""
        self.refresh()
        self.post_message(ShowSources(self.evidence, self.n))

    def on_blur(self) -> None:
        """Take the mark away."""
        self.refresh()

    def on_click(self) -> None:
        """Open the source."""
        self.action_open_source()

    def action_copy_citation(self) -> None:
        """Copy the quote and where it stands."""
        self.post_message(CopyCitation(self.evidence, self.n))

    def action_open_source(self) -> None:
        """Open the document at the cited lines."""
        self.post_message(OpenSource(self.evidence, self.n))
