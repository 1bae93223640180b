"""The first line: the tabs, and the folder of documents."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Static

from ragopt_tui.plaintext import without_controls
from ragopt_tui.ui.messages import TabChosen


class Tab(Static):
    """A tab's name, to be clicked; keys change tabs through the actions."""

    def __init__(self, tab: str, title: str) -> None:
        super().__init__(title, markup=False, id=f"tab-{tab}", classes="tab")
        self.tab = tab

    def on_click(self) -> None:
        """Ask for this tab."""
        self.post_message(TabChosen(self.tab))


class TopBar(Horizontal):
    """Tabs at the left, the folder at the right."""

    def compose(self) -> ComposeResult:
        """Draw the tabs and the folder."""
        yield Tab("chat", "Chat")
        yield Tab("documents", "Documents")
        yield Static("", id="folder", markup=False)

    def choose(self, tab: str) -> None:
        """Mark the tab that is open."""
        for each in self.query(Tab):
            each.set_class(each.tab == tab, "-open")

    def show_folder(self, folder: str) -> None:
        """Name the folder of documents."""
        self.query_one("#folder", Static).update(Content(without_controls(folder)))
