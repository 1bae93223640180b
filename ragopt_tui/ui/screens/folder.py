"""Asks for a folder of documents."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from ragopt_tui.errors import RagoptError
from ragopt_tui.ui.folder_choice import checked_folder, folders_like, short_path
from ragopt_tui.ui.widgets.key_bar import KeyBar
from ragopt_tui.ui.wording import MUTED, shorten


class FolderScreen(Screen[Path | None]):
    """Gives the folder that was chosen, or None where the user went back."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back"),
        Binding("enter", "open", "Open"),
        Binding("down", "into_list", "Choose below", show=False),
        Binding("tab", "complete", "Complete", priority=True),
    ]

    def __init__(self, known: Sequence[tuple[Path, str]], *, first: bool) -> None:
        """Offer `known` folders, each with why it is offered; `first` means there is no way back."""
        super().__init__()
        self._known, self._first = known, first

    def compose(self) -> ComposeResult:
        """Draw the question, the path, what is wrong with it, and folders to choose from."""
        with Vertical(id="folder-choice"):
            yield Static("Which documents?", classes="dialog-title", markup=False)
            yield Static(
                "Give a folder. Text, Markdown, HTML, CSV, PDF, Word, Excel, PowerPoint, "
                "OpenDocument and e-mail files in it are read; nothing in it is changed.",
                classes="muted",
                markup=False,
            )
            yield Input(placeholder="/path/to/documents", id="folder-path")
            yield Static("", id="folder-problem", markup=False)
            yield OptionList(id="folder-list")
            yield Static(
                "Type a path, or go down to choose one. Ctrl+Q quits.",
                classes="dialog-hint",
                markup=False,
            )
        yield KeyBar()

    def on_mount(self) -> None:
        """Offer the known folders."""
        self._offer(list(self._known))
        self.query_one(Input).focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """There is no way back before the first folder."""
        return not (action == "back" and self._first)

    @on(Input.Changed)
    @work(exclusive=True, thread=True)
    def _complete_as_typed(self, event: Input.Changed) -> None:
        typed = event.value
        offered = [(path, "") for path in folders_like(typed)] if typed else list(self._known)
        self.app.call_from_thread(self._offer, offered)

    @on(Input.Submitted)
    def _choose_typed(self, event: Input.Submitted) -> None:
        self._choose(event.value)

    @on(OptionList.OptionSelected)
    def _choose_listed(self, event: OptionList.OptionSelected) -> None:
        self._choose(event.option_id or "")

    def action_open(self) -> None:
        """Open what is typed; the list and the field take Enter themselves while they have focus."""
        self._choose(self.query_one(Input).value)

    def action_back(self) -> None:
        """Go back without a folder."""
        self.dismiss(None)

    def action_into_list(self) -> None:
        """Go down into the folders offered."""
        folders = self.query_one(OptionList)
        if not folders.has_focus and folders.option_count:
            folders.focus()
            folders.highlighted = folders.highlighted or 0

    def action_complete(self) -> None:
        """Complete the path by the first folder offered, or go on to the list."""
        field, folders = self.query_one(Input), self.query_one(OptionList)
        if field.has_focus and field.value and folders.option_count:
            field.value = f"{folders.get_option_at_index(0).id}/"
            field.cursor_position = len(field.value)
        else:
            self.focus_next()

    def _choose(self, typed: str) -> None:
        try:
            folder = checked_folder(typed)
        except RagoptError as error:
            self.query_one("#folder-problem", Static).update(Content(f"! {error}"))
            self.query_one(Input).focus()
        else:
            self.dismiss(folder)

    def _offer(self, folders: Sequence[tuple[Path, str]]) -> None:
        offered = self.query_one(OptionList)
        offered.clear_options()
        offered.add_options([Option(_row(path, why), id=str(path)) for path, why in folders])
        offered.display = bool(folders)


def _row(path: Path, why: str) -> Content:
    name = shorten(short_path(path), 60)
    return Content.assemble(name, (f"  {why}" if why else "", MUTED))
