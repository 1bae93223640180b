"""The report of a variant's verification, and those of the steps before it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.geometry import Size
from textual.reactive import reactive
from textual.screen import Screen
from textual.widget import Widget

from ragopt_tui.ui.keys import bindings
from ragopt_tui.ui.report_lines import report_lines
from ragopt_tui.ui.widgets.key_bar import KeyBar
from ragopt_tui.ui.widgets.split_line import SplitLine
from ragopt_tui.ui.wording import MUTED, shorten
from ragopt_tui.verification.report import Report

_STEPS = {
    "merge": "merged",
    "convert": "converted to GGUF",
    "quantise": "quantised",
    "adapter gguf": "converted to a GGUF adapter",
    "import": "compared",
}


class VerificationReport(Screen[None]):
    """Shows one report at a time; `names` gives the name of a variant by its id.

    `reports` are those of the steps to the variant in their order, at first its own, the last;
    `stale` says why they hold no longer.
    """

    CSS_PATH = "../verification.tcss"
    BINDINGS: ClassVar[list[BindingType]] = bindings("report")

    def __init__(
        self, name: str, reports: Sequence[Report], names: Callable[[str], str], stale: str = ""
    ) -> None:
        super().__init__()
        self._called, self._reports, self._names = name, reports, names
        self._stale = stale
        self._at = len(reports) - 1

    def compose(self) -> ComposeResult:
        """Draw the title, the report, and the keys."""
        yield SplitLine(id="report-title")
        with VerticalScroll(id="report"):
            yield ReportText()
        yield KeyBar()

    def on_mount(self) -> None:
        """Show the variant's own report, and let the arrow keys scroll."""
        self.query_one(VerticalScroll).focus()
        self._show()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Take away the keys to other reports where there is only one."""
        steps = action in ("next_report", "previous_report")
        return not steps or len(self._reports) > 1

    def action_next_report(self) -> None:
        """Show the report of the step after this."""
        self._step(1)

    def action_previous_report(self) -> None:
        """Show the report of the step before this."""
        self._step(-1)

    def action_close_report(self) -> None:
        """Go back."""
        self.dismiss(None)

    def _step(self, by: int) -> None:
        self._at = max(0, min(len(self._reports) - 1, self._at + by))
        self._show()

    def _show(self) -> None:
        report = self._reports[self._at]
        step = f" · {_STEPS[report.step]}"
        if len(self._reports) > 1:
            step += f" · step {self._at + 1} of {len(self._reports)}"
        title = Content.assemble((f"Report on {shorten(self._called, 60)}", "bold"), (step, MUTED))
        self.query_one(SplitLine).show(title)
        stale = self._stale if self._at == len(self._reports) - 1 else ""
        self.query_one(ReportText).shown = (report, self._names(report.parent), stale)
        self.query_one(VerticalScroll).scroll_home(animate=False)


class ReportText(Widget):
    """As many lines as the report needs at the width there is."""

    shown: reactive[tuple[Report, str, str] | None] = reactive(None, layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Count the lines."""
        return len(self._lines(width))

    def render(self) -> Content:
        """Draw the lines."""
        return Content("\n").join(self._lines(self.content_size.width))

    def _lines(self, width: int) -> list[Content]:
        if self.shown is None or not width:
            return []
        report, parent, stale = self.shown
        lines = report_lines(report, parent, width)
        if not stale:
            return lines
        warned = Content.styled(f"? {stale} Verify it again.", "$text-warning")
        return [*warned.wrap(width), Content(), *lines]
