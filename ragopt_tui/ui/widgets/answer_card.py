"""One answer: who speaks, the text as it streams, what is to be said of it, its citations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, cast

from textual.app import ComposeResult
from textual.containers import VerticalGroup
from textual.content import Content
from textual.widgets import Static

from ragopt_tui.chat.answer import Answer
from ragopt_tui.chat.figures.summary import figure_parts
from ragopt_tui.plaintext import without_controls
from ragopt_tui.ui.exchange import Evidence
from ragopt_tui.ui.messages import AnswerDrawn, OpenSource, ShowSources
from ragopt_tui.ui.outdated import about_answer
from ragopt_tui.ui.widgets.citation_chip import CitationChip
from ragopt_tui.ui.widgets.split_line import SplitLine
from ragopt_tui.ui.wording import MUTED, duration, speaker

if TYPE_CHECKING:
    from textual.widgets import Markdown

    from ragopt_tui.chat.source_changes import SourceChange
    from ragopt_tui.ui.app import RagoptApp
    from ragopt_tui.ui.widgets.answer_text import AnswerText

_STYLES = {
    "found": MUTED,
    "computed": MUTED,
    "found elsewhere": "$text-warning",
    "not found": "bold $text-error",
    "uncited": "$text-warning",
}
"""How what is said of the figures looks: quiet where all is well."""


class AnswerCard(VerticalGroup):
    """Shows an answer of one variant from the first sign of it to its end."""

    def __init__(self, variant: str) -> None:
        super().__init__()
        self.variant = variant
        self.evidence = Evidence()
        self._text: AnswerText | None = None
        self._refused = False

    def compose(self) -> ComposeResult:
        """Draw who answers and a line for what is going on."""
        yield SplitLine(self._who(), classes="head")
        yield Static("", markup=False, classes="status")

    def show_name(self) -> None:
        """Call who answers by the name that the library has for it now."""
        head = self.query_one(".head", SplitLine)
        head.show(self._who(), head.right)

    def show_status(self, status: str) -> None:
        """Say what is going on until the first word comes; an empty text takes the line away."""
        line = self.query_one(".status", Static)
        line.update(Content(without_controls(status)))
        line.display = bool(status)

    async def write(self, piece: str) -> None:
        """Append a piece of the answer."""
        text = await self._answer_text()
        self.show_status("")
        await text.write(piece)

    async def finish(self, answer: Answer) -> None:
        """Show the whole answer, what is to be said of it, and its citations."""
        self.variant = answer.variant
        self.evidence = Evidence.of(answer)
        self.show_status("")
        self.set_class(answer.refused, "-refused")
        self.set_class(bool(answer.unsupported), "-unsupported")
        taken = Content.styled(duration(answer.seconds), MUTED)
        self._refused = answer.refused
        self.query_one(".head", SplitLine).show(self._who(), taken)
        text = await self._answer_text()
        text.evidence_count = len(answer.evidence)
        await text.end(answer)
        await self.mount_all(
            [*_remarks(answer), *(CitationChip(self.evidence, c) for c in answer.citations)]
        )
        if answer.sources:
            # To the screen itself: what bubbles up ends at whoever had this answer drawn.
            self.screen.post_message(AnswerDrawn())

    def show_changes(self, changes: Iterable[SourceChange]) -> None:
        """Say which sources are no longer what they were when the answer was given."""
        marked = self.evidence.marked(changes)
        if marked == self.evidence:
            return
        self.evidence = marked
        for chip in self.query(CitationChip):
            chip.evidence = self.evidence
            chip.refresh()
        # Nothing is waited for, so that a newer check cannot end this one half drawn.
        self.query(".-since").remove()
        since = [_since(line) for line in about_answer(marked.changes_beneath())]
        self.mount_all(since, after=self._text)
        self.set_class(any(line.has_class("-problem") for line in since), "-outdated")

    async def stop(self) -> None:
        """Say that the user ended it, and keep what had come."""
        self.show_status("")
        if self._text is not None:
            await self._text.end()
        await self.mount(_remark("Stopped.", "muted"))

    async def fail(self, problem: str, hint: str) -> None:
        """Say what went wrong in a sentence, with what to do, and keep what had come."""
        self.show_status("")
        self.add_class("-failed")
        if self._text is not None:
            await self._text.end()
        await self.mount(_remark(f"! {problem}", "problem"))
        if hint:
            await self.mount(_remark(hint, "muted"))

    def on_markdown_link_clicked(self, event: Markdown.LinkClicked) -> None:
        """Open the source that a citation in the text points at."""
        event.stop()
        assert self._text is not None
        n = self._text.cited(event.href)
        if n is not None:
            self.post_message(OpenSource(self.evidence, n))

    def on_click(self) -> None:
        """Show this answer's passages."""
        if self.evidence.hits:
            self.post_message(ShowSources(self.evidence))

    async def _answer_text(self) -> AnswerText:
        if self._text is None:
            # Here, because Markdown costs a third of the start-up time.
            from ragopt_tui.ui.widgets.answer_text import AnswerText

            self._text = AnswerText(len(self.evidence.hits))
            await self.mount(self._text, after=".status")
        return self._text

    def _who(self) -> Content:
        mark = "◆" if self.variant == "quotes" else "◇"
        name = cast("RagoptApp", self.app).models_name(self.variant)
        who = Content.styled(f"{mark} {speaker(self.variant, name)}", "bold")
        if not self._refused:
            return who
        return Content.assemble(who, ("  ! no answer in the documents", "$text-warning"))


def _remarks(answer: Answer) -> Iterator[Static]:
    if parts := figure_parts(answer):
        said = [Content.styled(without_controls(text), _STYLES[kind]) for kind, text in parts]
        yield Static(Content(" · ").join(said), markup=False, classes="remark -figures")
    for other in answer.other_scope:
        yield _remark(f"! [{other.citation}] is about {other.found}, not {other.asked}.", "problem")
    if answer.unsupported:
        yield _remark(f"! Not supported by its sources: {answer.unsupported}", "problem")
    if answer.refused and answer.evidence:
        yield _remark("The closest passages are under Sources.", "muted")
    if answer.dangling:
        named = ", ".join(f"[{n}]" for n in answer.dangling)
        points = "points" if len(answer.dangling) == 1 else "point"
        yield _remark(f"! {named} {points} at no source.", "problem")


def _since(line: str) -> Static:
    remark = _remark(line, "problem" if line.startswith("!") else "muted")
    return remark.add_class("-since")


def _remark(text: str, kind: str) -> Static:
    return Static(without_controls(text), markup=False, classes=f"remark -{kind}")
