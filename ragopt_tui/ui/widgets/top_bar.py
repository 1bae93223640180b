"""The first line: the tabs, the conversation, and the folder of documents."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal
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
    """Tabs at the left, the conversation's title and the folder at the right."""

    def __init__(self, folder: str, open_tab: str) -> None:
        super().__init__()
        self._tabs = (Tab("chat", "Chat"), Tab("documents", "Documents"), Tab("training", "Train"))
        self._title = Static("", id="chat-title", markup=False)
        self._folder = Static(without_controls(folder), id="folder", markup=False)
        self.choose(open_tab)

    def compose(self) -> ComposeResult:
        """Draw the tabs, the title and the folder."""
        yield from self._tabs
        yield self._title
        yield self._folder

    def show_title(self, title: str) -> None:
        """Show the title of the open conversation; the end of a long one gives way."""
        self._title.update(without_controls(title))

    def choose(self, tab: str) -> None:
        """Mark the tab that is open."""
        for each in self._tabs:
            each.set_class(each.tab == tab, "-open")
